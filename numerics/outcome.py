"""Why a result is not certain: one small code beside `converged`, as an integer that jit and vmap can carry.

A code other than RESOLVED names what most of the stated error is due to, or what the search ended with.
"""

from enum import IntEnum

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

# An error that needs no reason.
_SMALL = 1e-3


class Outcome(IntEnum):
    """The reason for a large error; `Outcome(int(found.outcome)).message` says it in words."""

    RESOLVED = 0
    MAXIMUM_STEPS = 1
    NON_FINITE = 2
    MODES = 3
    TAIL = 4
    RIPPLE = 5
    ROUNDING = 6
    SAMPLING = 7

    @property
    def message(self) -> str:
        """One sentence for a person."""
        return _MESSAGES[self]


_MESSAGES = {
    Outcome.RESOLVED: "everything that was found is integrated within the stated error",
    Outcome.MAXIMUM_STEPS: "no start led to a mode within the maximum number of steps",
    Outcome.NON_FINITE: "the joint density is nan or infinite where it was evaluated",
    Outcome.MODES: "mass was seen that belongs to no mode found and could not be integrated",
    Outcome.TAIL: "a tail or plateau beyond the modes is integrated only roughly",
    Outcome.RIPPLE: "the decoder or prior varies below the step of the quadrature: ripple, kink or jump",
    Outcome.ROUNDING: "not resolvable at this eps in float64: round-off in V / eps",
    Outcome.SAMPLING: "the sampled estimate has too few effective points",
}


def outcome_of(error: Float[Array, ""], parts: Float[Array, " K"], reasons: tuple[Outcome, ...]) -> Int[Array, ""]:
    """Return RESOLVED for a small error, else the reason of its largest part."""
    codes = jnp.asarray([int(reason) for reason in reasons])
    worst = codes[jnp.argmax(jnp.nan_to_num(parts, nan=jnp.inf))]
    return jnp.where(error <= _SMALL, int(Outcome.RESOLVED), worst)
