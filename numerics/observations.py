"""Exponential-family observations: x given z has log-density n [t.f(z) - sum Psi(f(z))] + log base(x), t = x / n.

The decoder's output is the natural parameter; n (trials, or counts pooled) plays the part of 1/eps, so the
near-deterministic regime is n -> infinity. The base measure cancels from the gap, and x need not be an
integer.
"""

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from ..errors import RequestError
from .requests import positive, real_array

Vector = Float[Array | np.ndarray, " D"]


class Observation(eqx.Module):
    """An exponential family with natural parameter eta = f(z)."""

    n: eqx.AbstractVar[Float[Array, ""]]

    @abstractmethod
    def log_partition(self, eta: Vector) -> Float[Array, " D"]:
        """Return Psi(eta) entry by entry."""

    @abstractmethod
    def log_base(self, x: Vector) -> Float[Array, ""]:
        """Return the log base measure at x, summed over entries."""

    def mean(self, eta: Vector) -> Float[Array, " D"]:
        """Return the model's mean n grad Psi(eta) of x."""
        return self.n * jax.grad(lambda y: jnp.sum(self.log_partition(y)))(eta)

    @property
    def eps(self) -> Float[Array, ""]:
        """The small parameter 1/n."""
        return 1 / self.n

    def potential(self, eta: Vector, x: Vector) -> Float[Array, ""]:
        """Return V = -(t.eta - sum Psi(eta)) with t = x / n."""
        return jnp.sum(self.log_partition(eta) - x / self.n * eta)


def _count(n: ArrayLike) -> Float[Array, ""]:
    array = real_array("n", n)
    if array.shape != ():
        raise RequestError(f"n: expected a scalar, got shape {array.shape}")
    return positive("n", array)


class Binomial(Observation):
    """x ~ Binomial(n, sigmoid(eta)): Psi = log(1 + exp eta)."""

    n: Float[Array, ""]

    def __init__(self, n: ArrayLike):
        self.n = _count(n)

    def log_partition(self, eta: Vector) -> Float[Array, " D"]:
        """Return log(1 + exp eta)."""
        return jnp.logaddexp(0.0, eta)

    def log_base(self, x: Vector) -> Float[Array, ""]:
        """Return the sum of log binomial coefficients."""
        return jnp.sum(gammaln(self.n + 1) - gammaln(x + 1) - gammaln(self.n - x + 1))


class Bernoulli(Binomial):
    """x in {0, 1} (or a fraction in between): the binomial with n = 1."""

    def __init__(self) -> None:
        super().__init__(1.0)


class Poisson(Observation):
    """x ~ Poisson(n exp eta), the pooled count of n observations: Psi = exp eta."""

    n: Float[Array, ""]

    def __init__(self, n: ArrayLike):
        self.n = _count(n)

    def log_partition(self, eta: Vector) -> Float[Array, " D"]:
        """Return exp eta."""
        return jnp.exp(eta)

    def log_base(self, x: Vector) -> Float[Array, ""]:
        """Return sum x log n - log x!."""
        return jnp.sum(x * jnp.log(self.n) - gammaln(x + 1))
