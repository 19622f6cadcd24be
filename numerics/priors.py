"""Prior densities p0 over the latent space R^d.

Every prior has `log_prob(z)`, a scalar for z of shape (d,), and `sample(rng, d)`, which draws one point
with a NumPy `Generator` (so that instances are drawn without compiling anything). Parameters are pytree
leaves: they can be traced and mapped. Factorised priors take scalar parameters or one parameter a
coordinate.

In the claims' notation ell = log p0; the limit theorems need neither a factorised nor a log-concave prior
(claim `priors`).
"""

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

from ..errors import RequestError
from .requests import finite, instance, positive, real_array, refused

Point = Float[Array | np.ndarray, " d"]

_LOG_2PI = float(np.log(2 * np.pi))


class Prior(eqx.Module):
    """A density on R^d."""

    @abstractmethod
    def log_prob(self, z: Point) -> Float[Array, ""]:
        """Return log p0(z) for z (d,)."""

    @abstractmethod
    def sample(self, rng: np.random.Generator, d: int) -> np.ndarray:
        """Draw one point (d,) with NumPy."""

    def check(self, d: int) -> None:
        """Raise `RequestError` unless the parameters fit d latents: a scalar or (d,) each, and a scalar density."""
        for name in ("loc", "scale", "df", "centre"):
            shape = jnp.shape(getattr(self, name, 0.0))
            if shape not in ((), (d,)):
                raise RequestError(f"prior: expected {name} of shape () or ({d},), got {shape}")
        shape = jnp.shape(jax.eval_shape(self.log_prob, jax.ShapeDtypeStruct((d,), jnp.result_type(float))))
        if shape != ():
            raise RequestError(f"prior: expected log_prob to return a scalar for z ({d},), got shape {shape}")

    @property
    def slope_jump(self) -> Float[Array, ""]:
        """The largest jump of a partial derivative of log p0: 0 for smooth priors. Quadrature adds it to its error."""
        return jnp.zeros(())

    def push(self, u: Point) -> Float[Array, " d"]:
        """Map a point of N(0, I_d) to the bulk of the prior; only used to place the starts of searches."""
        return jnp.asarray(u)


class Normal(Prior):
    """Independent N(loc, scale^2) coordinates; loc and scale scalar or (d,).

    Twice as wide as the standard normal, in two dimensions:

        >>> print(f"{Normal(scale=2.0).log_prob(jnp.zeros(2)):.6f} {-jnp.log(8 * jnp.pi):.6f}")
        -3.224171 -3.224171
    """

    loc: Float[Array, "..."]
    scale: Float[Array, "..."]

    def __init__(self, loc: ArrayLike = 0.0, scale: ArrayLike = 1.0):
        self.loc = finite("loc", real_array("loc", loc))
        self.scale = positive("scale", real_array("scale", scale))

    def log_prob(self, z: Point) -> Float[Array, ""]:
        """Return sum_k -1/2 ((z_k - loc)/scale)^2 - log scale - 1/2 log 2 pi."""
        r = (z - self.loc) / self.scale
        return jnp.sum(-0.5 * r * r - jnp.log(self.scale) - 0.5 * _LOG_2PI)

    def sample(self, rng: np.random.Generator, d: int) -> np.ndarray:
        """Draw one point (d,)."""
        return np.asarray(self.loc) + np.asarray(self.scale) * rng.standard_normal(d)

    def push(self, u: Point) -> Float[Array, " d"]:
        """Return loc + scale u."""
        return self.loc + self.scale * u


class CorrelatedNormal(Prior):
    """N(mean, covariance): a prior that is not factorised; mean (d,), covariance (d, d)."""

    mean: Float[Array, " d"]
    covariance: Float[Array, "d d"]

    def __init__(self, mean: ArrayLike, covariance: ArrayLike):
        self.mean = finite("mean", real_array("mean", mean))
        cov = real_array("covariance", covariance)
        if cov.shape != (*self.mean.shape, *self.mean.shape):
            raise RequestError(f"covariance: expected shape {self.mean.shape * 2}, got {cov.shape}")
        bad = jnp.any(jnp.isnan(jnp.linalg.cholesky(cov))) | jnp.any(cov != cov.T)
        self.covariance = refused(cov, bad, "covariance: expected a symmetric positive definite matrix")

    def log_prob(self, z: Point) -> Float[Array, ""]:
        """Return the Gaussian log-density through the Cholesky factor."""
        factor = jnp.linalg.cholesky(self.covariance)
        r = jnp.linalg.solve(factor, z - self.mean)
        return -0.5 * jnp.sum(r * r) - jnp.sum(jnp.log(jnp.diagonal(factor))) - 0.5 * z.shape[0] * _LOG_2PI

    def check(self, d: int) -> None:
        """Raise `RequestError` unless the mean is (d,)."""
        if self.mean.shape != (d,):
            raise RequestError(f"prior: expected mean of shape ({d},), got {self.mean.shape}")

    def sample(self, rng: np.random.Generator, d: int) -> np.ndarray:
        """Draw one point (d,); d must be the dimension of the mean."""
        return np.asarray(self.mean) + np.linalg.cholesky(np.asarray(self.covariance)) @ rng.standard_normal(d)

    def push(self, u: Point) -> Float[Array, " d"]:
        """Return mean + L u with covariance = L L'."""
        return self.mean + jnp.linalg.cholesky(self.covariance) @ u


