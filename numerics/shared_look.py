"""One wide look at the prior for many x and every eps: d = 2 and 3.

At the fixed points of `scan` decoder and derivatives depend neither on x nor on eps: they are evaluated once, and of
every x only V, its slope and its Gauss-Newton Hessian are kept (`glances`). What follows for one x and eps is that of
`scan`.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .frame import Decoded, Frame, decoded, scan_points, with_prior
from .model import LatentModel
from .scan import INTEGRATED, Prediction, Scan, look_on, predicted

Vector = Float[Array | np.ndarray, " D"]

# Numbers held at once by evaluations for many x.
_ENTRIES = 2**22


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
    places = jnp.asarray(scan_points(model.latent_dim)[0])

    def at(place: Array, part: Decoded) -> Prediction:
        return predicted(frame, place, with_prior(model, frame, frame.place(place), part))

    return look_on(model, x, frame, jax.vmap(at)(places, glance), witnesses=False)
