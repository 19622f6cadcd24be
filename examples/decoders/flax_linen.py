"""A VAE in Flax Linen, random weights: a method of the module, with the variables bound in.

    elbogap audit examples/decoders/flax_linen.py:decoder --latent-dim 2 --noise-var 1e-2

Linen keeps functions and parameters apart, so that the decoder is a closure over `apply`; `method=` names the part.
Layers such as Dropout take `deterministic=True`, BatchNorm `use_running_average=True`.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp


class VAE(nn.Module):
    """Images (4, 4, 1), two latents."""

    def setup(self):
        """The layers of both parts."""
        self.encoder = nn.Dense(4)
        self.first, self.second, self.norm = nn.Dense(32), nn.Dense(2 * 2 * 8), nn.LayerNorm()
        self.last = nn.ConvTranspose(1, (3, 3), strides=(2, 2))
        self.drop = nn.Dropout(0.1)

    def decode(self, z, deterministic=True):
        """Images of latents, one or a batch."""
        hidden = self.norm(self.second(nn.silu(self.first(z) + 1.0)))
        hidden = self.drop(nn.silu(hidden), deterministic=deterministic)
        return self.last(hidden.reshape(*z.shape[:-1], 2, 2, 8))

    def __call__(self, x):
        """Reconstruction at the encoder's mean."""
        mean, _ = jnp.split(self.encoder(x.reshape(len(x), -1)), 2, axis=-1)
        return self.decode(mean)


model = VAE()
variables = model.init(jax.random.key(0), jnp.zeros((1, 4, 4, 1)))


def decoder(z):
    """The image of one z."""
    return model.apply(variables, z, method="decode")
