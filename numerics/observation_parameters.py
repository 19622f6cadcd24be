"""Observations whose decoder gives probabilities, rates, means with a dispersion, or logits of classes.

Notation as in `observations`: t = x / n, V the potential, F the Fisher information of one repetition in f. Negative
binomial in the parametrisation of scvi-tools: mean mu, inverse dispersion theta, variance mu + mu^2 / theta
(Lopez et al., Nature Methods 15, 2018). For fixed theta it is an exponential family with eta = log(mu / (mu + theta));
where theta is decoded, too, it is none, but mu and theta are orthogonal in F, and with
E exp(-t X) = (1 + mu (1 - exp(-t)) / theta)^-theta

    F_theta = int_0^inf t exp(-theta t) / (1 - exp(-t)) [1 - E exp(-t X)] dt - mu / (theta (mu + theta)).
"""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln, logsumexp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float

from ..errors import RequestError
from .observations import Binomial, ExponentialFamily, Observation, Parameters, Poisson, Vector, as_count
from .requests import positive, real_array, whole_number

# Probabilities and rates are kept this far from where a logarithm is infinite: 1 - _BELOW_ONE is a unit in the last
# place below 1.
_LEAST, _BELOW_ONE = 1e-300, 2.0**-53

# The integral over t = exp(u) / theta by the trapezoid rule, which is exact to round-off for such a step.
_STEP, _RANGE = 0.3, (-28.0, 4.0)


def _sensitivity(observation: Observation, f: Parameters, x: Vector) -> Float[Array, ""]:
    """How far V moves for a relative error of one in every output."""
    return jnp.sum(jnp.abs(jax.grad(lambda y: observation.potential(y, x))(jnp.asarray(f)) * f))


class BernoulliProbability(Binomial):
    """x ~ Binomial(n, f), f the probability; n = 1 is Bernoulli, and x in [0, 1] then taken as by `Bernoulli`."""

    support: ClassVar[str] = "0 or 1, or fractions between them"
    parameters: ClassVar[str] = "probabilities in [0, 1]"

    def __init__(self, n: ArrayLike = 1.0):
        super().__init__(n)

    def natural(self, f: Vector) -> Float[Array, " D"]:
        """Return log(f / (1 - f))."""
        inside = jnp.clip(f, _LEAST, 1 - _BELOW_ONE)
        return jnp.log(inside) - jnp.log1p(-inside)

    def log_base(self, x: Vector) -> Float[Array, ""]:
        """Return the sum of log binomial coefficients, 0 for n = 1."""
        return jnp.where(self.n == 1, 0.0, super().log_base(x))

    def magnitude(self, f: Vector, x: Vector) -> Float[Array, ""]:
        """Return |Psi(eta)| + |t eta|, and what a relative error of the probabilities does."""
        return super().magnitude(f, x) + _sensitivity(self, f, x)

    def in_support(self, x: np.ndarray) -> Bool[np.ndarray, "..."]:
        """Return where x is a whole number from 0 to n; for n = 1 where 0 <= x <= 1."""
        n = float(self.n)
        return (x >= 0) & (x <= n) & ((n == 1) | (x == np.round(x)))

    def admits(self, f: np.ndarray) -> Bool[np.ndarray, "..."]:
        """Return where 0 <= f <= 1."""
        return (f >= 0) & (f <= 1)


class PoissonRate(Poisson):
    """x ~ Poisson(n f), f the rate of one repetition."""

    parameters: ClassVar[str] = "rates >= 0"

    def __init__(self, n: ArrayLike = 1.0):
        super().__init__(n)

    def natural(self, f: Vector) -> Float[Array, " D"]:
        """Return log f."""
        return jnp.log(jnp.maximum(f, _LEAST))

    def magnitude(self, f: Vector, x: Vector) -> Float[Array, ""]:
        """Return |Psi(eta)| + |t eta|, and what a relative error of the rates does."""
        return super().magnitude(f, x) + _sensitivity(self, f, x)

    def admits(self, f: np.ndarray) -> Bool[np.ndarray, "..."]:
        """Return where f >= 0."""
        return (f >= 0) & np.isfinite(f)


