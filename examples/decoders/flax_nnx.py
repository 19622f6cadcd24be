"""A VAE in Flax NNX, random weights: its decoder, with batch norm and dropout, is a callable part of it.

    elbogap audit examples/decoders/flax_nnx.py:vae.decoder --latent-dim 2 --noise-var 1e-2

NNX modules start in training mode, where dropout draws and batch norm updates its statistics: `vae.eval()` ends both.
The class `VAE` without that call is refused, and the line says so.
"""

import jax
from flax import nnx


class Decoder(nnx.Module):
    """z (n, 2) -> (n, 12)."""

    def __init__(self, rngs: nnx.Rngs):
        self.first = nnx.Linear(2, 32, rngs=rngs)
        self.norm = nnx.BatchNorm(32, rngs=rngs)
        self.drop = nnx.Dropout(0.1, rngs=rngs)
        self.last = nnx.Linear(32, 12, rngs=rngs)

    def __call__(self, z):
        """Means."""
        return self.last(self.drop(nnx.gelu(self.norm(self.first(z)))))


class VAE(nnx.Module):
    """Encoder and decoder; called without arguments it makes its own random numbers."""

    def __init__(self, rngs: nnx.Rngs | None = None):
        rngs = rngs or nnx.Rngs(0)
        self.encoder = nnx.Linear(12, 4, rngs=rngs)
        self.decoder = Decoder(rngs)

    def __call__(self, x):
        """Reconstruction at the encoder's mean."""
        mean, _ = jax.numpy.split(self.encoder(x), 2, axis=-1)
        return self.decoder(mean)


vae = VAE()
vae.eval()
