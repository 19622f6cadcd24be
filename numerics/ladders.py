"""Ladders of noise variances eps, half a decade a step: the same ladder has one name wherever it is used.

A ladder begins where the expansion in eps is visible and ends where round-off has eaten it, which depends on what is
measured: differences of order eps carry half the digits at eps = 1e-8.
"""

import numpy as np
from jaxtyping import Float


def half_decades(first: int, last: int) -> Float[np.ndarray, " e"]:
    """Return eps from 10^-first down to 10^-last."""
    return 10.0 ** -np.arange(float(first), last + 0.25, 0.5)


SHARED = half_decades(1, 6)
"""Of the shared table: below 1e-6, (gap - c) / eps has lost half its digits to round-off."""

SHARED_TO_1E7 = half_decades(1, 7)
"""Of the shared table with `--effort full`: the last decade tests that the estimators know what round-off leaves."""

SMALL = half_decades(2, 6)
"""Where noise of 1e-1 is not small: several branches, broken assumptions, spurious solutions."""

QUADRATURE = half_decades(2, 5)
"""For gaps by quadrature with an error of 1e-12: at 1e-5 it is 1e-7 of a1 eps, as exact as the constant is judged."""
