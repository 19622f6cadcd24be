"""A decoder in Haiku, random weights: the pure function behind `hk.transform`, its parameters bound in.

    elbogap audit examples/decoders/haiku_vae.py:decoder --latent-dim 2 --observation bernoulli-logits

`hk.without_apply_rng` says that no random numbers are drawn; with batch norm it is `hk.transform_with_state`,
`is_training=False`, and the state of the training's end.
"""

import haiku as hk
import jax
import jax.numpy as jnp


def network(z):
    """Logits of 4 x 4 pixels."""
    hidden = jax.nn.softplus(hk.Linear(32)(z))
    return hk.Reshape((4, 4))(2 * hk.Linear(16)(hidden))


transformed = hk.without_apply_rng(hk.transform(network))
parameters = transformed.init(jax.random.key(0), jnp.zeros((1, 2)))


def decoder(z):
    """Logits for a batch of z."""
    return transformed.apply(parameters, z)
