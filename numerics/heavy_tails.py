"""How heavy the tail of a sample is, and what that does to the error of its mean.

Notation: the largest of n terms are fitted by a generalised Pareto density (1 + k t/sigma)^(-1 - 1/k) / sigma beyond a
threshold. k < 1/2: the mean has a variance, and its error is of order n^(-1/2). 1/2 < k < 1: the sample's standard
deviation is too small, as a rule, and the mean errs by order n^(k-1). k > 1: there is no mean.

Fit: Zhang and Stephens, Technometrics 51 (2009) 316-325, with the weak prior and the number of terms of Vehtari,
Simpson, Gelman, Yao and Gabry, Pareto smoothed importance sampling, JMLR 25 (2024) 72.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .precision import STANDARD_ERRORS

# The prior of the fit: so many terms of index 1/2.
_PRIOR = 10

# Share of the terms that decide where all of them seem to have no mean.
_FEWER = 0.25


def pareto_index(terms: Float[Array, " n"], share: float = 1.0) -> Float[Array, ""]:
    """Return k of the largest min(n/5, 3 sqrt n) absolute terms, or a share of these; 0 where they are all alike.

    A million draws with P(t > s) = s^(-5/4), whose index is 4/5:

        >>> terms = (1 - jnp.asarray(np.random.default_rng(0).random(10**6))) ** -0.8
        >>> print(f"{pareto_index(terms):.2f}")
        0.82
    """
    n = len(terms)
    count = max(int(share * min(n / 5, 3 * np.sqrt(n))), 5)
    largest = jax.lax.top_k(jnp.abs(terms), count + 1)[0][::-1]
    beyond = largest[1:] - largest[0]
    top, quartile = beyond[-1], beyond[int(count / 4 + 0.5) - 1]
    spread = (quartile > 0) & jnp.isfinite(top)
    top, quartile = jnp.where(spread, top, 1.0), jnp.where(spread, quartile, 1.0)
    beyond = jnp.where(spread, beyond, jnp.linspace(0.0, 1.0, count))
    candidates = 30 + int(np.sqrt(count))
    places = 1 - np.sqrt(candidates / (np.arange(1, candidates + 1) - 0.5))
    rates = 1 / top + places / (3 * quartile)

    def index(rate: Array) -> Array:
        return jnp.mean(jnp.log1p(-rate * beyond))

    indices = jax.vmap(index)(rates)
    profile = count * (jnp.log(-rates / indices) - indices - 1)
    weights = jax.nn.softmax(jnp.where(jnp.isfinite(profile), profile, -jnp.inf))
    found = index(weights @ rates)
    return jnp.where(spread, (found * count + 0.5 * _PRIOR) / (count + _PRIOR), 0.0)


def mean_error(terms: Float[Array, " n"]) -> Float[Array, ""]:
    """Return four standard errors of the mean of the terms, enlarged where their tail is heavy.

    error = (4 std / sqrt(n) + largest / n) n^(k - 1/2) for an index 1/2 < k < 1, without the last factor for a smaller
    k; inf for a larger one and where a term is not finite. An estimate: of 1000 means of 4096 Pareto draws it misses 5,
    20 and 28 at k = .6, .75 and .9, where the error without that factor misses 6, 65 and 459.
    """
    n, k = len(terms), pareto_index(terms)
    # Terms that a clamp makes alike may lie just above the threshold, with few far beyond: no Pareto density fits, and
    # the far ones alone decide, if they are light.
    fewer = pareto_index(terms, _FEWER)
    k = jnp.where((k >= 1) & (fewer < 0.5), fewer, k)
    error = STANDARD_ERRORS * jnp.std(terms) / jnp.sqrt(n) + jnp.max(jnp.abs(terms)) / n
    return jnp.where((k < 1) & jnp.isfinite(error), error * n ** jnp.clip(k - 0.5, 0.0, 0.5), jnp.inf)
