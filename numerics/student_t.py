"""The heavy-tailed part of a proposal: Student-t densities with nu = 5 degrees of freedom in d dimensions.

Notation: xi ~ N(0, I_d) and chi^2_nu independent; sqrt(nu / chi^2_nu) xi has the density t_nu(r), r^2 the squared norm,

    log t_nu = log Gamma((nu + d)/2) - log Gamma(nu/2) - d/2 log(nu pi) - (nu + d)/2 log(1 + r^2/nu).

A mixture with such a part keeps the weights of importance sampling bounded where a posterior has heavier tails than its
Laplace approximation: a *defensive* proposal (Hesterberg, Technometrics 37, 1995; Owen and Zhou, Safe and effective
importance sampling, JASA 95, 2000).
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import gammaln

DEGREES = 5.0  # nu: four moments, so that the weights of a Gaussian under it have a variance


def stretches(rng: np.random.Generator, count: int) -> Float[np.ndarray, " count"]:
    """Return draws of sqrt(nu / chi^2_nu), each of which makes a normal point a Student-t point."""
    return np.sqrt(DEGREES / rng.chisquare(DEGREES, count))


def log_student_t(square: Float[Array | np.ndarray, "*batch"], d: int) -> Float[Array, "*batch"]:
    """Return log t_nu at points of R^d of the squared norms `square`."""
    constant = gammaln(0.5 * (DEGREES + d)) - gammaln(0.5 * DEGREES) - 0.5 * d * np.log(DEGREES * np.pi)
    return constant - 0.5 * (DEGREES + d) * jnp.log1p(square / DEGREES)
