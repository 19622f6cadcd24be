"""multivae's MVAE, a model of two modalities, random weights: one decoder, and both as one.

    elbogap audit examples/decoders/multivae_vae.py:joint --latent-dim 2 \
        --noise-var examples/decoders/multivae_vae.py:variances
    elbogap audit examples/decoders/multivae_vae.py:model.decoders.curve --latent-dim 2 --noise-var 1e-2

The theorem is about the model that generates all data: given z the modalities are independent, so that a joint
decoder stacks them. `decoder_dist_params` sets their standard deviations ("scale"), whose squares are the noise
variances.
"""

import torch
from multivae.models import MVAE, MVAEConfig

SHAPES = {"image": (1, 4, 4), "curve": (6,)}
SCALES = {"image": 0.1, "curve": 0.05}
torch.manual_seed(0)
model = MVAE(
    MVAEConfig(
        n_modalities=2,
        latent_dim=2,
        input_dims=SHAPES,
        decoder_dist_params={name: {"scale": scale} for name, scale in SCALES.items()},
    )
)


class Joint(torch.nn.Module):
    """z (n, 2) -> all modalities in a row (n, 22)."""

    def __init__(self):
        super().__init__()
        self.decoders = model.decoders

    def forward(self, z):
        """Image and curve."""
        return torch.cat([self.decoders[name](z).reconstruction.flatten(1) for name in SHAPES], dim=1)


joint = Joint()
variances = torch.cat([torch.full((torch.Size(shape).numel(),), SCALES[name] ** 2) for name, shape in SHAPES.items()])
