"""The Darmois construction in two dimensions: a spurious solution with the likelihood of the truth.

Truth: x = M (s_1 + p(s_2), s_2), s ~ N(0, I), the shear of `shear.py`. Darmois (1951; Hyvarinen and Pajunen,
Neural Networks 12, 1999) maps x to independent Gaussian coordinates in the order x_1, x_2:

    y_1 = Phi^-1(F_1(x_1)),   y_2 = Phi^-1(F_2|1(x_2 | x_1)),

with triangular Jacobian and exactly the density of x, so the decoder y -> x has the truth's likelihood for
every noise. For this truth both distribution functions are one-dimensional integrals over s_2. Given s_2, x_1
is normal with mean m(s_2) = M_11 p(s_2) + M_12 s_2 and deviation |M_11|; given x_1, x_2 = (M_21 / M_11) x_1 +
(det M / M_11) s_2 is linear in s_2.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtri
from jaxtyping import Array, Float

from ...errors import RequestError
from .decoder import Decoder, Matrix, Vector
from .draws import signed
from .monotone import invert_increasing

REACH = 9.0  # beyond 9 standard deviations the Gaussian carries 1e-19
# Over the whole line the trapezoidal rule converges exponentially; over a part of it, Gauss-Legendre panels
# do. Both resolve densities of width 0.1, the conditional one where m is steep.
_LINE = np.linspace(-REACH, REACH, 361)
_PANELS, _NODES = 12, 16
_GAUSS, _GAUSS_WEIGHTS = np.polynomial.legendre.leggauss(_NODES)
_UNIT = ((np.arange(_PANELS)[:, None] + (_GAUSS + 1) / 2) / _PANELS).ravel()  # nodes on [0, 1]
_UNIT_WEIGHTS = np.tile(_GAUSS_WEIGHTS / (2 * _PANELS), _PANELS)


class Darmois(Decoder):
    """The decoder y -> x of the Darmois construction for a shear: M (2, 2), q and r (1,); det M and M_11 positive."""

    matrix: Matrix
    quadratic: Vector
    cubic: Vector

    def _mean(self, s: Array) -> Array:
        """m(s_2), the mean of x_1 given s_2."""
        bend = s**2 * (self.quadratic[0] + s * self.cubic[0])
        return self.matrix[0, 0] * bend + self.matrix[0, 1] * s

    def _first(self, x: Float[Array, ""]) -> Float[Array, ""]:
        """y_1 of x_1; the smaller tail is integrated, so that both tails keep their digits."""
        s = jnp.asarray(_LINE)
        weight = jnp.exp(-(s**2) / 2) * (_LINE[1] - _LINE[0]) / np.sqrt(2 * np.pi)
        standard = (x - self._mean(s)) / self.matrix[0, 0]
        return _normal_quantile(weight @ _normal_cdf(standard), weight @ _normal_cdf(-standard))

    def _second(self, x: Float[Array, ""], s: Float[Array, ""]) -> Float[Array, ""]:
        """y_2 of (x_1, s_2): the conditional distribution function of s_2 given x_1."""

        def mass(low: Array | float, high: Array | float) -> Array:
            nodes = low + (high - low) * jnp.asarray(_UNIT)
            standard = (x - self._mean(nodes)) / self.matrix[0, 0]
            return (high - low) * (jnp.asarray(_UNIT_WEIGHTS) @ jnp.exp(-(nodes**2 + standard**2) / 2))

        below, above = mass(-REACH, s), mass(s, REACH)
        return _normal_quantile(below / (below + above), above / (below + above))

    def __call__(self, z: Float[Array, "2"]) -> Float[Array, "2"]:
        """x, by inverting the two increasing functions; derivatives are those of the implicit functions."""
        widest = self.matrix[0, 0] * REACH + jnp.abs(self._mean(jnp.array([-REACH, REACH]))).sum()
        x = invert_increasing(self._first, z[0], widest)
        s = invert_increasing(lambda t: self._second(x, t), z[1], jnp.full_like(x, REACH - 1.0))
        determinant = self.matrix[0, 0] * self.matrix[1, 1] - self.matrix[0, 1] * self.matrix[1, 0]
        return jnp.stack([x, (self.matrix[1, 0] * x + determinant * s) / self.matrix[0, 0]])

    def inverse(self, x: Float[Array, "2"]) -> Float[Array, "2"]:
        """The Darmois construction itself: y of x."""
        determinant = self.matrix[0, 0] * self.matrix[1, 1] - self.matrix[0, 1] * self.matrix[1, 0]
        s = (self.matrix[0, 0] * x[1] - self.matrix[1, 0] * x[0]) / determinant
        return jnp.stack([self._first(x[0]), self._second(x[0], s)])


def _normal_cdf(t: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """Phi(t), with full relative accuracy in the lower tail."""
    return 0.5 * jax.lax.erfc(-t / np.sqrt(2.0))


@jax.custom_jvp
def _normal_quantile(below: Float[Array, ""], above: Float[Array, ""]) -> Float[Array, ""]:
    """Phi^-1 of a probability given with its complement; the smaller one decides."""
    lower = below < above
    return jnp.where(lower, 1.0, -1.0) * ndtri(jnp.where(lower, below, above))


@_normal_quantile.defjvp
def _(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    """dy = d(below) / phi(y) = -d(above) / phi(y), shorter to compile than the derivative of rational functions."""
    y = _normal_quantile(*primals)
    change = jnp.where(primals[0] < primals[1], tangents[0], -tangents[1])
    return y, change * jnp.exp(y**2 / 2) * np.sqrt(2 * np.pi)


def draw_darmois(rng: np.random.Generator, latent_dim: int) -> Darmois:
    """M near the identity with both off-diagonal entries of size 0.2 to 0.5, p as for shears. latent_dim = 2."""
    if latent_dim != 2:
        raise RequestError(f"the construction is for the plane, expected latent_dim 2, got {latent_dim}")
    off = signed(rng, 0.2, 0.5, 2)
    matrix = np.array([[rng.uniform(0.9, 1.2), off[0]], [off[1], rng.uniform(0.9, 1.2)]])
    return Darmois(matrix, signed(rng, 0.15, 0.35, 1), signed(rng, 0.04, 0.1, 1))
