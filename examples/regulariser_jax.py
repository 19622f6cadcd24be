"""`ima_contrast` as a regulariser in a JAX training loss: the same fit with and without it.

    python examples/regulariser_jax.py

A decoder with two latents is fitted to x = f_true(R s), R a rotation: the fit alone leaves the latents entangled, since
a rotation of N(0, I) costs nothing. With 0.3 * mean contrast in the loss the columns of its Jacobian become orthogonal
at nearly the same error. Latents are the known s here, to keep the example to one network; in a VAE the term is added
to the negative ELBO in the same way.
"""

import jax
import jax.numpy as jnp
import optax
from elbogap import ima_contrast

WEIGHT, STEPS, BATCH = 0.3, 800, 128


def decode(parameters, z):
    """One hidden layer: (2,) -> (3,)."""
    (w, b), (v, c) = parameters["hidden"], parameters["out"]
    return v @ jnp.tanh(w @ z + b) + c


def initial(key):
    """Parameters of the decoder, with 32 hidden units."""
    first, second = jax.random.split(key)
    return {
        "hidden": (jax.random.normal(first, (32, 2)), jnp.zeros(32)),
        "out": (jax.random.normal(second, (3, 32)) / 32**0.5, jnp.zeros(3)),
    }


def target(s):
    """Curved axes, rotated by 0.7: the contrast of s -> target(s) is not 0."""
    c, d = jnp.cos(0.7), jnp.sin(0.7)
    u, v = c * s[0] - d * s[1], d * s[0] + c * s[1]
    return jnp.stack([2.0 * u, 0.5 * v, 0.3 * u**2])


def loss(parameters, angle, s, weight):
    """Mean squared error, plus the weighted mean contrast of the decoder behind a rotation of its latents."""
    c, d = jnp.cos(angle), jnp.sin(angle)
    z = s @ jnp.array([[c, -d], [d, c]]).T
    error = jnp.mean((jax.vmap(lambda point: decode(parameters, point))(z) - jax.vmap(target)(s)) ** 2)
    contrast = jnp.mean(ima_contrast(lambda point: decode(parameters, point), z))
    return error + weight * contrast, (error, contrast)


def train(weight: float, steps: int = STEPS, seed: int = 0) -> tuple[float, float]:
    """Fit decoder and rotation; the last mean squared error and mean contrast."""
    parameters = initial(jax.random.key(seed)), jnp.zeros(())
    optimiser = optax.adam(1e-2)
    state = optimiser.init(parameters)

    @jax.jit
    def step(parameters, state, key):
        s = jax.random.normal(key, (BATCH, 2))
        gradient, terms = jax.grad(lambda p: loss(*p, s, weight), has_aux=True)(parameters)
        updates, state = optimiser.update(gradient, state)
        return optax.apply_updates(parameters, updates), state, terms

    for key in jax.random.split(jax.random.key(seed + 1), steps):
        parameters, state, (error, contrast) = step(parameters, state, key)
    return float(error), float(contrast)


if __name__ == "__main__":
    for weight in (0.0, WEIGHT):
        error, contrast = train(weight)
        print(f"weight {weight}: mean squared error {error:.4f}, mean contrast {contrast:.4f} nat")