class Logistic(Prior):
    """Independent standard logistic coordinates (location 0, scale 1)."""

    def log_prob(self, z: Point) -> Float[Array, ""]:
        """Return sum_k -z_k - 2 log(1 + exp(-z_k))."""
        return jnp.sum(-z - 2 * jnp.logaddexp(0.0, -z))

    def sample(self, rng: np.random.Generator, d: int) -> np.ndarray:
        """Draw one point (d,)."""
        return rng.logistic(size=d)


class UniformLogitNormal(Logistic):
    """A uniform prior on (0, 1)^d with a logit-normal encoder z = sigmoid(y), y Gaussian.

    Written in y it is exactly the logistic prior with the decoder f o sigmoid and a Gaussian encoder (claim `priors`);
    the decoder of the model must therefore be f o sigmoid. A Gaussian encoder in z itself would have ELBO =
    -inf.
    """


class Laplace(Prior):
    """Independent Laplace coordinates with scale b; its log-density has a kink at 0: rate sqrt(eps) there."""

    scale: Float[Array, "..."]

    def __init__(self, scale: ArrayLike = 1.0):
        self.scale = positive("scale", real_array("scale", scale))

    def log_prob(self, z: Point) -> Float[Array, ""]:
        """Return sum_k -|z_k|/b - log 2b."""
        return jnp.sum(-jnp.abs(z) / self.scale - jnp.log(2 * self.scale))

    def sample(self, rng: np.random.Generator, d: int) -> np.ndarray:
        """Draw one point (d,)."""
        return np.asarray(self.scale) * rng.laplace(size=d)

    @property
    def slope_jump(self) -> Float[Array, ""]:
        """Return 2/b, the jump at z_k = 0."""
        return jnp.max(2 / self.scale)

    def push(self, u: Point) -> Float[Array, " d"]:
        """Return scale u."""
        return self.scale * u


class StudentT(Prior):
    """Independent Student t coordinates with df degrees of freedom, location 0, scale 1 (heavy tails)."""

    df: Float[Array, "..."]

    def __init__(self, df: ArrayLike = 3.0):
        self.df = positive("df", real_array("df", df))

    def log_prob(self, z: Point) -> Float[Array, ""]:
        """Return the sum over k of the log-density -(df+1)/2 log(1 + z_k^2/df) + const."""
        half = 0.5 * (self.df + 1)
        constant = gammaln(half) - gammaln(0.5 * self.df) - 0.5 * jnp.log(self.df * jnp.pi)
        return jnp.sum(constant - half * jnp.log1p(z * z / self.df))

    def sample(self, rng: np.random.Generator, d: int) -> np.ndarray:
        """Draw one point (d,)."""
        return rng.standard_t(np.broadcast_to(np.asarray(self.df), (d,)))


class Bimodal(Prior):
    """Independent coordinates, each an even mixture of N(-centre, scale^2) and N(centre, scale^2).

    Not log-concave where centre > scale.
    """

    centre: Float[Array, "..."]
    scale: Float[Array, "..."]

    def __init__(self, centre: ArrayLike = 1.0, scale: ArrayLike = 0.7):
        self.centre = finite("centre", real_array("centre", centre))
        self.scale = positive("scale", real_array("scale", scale))

    def push(self, u: Point) -> Float[Array, " d"]:
        """Return sqrt(centre^2 + scale^2) u."""
        return jnp.sqrt(self.centre**2 + self.scale**2) * u

    def log_prob(self, z: Point) -> Float[Array, ""]:
        """Return sum_k of the log of the mixture's density."""
        left, right = (-0.5 * ((z - centre) / self.scale) ** 2 for centre in (-self.centre, self.centre))
        return jnp.sum(jnp.logaddexp(left, right) - jnp.log(2 * self.scale) - 0.5 * _LOG_2PI)

    def sample(self, rng: np.random.Generator, d: int) -> np.ndarray:
        """Draw one point (d,)."""
        return rng.choice([-1.0, 1.0], size=d) * np.asarray(self.centre) + np.asarray(self.scale) * rng.standard_normal(
            d
        )


class Choice(Prior):
    """One of several priors, chosen by a traced index: a single compiled program then serves all of them."""

    priors: tuple[Prior, ...]
    index: Int[Array, ""]

    def __init__(self, priors: tuple[Prior, ...], index: int | Int[Array | np.ndarray, ""]):
        self.priors = tuple(priors)
        for prior in self.priors:
            instance("priors", prior, Prior, "Normal()")
        chosen = jnp.asarray(index)
        outside = (chosen < 0) | (chosen >= len(self.priors))
        self.index = refused(chosen, outside, f"index: expected 0 <= index < {len(self.priors)}")

    def log_prob(self, z: Point) -> Float[Array, ""]:
        """Return the chosen prior's log-density (all of them are evaluated; they must be finite at z)."""
        return jnp.stack([prior.log_prob(z) for prior in self.priors])[self.index]

    def sample(self, rng: np.random.Generator, d: int) -> np.ndarray:
        """Draw one point (d,) from the chosen prior."""
        return self.priors[int(self.index)].sample(rng, d)

    def check(self, d: int) -> None:
        """Check every prior."""
        for prior in self.priors:
            prior.check(d)

    @property
    def slope_jump(self) -> Float[Array, ""]:
        """Return that of the chosen prior."""
        return jnp.stack([prior.slope_jump for prior in self.priors])[self.index]

    def push(self, u: Point) -> Float[Array, " d"]:
        """Map u with the chosen prior."""
        return jnp.stack([prior.push(u) for prior in self.priors])[self.index]
