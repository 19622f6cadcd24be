"""diffusers' AutoencoderKL, a small one, random weights: group norm, attention, latents that are images.

    elbogap audit examples/decoders/diffusers_kl.py:Flat --latent-dim 4 --noise-var 1e-3

The decoder's group norm and attention have no derivatives of all orders in PyTorch's fused kernels: the audit takes
them by plain operations, and its page names the route. Models of diffusion have `scaling_factor`: z here is that of
the encoder.
"""

import torch
from diffusers import AutoencoderKL

SHAPE = (1, 2, 2)


class Flat(torch.nn.Module):
    """z (n, 4) -> images (n, 1, 4, 4)."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.vae = AutoencoderKL(
            in_channels=1,
            out_channels=1,
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            block_out_channels=(8, 8),
            layers_per_block=1,
            latent_channels=1,
            norm_num_groups=2,
        )

    def forward(self, z):
        """Images, as a DecoderOutput."""
        return self.vae.decode(z.reshape(len(z), *SHAPE))