class NegativeBinomial(ExponentialFamily):
    """x the sum of n negative binomial counts of mean f and inverse dispersion theta: mean n f, n f (1 + f / theta).

    dispersion: theta, a scalar or (D,), positive; the variance of one count is f + f^2 / theta.
    """

    n: Float[Array, ""]
    dispersion: Float[Array, "..."]
    support: ClassVar[str] = Poisson.support
    parameters: ClassVar[str] = "means >= 0"

    def __init__(self, dispersion: ArrayLike, n: ArrayLike = 1.0):
        array = real_array("dispersion", dispersion)
        if array.ndim > 1:
            raise RequestError(f"dispersion: expected a scalar or (D,), got shape {array.shape}")
        self.dispersion = positive("dispersion", array)
        self.n = as_count(n)

    def log_partition(self, eta: Vector) -> Float[Array, " D"]:
        """Return -theta log(1 - exp eta)."""
        return -self.dispersion * jnp.log(-jnp.expm1(eta))

    def natural(self, f: Vector) -> Float[Array, " D"]:
        """Return log(f / (f + theta))."""
        return -jnp.log1p(self.dispersion / jnp.maximum(f, _LEAST))

    def log_base(self, x: Vector) -> Float[Array, ""]:
        """Return the sum of log Gamma(x + n theta) - log Gamma(n theta) - log x!."""
        total = jnp.broadcast_to(self.n * self.dispersion, x.shape)
        return jnp.sum(gammaln(x + total) - gammaln(total) - gammaln(x + 1))

    def magnitude(self, f: Vector, x: Vector) -> Float[Array, ""]:
        """Return |Psi(eta)| + |t eta|, and what a relative error of the means does."""
        return super().magnitude(f, x) + _sensitivity(self, f, x)

    def size(self, outputs: int) -> int:
        """Return the number of outputs; `RequestError` where there are not as many dispersions."""
        if self.dispersion.shape not in ((), (outputs,)):
            raise RequestError(
                f"dispersion: expected a scalar or one for each of {outputs} outputs, got {self.dispersion.shape}"
            )
        return outputs

    def in_support(self, x: np.ndarray) -> Bool[np.ndarray, "..."]:
        """Return where x is a count."""
        return (x >= 0) & (x == np.round(x)) & np.isfinite(x)

    def admits(self, f: np.ndarray) -> Bool[np.ndarray, "..."]:
        """Return where f >= 0."""
        return (f >= 0) & np.isfinite(f)


class DecodedNegativeBinomial(Observation):
    """x ~ negative binomial of mean mu and inverse dispersion theta, f = (mu_1, theta_1, mu_2, theta_2, ...).

    No exponential family: V is not stationary at x = mu, so that no data lie on the manifold. n = 1.
    """

    n: Float[Array, ""]
    support: ClassVar[str] = Poisson.support
    parameters: ClassVar[str] = "means >= 0 with dispersions > 0"
    manifold: ClassVar[bool] = False

    def __init__(self) -> None:
        self.n = jnp.asarray(1.0)

    def potential(self, f: Parameters, x: Vector) -> Float[Array, ""]:
        """Return minus the log-density, without log x!."""
        mu, theta = _pairs(f)
        known = gammaln(x + theta) - gammaln(theta) - theta * jnp.log1p(mu / theta)
        return -jnp.sum(known - x * jnp.log1p(theta / mu))

    def log_base(self, x: Vector) -> Float[Array, ""]:
        """Return -sum log x!."""
        return -jnp.sum(gammaln(x + 1))

    def mean(self, f: Parameters) -> Float[Array, " D"]:
        """Return mu."""
        return _pairs(f)[0]

    def variance(self, f: Parameters) -> Float[Array, " D"]:
        """Return mu + mu^2 / theta."""
        mu, theta = _pairs(f)
        return mu * (1 + mu / theta)

    def whiten(self, v: Parameters, f: Parameters) -> Float[Array, " P"]:
        """Return the entries of v times the roots of 1 / variance and of F_theta."""
        mu, theta = _pairs(f)
        along_mean, along_dispersion = jnp.asarray(v).reshape(-1, 2).T
        scaled = along_dispersion * jnp.sqrt(dispersion_information(mu, theta))
        return jnp.stack([along_mean / jnp.sqrt(mu * (1 + mu / theta)), scaled], axis=1).reshape(-1)

    def magnitude(self, f: Parameters, x: Vector) -> Float[Array, ""]:
        """Return the sum of the terms' sizes, and what a relative error of the parameters does."""
        mu, theta = _pairs(f)
        terms = jnp.abs(gammaln(x + theta)) + jnp.abs(gammaln(theta))
        terms = terms + theta * jnp.log1p(mu / theta) + x * jnp.log1p(theta / mu)
        return jnp.sum(terms) + _sensitivity(self, f, x)

    def size(self, outputs: int) -> int:
        """Return half the outputs; `RequestError` where that is no whole number."""
        if outputs % 2:
            raise RequestError(f"observation: expected a mean and a dispersion for each entry, got {outputs} outputs")
        return outputs // 2

    def in_support(self, x: np.ndarray) -> Bool[np.ndarray, "..."]:
        """Return where x is a count."""
        return (x >= 0) & (x == np.round(x)) & np.isfinite(x)

    def admits(self, f: np.ndarray) -> Bool[np.ndarray, "..."]:
        """Return where means are >= 0 and dispersions > 0."""
        return np.isfinite(f) & ((f > 0) | ((f == 0) & (np.arange(f.shape[-1]) % 2 == 0)))


