"""Observations that are not Gaussian: x given z has log-density log_base(x) - n V(f(z), x), f the decoder's output.

n (trials, counts pooled, repetitions) plays the part of 1/eps, so that the near-deterministic regime is n -> infinity;
t = x / n. The base measure cancels from the gap, and x need not be an integer there. The metric of claim
`exponential-family` is M = J'FJ on the manifold, F the Fisher information of one repetition in f; `whiten(v, f)` is
R v with R'R = F.

An exponential family has V = sum Psi(eta) - t.eta; here eta = f is its natural parameter. Other parameters are in
`observation_parameters`.
"""

from abc import abstractmethod
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float

from ..errors import RequestError
from .requests import positive, real_array

Vector = Float[Array | np.ndarray, " D"]
Parameters = Float[Array | np.ndarray, " P"]  # the outputs of a decoder, as many as x has entries or more


class Observation(eqx.Module):
    """A likelihood with log p(x | f) = log_base(x) - n V(f, x).

    support, parameters: in words what `in_support` and `admits` check. manifold: whether V(., x) is stationary in f at
    x = mean(f), so that data x = mean lie on the model's manifold.
    """

    n: eqx.AbstractVar[Float[Array, ""]]
    support: ClassVar[str] = "finite values"
    parameters: ClassVar[str] = "finite values"
    manifold: ClassVar[bool] = True

    @abstractmethod
    def potential(self, f: Parameters, x: Vector) -> Float[Array, ""]:
        """Return V(f, x)."""

    @abstractmethod
    def log_base(self, x: Vector) -> Float[Array, ""]:
        """Return the log base measure at x, summed over entries."""

    @abstractmethod
    def mean(self, f: Parameters) -> Float[Array, " D"]:
        """Return the mean of x."""

    @abstractmethod
    def variance(self, f: Parameters) -> Float[Array, " D"]:
        """Return the variance of each entry of x."""

    @abstractmethod
    def whiten(self, v: Parameters, f: Parameters) -> Float[Array, " P"]:
        """Return R v with R'R = F(f), the Fisher information of one repetition."""

    @abstractmethod
    def magnitude(self, f: Parameters, x: Vector) -> Float[Array, ""]:
        """Return the size of the terms that V sums, which their round-off is relative to."""

    @property
    def eps(self) -> Float[Array, ""]:
        """The small parameter 1/n."""
        return 1 / self.n

    def size(self, outputs: int) -> int:
        """Return how many entries x has for so many outputs of the decoder; `RequestError` where they do not fit."""
        return outputs

    def in_support(self, x: np.ndarray) -> Bool[np.ndarray, "..."]:
        """Return which entries of x (..., D) the likelihood knows."""
        return np.isfinite(x)

    def admits(self, f: np.ndarray) -> Bool[np.ndarray, "..."]:
        """Return which entries of f (..., outputs) are parameters of it."""
        return np.isfinite(f)


