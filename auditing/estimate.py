"""How long an account will take, before it begins: from the seconds that second derivatives of the exponent take.

Nearly all of an account is such derivatives, and values, of e(z) = -V/eps + ell at many z. One small batch of them is
compiled and evaluated; what the account needs is a multiple of each of the two times, found on networks of one to five
latents. Right within a factor of two or three as a rule: it says whether to wait, not until when.
"""

from __future__ import annotations

import time

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..numerics.measurement import QUADRATURE
from ..numerics.model import LatentModel
from ..numerics.newton import second_derivatives
from ..shell.progress import duration
from .entries import Setting, Task

_BATCH = 64
_PROGRAMS = 30
"""How many times as long as this batch all programs of an account take to compile."""
_EVALUATIONS = {1: 1500, 2: 4000, 3: 8000}
"""Second derivatives that take as long as a point does where it is integrated."""
_PER_PAIR = 4
"""The same, for each pair of a sample, where it is sampled."""
_SHORT = 10.0
"""Seconds below which nothing is said."""


@eqx.filter_jit
def _batch(model: LatentModel, x: Float[Array, " D"], points: Float[Array, "n d"]) -> Float[Array, " n"]:
    values, _, hessians = jax.vmap(second_derivatives(lambda z: model.exponent(z, x)))(points)
    return values + jnp.sum(hessians, axis=(1, 2))


def seconds_of_account(setting: Setting, tasks: list[Task]) -> float:
    """Seconds that the account at these points is likely to take on this machine."""
    model, d = setting.model, setting.model.latent_dim
    points = jnp.broadcast_to(jnp.asarray(tasks[0].start), (_BATCH, d))

    def timed() -> float:
        begun = time.perf_counter()
        jax.block_until_ready(_batch(model, jnp.asarray(tasks[0].data), points))
        return time.perf_counter() - begun

    first, again = timed(), min(timed(), timed())
    sampled = setting.kinked or d > QUADRATURE
    evaluations = _PER_PAIR * setting.rough_pairs if sampled else _EVALUATIONS[d]
    return _PROGRAMS * max(0.0, first - again) + len(tasks) * evaluations * again / _BATCH


def expectation(setting: Setting, tasks: list[Task]) -> str:
    """`, about 4 min` for the account at these points; nothing where it is short."""
    seconds = seconds_of_account(setting, tasks)
    return "" if seconds < _SHORT else f", about {duration(seconds)} in all"
