"""Derivatives by complex steps: exact to round-off, without differences and without formulas.

For f analytic and real on the reals, f(z + i h e_k) = f(z) + i h d_k f(z) + O(h^2). Source: Squire and Trapp, SIAM
Review 40 (1998) 110-112.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Inexact

TINY = 1e-30
"""The step: its square is below every unit of round-off."""


def jacobian(
    function: Callable[[Inexact[np.ndarray, " d"]], Inexact[np.ndarray, " D"]], z: Float[np.ndarray, " d"]
) -> Float[np.ndarray, "D d"]:
    """d_k f_i at z (d,), a column a coordinate; `function` takes complex points and uses no absolute values."""
    return np.stack([function(z + 1j * TINY * e).imag / TINY for e in np.eye(len(z))], axis=1)