class ExponentialFamily(Observation):
    """An exponential family with natural parameter eta = `natural(f)`: f itself, unless a subclass says otherwise."""

    @abstractmethod
    def log_partition(self, eta: Vector) -> Float[Array, " D"]:
        """Return Psi(eta) entry by entry."""

    def natural(self, f: Vector) -> Float[Array, " D"]:
        """Return eta(f), entry by entry."""
        return jnp.asarray(f)

    def mean(self, f: Vector) -> Float[Array, " D"]:
        """Return the model's mean n grad Psi(eta) of x."""
        return self.n * self._slope(self.natural(f))

    def variance(self, f: Vector) -> Float[Array, " D"]:
        """Return n Psi''(eta)."""
        return self.n * self._information(self.natural(f))

    def whiten(self, v: Vector, f: Vector) -> Float[Array, " D"]:
        """Return sqrt(Psi''(eta)) D eta(f) v."""
        eta, tangent = jax.jvp(self.natural, (jnp.asarray(f),), (jnp.asarray(v),))
        return jnp.sqrt(self._information(eta)) * tangent

    def potential(self, f: Vector, x: Vector) -> Float[Array, ""]:
        """Return V = -(t.eta - sum Psi(eta)) with t = x / n."""
        eta = self.natural(f)
        return jnp.sum(self.log_partition(eta) - x / self.n * eta)

    def magnitude(self, f: Vector, x: Vector) -> Float[Array, ""]:
        """Return the sum of |Psi(eta)| + |t eta|."""
        eta = self.natural(f)
        return jnp.sum(jnp.abs(self.log_partition(eta))) + jnp.sum(jnp.abs(x / self.n * eta))

    def _slope(self, eta: Vector) -> Float[Array, " D"]:
        return jax.grad(lambda y: jnp.sum(self.log_partition(y)))(eta)

    def _information(self, eta: Vector) -> Float[Array, " D"]:
        """Psi'' entry by entry."""
        return jax.jvp(self._slope, (eta,), (jnp.ones_like(eta),))[1]


def as_count(n: ArrayLike) -> Float[Array, ""]:
    """Return n as a positive scalar; `RequestError` for anything else."""
    array = real_array("n", n)
    if array.shape != ():
        raise RequestError(f"n: expected a scalar, got shape {array.shape}")
    return positive("n", array)


class Binomial(ExponentialFamily):
    """x ~ Binomial(n, sigmoid(eta)): Psi = log(1 + exp eta)."""

    n: Float[Array, ""]
    support: ClassVar[str] = "whole numbers from 0 to n"
    parameters: ClassVar[str] = "logits"

    def __init__(self, n: ArrayLike):
        self.n = as_count(n)

    def log_partition(self, eta: Vector) -> Float[Array, " D"]:
        """Return log(1 + exp eta)."""
        return jnp.logaddexp(0.0, eta)

    def log_base(self, x: Vector) -> Float[Array, ""]:
        """Return the sum of log binomial coefficients."""
        return jnp.sum(gammaln(self.n + 1) - gammaln(x + 1) - gammaln(self.n - x + 1))

    def in_support(self, x: np.ndarray) -> Bool[np.ndarray, "..."]:
        """Return where x is a whole number from 0 to n."""
        return (x >= 0) & (x <= np.asarray(self.n)) & (x == np.round(x))


class Bernoulli(Binomial):
    """x in {0, 1} (or a fraction in between): the binomial with n = 1.

    At fractions its density is sigmoid(eta)^x (1 - sigmoid(eta))^(1 - x), as in binary cross-entropy; it is not
    normalised there.
    """

    support: ClassVar[str] = "0 or 1, or fractions between them"

    def __init__(self) -> None:
        super().__init__(1.0)

    def log_base(self, x: Vector) -> Float[Array, ""]:
        """Return 0."""
        return jnp.zeros(())

    def in_support(self, x: np.ndarray) -> Bool[np.ndarray, "..."]:
        """Return where 0 <= x <= 1."""
        return (x >= 0) & (x <= 1)


class Poisson(ExponentialFamily):
    """x ~ Poisson(n exp eta), the pooled count of n observations: Psi = exp eta."""

    n: Float[Array, ""]
    support: ClassVar[str] = "counts (whole numbers >= 0)"
    parameters: ClassVar[str] = "logarithms of rates"

    def __init__(self, n: ArrayLike):
        self.n = as_count(n)

    def log_partition(self, eta: Vector) -> Float[Array, " D"]:
        """Return exp eta."""
        return jnp.exp(eta)

    def log_base(self, x: Vector) -> Float[Array, ""]:
        """Return sum x log n - log x!."""
        return jnp.sum(x * jnp.log(self.n) - gammaln(x + 1))

    def in_support(self, x: np.ndarray) -> Bool[np.ndarray, "..."]:
        """Return where x is a count."""
        return (x >= 0) & (x == np.round(x)) & np.isfinite(x)
