"""Functions of a model as programs that later calls use again, also for a decoder that has changed since.

Notation as in `program`: f(z) = p(c, z). Every call traces the decoder anew; weights that were trained further are in
c, which is an argument, and another function is another p.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Inexact

from .model import LatentModel
from .priors import Choice
from .program import Program, traced_now
from .reduction import reduction
from .starts import as_starts

Vector = Float[Array | np.ndarray, " D"]


class TracedDecoder(eqx.Module):
    """z -> p(c, z); resolution: the round-off that the decoder states of itself."""

    constants: list
    program: Program = eqx.field(static=True)
    resolution: float = eqx.field(static=True)

    def __call__(self, z: Inexact[Array | np.ndarray, " d"]) -> Inexact[Array, " D"]:
        """f(z)."""
        return self.program(self.constants, z)


def traced(model: LatentModel, origin: Any) -> LatentModel | None:
    """The model with its decoder traced; None where its other parts may hold what cannot be compared.

    Those are noise that depends on z, and kinds of noise, priors and observations of a user's own. origin: the object
    that the decoder was made from.
    """
    own = all(type(part).__module__.startswith(f"{__package__}.") for part in _parts(model))
    if not own or (model.observation is None and model.noise.depends_on_state):
        return None
    program = traced_now(model.decoder, model.latent_dim, jnp.result_type(float))
    if program.effects:
        return None
    constants = [jnp.asarray(constant) for constant in program.consts]
    decoder = TracedDecoder(constants, Program(program.jaxpr, origin), model.resolution)
    return eqx.tree_at(lambda m: m.decoder, model, decoder)


def _parts(model: LatentModel) -> list[Any]:
    """What a model has beside its decoder."""
    priors = [model.prior, *(model.prior.priors if isinstance(model.prior, Choice) else ())]
    return [model.noise, *priors, *([] if model.observation is None else [model.observation])]


def reused(function: Callable[..., Any]) -> Callable[..., Any]:
    """Turn function(model, data, left_out, starts, ...) of a reduced model into one of (model, data, start, ...).

    It becomes one program that later calls use again: operation by operation hundreds are compiled, and the loops among
    them anew at every call. What the program cannot be compared for is computed in that way. start: (d,), (S, d), or
    None to search. Further arguments: arrays are traced, all else is static. Raises `RequestError` for a wrong start.
    """
    at_once = eqx.filter_jit(function)

    @wraps(function)
    def run(model: LatentModel, data: Vector, start: ArrayLike | None, *arguments: Any) -> Any:
        whole = reduction(model)
        reduced, left_out = whole.data(data)
        starts = None if start is None else as_starts(model.latent_dim, start)
        same = traced(whole.model, model.decoder)
        if same is None:
            return function(whole.model, reduced, left_out, starts, *arguments)
        return at_once(same, reduced, left_out, starts, *arguments)

    return run
