"""Float64 where digits count.

The library never switches x64 on by itself: that is a global setting which belongs to the user. What needs
it says so in one line instead of returning half of the digits.
"""

import jax.numpy as jnp
import numpy as np

STANDARD_ERRORS = 4.0  # a stated error of what is sampled is this many
EPS64: float = float(np.finfo(np.float64).eps)


def require_float64(what: str) -> None:
    """Raise `RuntimeError` in one line, naming `what`, unless JAX computes in float64."""
    if jnp.result_type(float) != jnp.float64:
        raise RuntimeError(
            f"{what} needs float64: expected jax_enable_x64=True, got False; "
            'call jax.config.update("jax_enable_x64", True) first'
        )
