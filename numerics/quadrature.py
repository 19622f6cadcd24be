"""Rules for integrals against N(0, I_d): sum_i w_i F(xi_i) ~ E F(xi).

- `gauss_hermite`: tensor Gauss-Hermite, exact for polynomials of degree 2n - 1 in each coordinate. For
  expectations of V and log-prior under the encoder.
- `lattice`: the trapezoid rule in a ball, spectrally accurate for analytic integrands that decay, and
  robust where the integrand is far from a polynomial. For the evidence. The halves with even and odd
  coordinate sums are themselves rules, so that their difference is an error estimate without further
  evaluations.
All nodes come in exact pairs +-xi with equal weights: odd integrands cancel to round-off.
"""

from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ..errors import RequestError

# Weights below this add nothing to a float64 sum of values of moderate growth.
_NEGLIGIBLE = 1e-20


class Rule(NamedTuple):
    """Nodes (N, d) and weights (N,) for N(0, I_d)."""

    nodes: Float[np.ndarray, "N d"]
    weights: Float[np.ndarray, " N"]


class Lattice(NamedTuple):
    """Nodes (N, d), the weight of one cell, the parity +-1 of each node, and its shell.

    outer marks the nodes in the last unit of radius, inner those in the one before.
    """

    nodes: Float[np.ndarray, "N d"]
    cell: float
    parity: Float[np.ndarray, " N"]
    outer: Float[np.ndarray, " N"]
    inner: Float[np.ndarray, " N"]


@lru_cache
def hermite(n: int) -> tuple[np.ndarray, np.ndarray]:
    """n nodes and weights for N(0, 1), exactly symmetric: exact for polynomials of degree 2n - 1."""
    x, w = np.polynomial.hermite_e.hermegauss(n)
    x = 0.5 * (x - x[::-1])
    w = 0.5 * (w + w[::-1])
    return x, w / w.sum()


@lru_cache
def gauss_hermite(d: int, n: int) -> Rule:
    """Tensor Gauss-Hermite rule with n nodes in each of d coordinates; nodes of weight below 1e-20 are left out."""
    if d < 1 or n < 1:
        raise RequestError(f"gauss_hermite: expected d >= 1 and n >= 1, got d={d}, n={n}")
    x, w = hermite(n)
    nodes = np.array(list(product(x, repeat=d)))
    weights = np.prod(np.array(list(product(w, repeat=d))), axis=1)
    kept = weights > _NEGLIGIBLE
    return Rule(nodes[kept], weights[kept])


@lru_cache
def lattice(d: int, step: float, radius: float) -> Lattice:
    """Trapezoid rule for Lebesgue measure: step * Z^d in a ball; the last two units of radius are marked."""
    if d < 1 or not 0 < step < radius:
        raise RequestError(f"lattice: expected d >= 1 and 0 < step < radius, got d={d}, step={step}, radius={radius}")
    half = int(radius / step)
    index = np.array(list(product(range(-half, half + 1), repeat=d)))
    index = index[np.sum(index**2, axis=1) <= (radius / step) ** 2]
    nodes = index * step
    parity = 1.0 - 2.0 * (index.sum(axis=1) % 2)
    squares = np.sum(nodes**2, axis=1)
    outer = squares > (radius - 1.0) ** 2
    inner = ~outer & (squares > (radius - 2.0) ** 2)
    return Lattice(nodes, step**d, parity, outer.astype(float), inner.astype(float))
