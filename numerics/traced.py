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
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun
from jaxtyping import Array, Inexact

from .model import LatentModel
from .priors import Choice
from .program import Program, traced_now
from .reduction import Reduction


class TracedDecoder(eqx.Module):
    """z -> p(c, z); resolution: the round-off that the decoder states of itself."""

    constants: list
    program: Program = eqx.field(static=True)
    resolution: float = eqx.field(static=True)

    def __call__(self, z: Inexact[Array | np.ndarray, " d"]) -> Inexact[Array, " D"]:
        """f(z)."""
        (value,) = jaxpr_as_fun(ClosedJaxpr(self.program.jaxpr, self.constants))(z)
        return value


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
    """Turn function(model, ...) into one of a reduced model, as one program that later calls use again.

    Operation by operation hundreds of programs are compiled, and the loops among them anew at every call. What the
    program cannot be compared for is computed in that way. Arguments: arrays are traced, all else is static.
    """
    at_once = eqx.filter_jit(function)

    @wraps(function)
    def run(whole: Reduction, *arguments: Any) -> Any:
        same = traced(whole.model, whole.original.decoder)
        return function(whole.model, *arguments) if same is None else at_once(same, *arguments)

    return run
