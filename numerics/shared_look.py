"""One wide look at the prior for many x and every eps, and a frugal end of it for each: d = 2 and 3.

At the fixed points of `scan` decoder and derivatives depend neither on x nor on eps: they are evaluated once, and of
every x only V, its slope and its Gauss-Newton Hessian are kept (`glances`). What follows for one x and eps is that of
`scan` and `recombine`, but only from points that are distinct: repeats would end where the first ends. Those few are
polished for longer, which leaves fewer still.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .distinct import distinct_ranks
from .frame import Decoded, Frame, Local, decoded, scan_points, with_prior
from .listed import polished_where
from .model import LatentModel
from .recombine import recombined_distinct
from .scan import INTEGRATED, KEPT, Prediction, Scan, best_predicted, log_constant, ordered, polished, predicted

Vector = Float[Array | np.ndarray, " D"]

# Numbers held at once by evaluations for many x.
_ENTRIES = 2**22

# Steps of Gauss-Newton, and how many distinct points, in multiples of those kept, go on after each stage.
_STAGES = ((2, 2), (4, 1), (16, 1))


def shares(d: int) -> bool:
    """Whether there is such a look in this dimension."""
    return 1 < d <= INTEGRATED


def glances(model: LatentModel, data: Float[Array, "n D"], frame: Frame) -> Decoded:
    """Return what is decoded at the fixed points for each x (stacked), whatever eps is."""
    places = jnp.asarray(scan_points(model.latent_dim)[0])

    def at(place: Array) -> Decoded:
        return jax.vmap(lambda x: decoded(model, x, frame, frame.place(place)))(data)

    chunk = max(1, min(len(places), _ENTRIES // data.size, _ENTRIES // (model.latent_dim * data.shape[1])))
    found = jax.lax.map(at, places, batch_size=chunk)
    return jax.lax.stop_gradient(jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), found))


def shared_look(model: LatentModel, x: Vector, frame: Frame, glance: Decoded) -> Scan:
    """Return what `look` does, from what is decoded at the fixed points for this x."""
    places, _, cell = scan_points(model.latent_dim)

    def at(place: Array, part: Decoded) -> Prediction:
        return predicted(frame, place, with_prior(model, frame, frame.place(place), part))

    predictions = jax.vmap(at)(jnp.asarray(places), glance)
    targets, unsure = best_predicted(frame, predictions)
    polish = partial(polished, model, x, frame)
    found, late = recombined_distinct(_in_stages(frame, polish, targets), frame, polish, cell)
    return ordered(frame, found, predictions.target, unsure, late + log_constant(frame))


def _steps(polish: Callable[[Array, int], Local], steps: int, z: Float[Array, " d"]) -> Local:
    return polish(z, steps)


def _in_stages(frame: Frame, polish: Callable[[Float[Array, " d"], int], Local], points: Float[Array, "W d"]) -> Local:
    """Return the points after some steps, of those the distinct ones after some more, and so on."""
    counts = jnp.ones(len(points), bool)
    for steps, kept in _STAGES:
        found = polished_where(partial(_steps, polish, steps), points, counts)
        mass = found.exponent - 0.5 * found.log_det
        mass = jnp.where(jnp.isfinite(mass), mass, -jnp.inf)
        most = kept * KEPT[len(frame.centre)]
        ranks = distinct_ranks(found.point @ frame.inverse.T, found.curvature, mass, most)
        order = jnp.argsort(ranks)[:most]
        points, counts = found.point[order], (ranks[order] < most) & jnp.isfinite(mass[order])
    return found
