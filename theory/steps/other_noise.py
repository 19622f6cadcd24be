r"""What the derivations of other likelihoods share: the decoder's Taylor polynomial around g, in a ring.

f(g + w) - f(g) = J w + H(w, w)/2 + T(w, w, w)/6 + U(w, w, w, w)/24; psi_n: derivatives of the log-partition
function.
Source: claims rectangular and exponential-family.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from ..algebra.gaussian_moments import contract, in_ring
from ..algebra.indices import Formula
from ..algebra.tensors import independent, symmetric

SHAPES = ((1, 1), (1, 2), (2, 2), (2, 3))


@cache
def decoder_ring(d: int, data_dim: int) -> tuple[Any, dict[str, np.ndarray]]:
    """Symbols J, H, T, U, nu, w, psi2, psi3, psi4 as generators of one polynomial ring."""
    arrays = {"J": independent("J", (data_dim, d)), "H": symmetric("H", d, 2, data_dim)}
    arrays |= {"T": symmetric("T", d, 3, data_dim), "U": symmetric("U", d, 4, data_dim)}
    arrays |= {"nu": independent("nu", (data_dim,)), "w": independent("w", (d,))}
    arrays |= {f"psi{n}": independent(f"psi{n}", (data_dim,)) for n in (2, 3, 4)}
    return in_ring(arrays)


def displacements(d: int, data_dim: int) -> list[Any]:
    """Orders 1..4 in w of f(g + w) - f(g)."""
    _, known = decoder_ring(d, data_dim)
    return [
        np.array([contract(known[key][i], known["w"]) * sp.QQ(1, k) for i in range(data_dim)], dtype=object)
        for key, k in (("J", 1), ("H", 2), ("T", 6), ("U", 24))
    ]


def orders(derivatives: Sequence[Formula], shape: tuple[int, int]) -> list[Any]:
    """Orders 2, 3 and 4 in w of a potential with these second to fourth derivatives at g."""
    _, known = decoder_ring(*shape)
    factorials = zip(derivatives, (2, 6, 24), strict=True)
    return [contract(rule.total(known), known["w"]) * sp.QQ(1, k) for rule, k in factorials]