def _pairs(f: Parameters) -> tuple[Float[Array, " D"], Float[Array, " D"]]:
    """mu and theta."""
    both = jnp.asarray(f).reshape(-1, 2)
    return jnp.maximum(both[:, 0], _LEAST), both[:, 1]


def dispersion_information(mu: Float[Array, "..."], theta: Float[Array, "..."]) -> Float[Array, "..."]:
    """F_theta of a negative binomial count, by the integral in the docstring of the module."""
    u = np.arange(_RANGE[0], _RANGE[1] + _STEP / 2, _STEP).reshape((1,) * jnp.ndim(mu) + (-1,))
    t = np.exp(u) / theta[..., None]
    lost = -jnp.expm1(-t)  # 1 - exp(-t)
    missing = -jnp.expm1(-theta[..., None] * jnp.log1p(mu[..., None] * lost / theta[..., None]))
    integrand = t * t / lost * jnp.exp(-np.exp(u)) * missing
    return jnp.maximum(_STEP * jnp.sum(integrand, axis=-1) - mu / (theta * (mu + theta)), 0.0)


class Categorical(ExponentialFamily):
    """x one-hot (or n counts of K classes) in each block of K entries, f their logits; K = D unless `classes` is given.

    Psi = log sum exp of a block, F = diag(p) - p p', R = diag(sqrt p) (I - 1 p').
    """

    n: Float[Array, ""]
    classes: int | None = eqx.field(static=True)
    support: ClassVar[str] = "one-hot rows or numbers of classes"
    parameters: ClassVar[str] = "logits"

    def __init__(self, classes: int | None = None, n: ArrayLike = 1.0):
        self.classes = None if classes is None else whole_number("classes", classes, 2)
        self.n = as_count(n)

    def blocks(self, f: Float[Array | np.ndarray, "..."]) -> Float[Array | np.ndarray, "... K"]:
        """Return f (..., D) as (..., D/K, K)."""
        return f.reshape(*f.shape[:-1], -1, self.classes or f.shape[-1])

    def log_partition(self, eta: Vector) -> Float[Array, " B"]:
        """Return log sum exp of every block."""
        return logsumexp(self.blocks(jnp.asarray(eta)), axis=-1)

    def potential(self, f: Vector, x: Vector) -> Float[Array, ""]:
        """Return -sum t log softmax(f), the entries of t = x / n adding up to 1 in each block."""
        return -jnp.sum(self.blocks(jnp.asarray(x)) / self.n * jax.nn.log_softmax(self.blocks(jnp.asarray(f))))

    def log_base(self, x: Vector) -> Float[Array, ""]:
        """Return the sum of log multinomial coefficients."""
        blocks = self.blocks(jnp.asarray(x))
        return len(blocks) * gammaln(self.n + 1) - jnp.sum(gammaln(blocks + 1))

    def probabilities(self, f: Vector) -> Float[Array, "B K"]:
        """Return softmax(f) of every block."""
        return jax.nn.softmax(self.blocks(jnp.asarray(f)))

    def variance(self, f: Vector) -> Float[Array, " D"]:
        """Return n p (1 - p)."""
        p = self.probabilities(f).reshape(-1)
        return self.n * p * (1 - p)

    def whiten(self, v: Vector, f: Vector) -> Float[Array, " D"]:
        """Return sqrt(p) (v - p.v) in every block."""
        p, direction = self.probabilities(f), self.blocks(jnp.asarray(v))
        return (jnp.sqrt(p) * (direction - jnp.sum(p * direction, axis=-1, keepdims=True))).reshape(-1)

    def size(self, outputs: int) -> int:
        """Return the number of outputs; `RequestError` where they are not blocks of K."""
        if outputs % (self.classes or outputs) or outputs < 2:
            raise RequestError(f"classes: expected blocks of {self.classes or 'at least 2'} outputs, got {outputs}")
        return outputs

    def in_support(self, x: np.ndarray) -> Bool[np.ndarray, "..."]:
        """Return where x is a count of a block whose counts add up to n."""
        whole = np.abs(np.sum(self.blocks(x), axis=-1, keepdims=True) - float(self.n)) < 0.5
        counts = (x >= 0) & (x == np.round(x))
        return counts & np.broadcast_to(whole, self.blocks(x).shape).reshape(x.shape)
