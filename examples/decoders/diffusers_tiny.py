"""diffusers' AutoencoderTiny, a small one, random weights: latents that are images, and a DecoderOutput.

    elbogap audit examples/decoders/diffusers_tiny.py:Flat --latent-dim 4 --noise-var 1e-3

Latents (1, 2, 2) are four numbers to the audit: `Flat` gives them their shape. A trained one comes from
`AutoencoderTiny.from_pretrained`. Its activations are ReLUs, as in the released weights: its derivative jumps.
"""

import torch
from diffusers import AutoencoderTiny

SHAPE = (1, 2, 2)


class Flat(torch.nn.Module):
    """z (n, 4) -> images (n, 1, 4, 4)."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.vae = AutoencoderTiny(
            in_channels=1,
            out_channels=1,
            encoder_block_out_channels=(8, 8),
            decoder_block_out_channels=(8, 8),
            num_encoder_blocks=(1, 1),
            num_decoder_blocks=(1, 1),
            latent_channels=1,
        )

    def forward(self, z):
        """Images, as a DecoderOutput."""
        return self.vae.decode(z.reshape(len(z), *SHAPE))
