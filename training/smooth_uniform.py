"""A uniform prior with smooth edges and full support, and its map to the normal law.

w = u + scale l in each coordinate, u uniform on (0, 1) and l standard logistic, independent. With v = w - 1/2

    p(w) = sig((1/2 + v) / scale) sig((1/2 - v) / scale) / (1 - exp(-1 / scale)),
    P(|w - 1/2| > v) / 2 = Q(v) = scale [softplus((1/2 - v) / scale) - softplus((-1/2 - v) / scale)],

sig the logistic function. Unlike the uniform law it has no edge beyond which a likelihood is -inf, so that one model
can be trained by likelihood and as a VAE. g = -sign(v) Phi^-1(Q(|v|)) is standard normal; g -> w has the closed form
v = 1/2 + scale [log(1 - exp((Q - 1) / scale)) - log(exp(Q / scale) - 1)]. Both work on the smaller tail, which keeps
the digits that 1 - Q would lose.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr, ndtri
from jaxtyping import Array, Float

from ..errors import RequestError
from ..numerics.priors import Point, Prior

_FARTHEST = 60.0  # of |v| - 1/2 in scales, where Q is still a float32; no more than a guard
_FARTHEST_NORMAL = 11.0  # the same for g


class SmoothUniform(Prior):
    """Independent coordinates, uniform on (0, 1) plus `scale` times a standard logistic variable; scale in (0, 1)."""

    scale: float = eqx.field(static=True)

    def __init__(self, scale: float = 0.04):
        if not 0 < scale < 1:
            raise RequestError(f"scale: expected 0 < scale < 1, got {scale}")
        self.scale = scale

    @property
    def std(self) -> float:
        """The standard deviation of a coordinate."""
        return float(np.sqrt(1 / 12 + (np.pi * self.scale) ** 2 / 3))

    def log_prob(self, z: Point) -> Float[Array, ""]:
        """The log-density at w, here called z as in `Prior`."""
        v = (z - 0.5) / self.scale
        half = 0.5 / self.scale
        edges = jax.nn.log_sigmoid(half + v) + jax.nn.log_sigmoid(half - v)
        return jnp.sum(edges - float(np.log(-np.expm1(-1 / self.scale))))

    def sample(self, rng: np.random.Generator, d: int) -> np.ndarray:
        """One point w (d,)."""
        return rng.uniform(size=d) + self.scale * rng.logistic(size=d)

    def to_normal(self, w: Float[Array, "d"]) -> Float[Array, "d"]:
        """The monotone map of each coordinate to the standard normal law."""
        v, half, scale = w - 0.5, 0.5, self.scale
        far = jnp.minimum(jnp.abs(v), half + _FARTHEST * scale)
        tail = scale * (jax.nn.softplus((half - far) / scale) - jax.nn.softplus((-half - far) / scale))
        return -jnp.sign(v) * ndtri(tail)

    def from_normal(self, g: Float[Array, "d"]) -> Float[Array, "d"]:
        """The inverse of `to_normal`."""
        scale = self.scale
        tail = ndtr(-jnp.minimum(jnp.abs(g), _FARTHEST_NORMAL))
        far = 0.5 + scale * (jnp.log1p(-jnp.exp((tail - 1) / scale)) - jnp.log(jnp.expm1(tail / scale)))
        return 0.5 + jnp.sign(g) * far
