r"""The IMA contrast of a metric, and the triangular Jacobians on which every d is decided by sums of squares.

c = 1/2 sum_k log A_kk - 1/2 log det A, A = J'J; J = O R with R upper triangular and a positive diagonal.
Source: Gresele et al. 2021 (arXiv 2106.05200), 4.4, for the contrast.
"""

from functools import cache

import numpy as np
import sympy as sp

from ..algebra.tensors import determinant


@cache
def triangular(d: int) -> np.ndarray:
    """Upper triangular R with positive diagonal symbols."""
    out = np.full((d, d), sp.Integer(0), dtype=object)
    for i in range(d):
        for j in range(i, d):
            out[i, j] = sp.Symbol(f"R_{i}{j}", positive=True) if i == j else sp.Symbol(f"R_{i}{j}", real=True)
    return out


def contrast_of_metric(metric: np.ndarray) -> sp.Expr:
    """1/2 sum_k log A_kk - 1/2 log det A."""
    return sum(sp.log(entry) for entry in np.diagonal(metric)) / 2 - sp.log(determinant(metric)) / 2
