"""A wide look at the joint density before any deep one: thousands of cheap evaluations, the best distinct ones kept.

Coordinates s and exponent e(z) are those of `frame`. At every fixed quasi-random s one step of Gauss-Newton (Fisher
scoring for observations), clipped to the cell of the point, predicts how high e gets nearby: a mode is seen although
its width, of order sqrt(eps), is far below the spacing. Along a line (d = 1) the chords between neighbours predict
instead (`scan_line`). Points whose prediction beats their neighbours' are polished by a few more steps; they are starts
for `modes` and *witnesses* for `cover`: mass that was seen must be accounted for.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .distinct import distinct_ranks
from .frame import NARROW, Frame, Local, local_model, scan_points
from .model import LatentModel
from .recombine import recombined
from .scan_line import look_along_line

Vector = Float[Array | np.ndarray, " D"]

# The largest dimension in which what was seen is integrated by a global rule.
INTEGRATED = 3

# Points polished in space, steps for each, and the distinct ones that Newton then starts from.
_POLISHED = {2: 256} | dict.fromkeys(range(3, 9), 512)
_STEPS = {2: 6, 3: 6} | dict.fromkeys(range(4, 9), 16)
KEPT = {1: 8, 2: 48, 3: 128} | dict.fromkeys(range(4, 9), 64)


class Scan(NamedTuple):
    """What the look has found: the best points (W, d), the distinct ones of the largest mass first.

    exponent, log_det, curvature: the exponents there, log det and all (W, d, d) of the curvature per unit of sinh(s).

    late: log-mass of what the last look still added (`recombine`): as much may be missing.
    between, log_between: points (I, d) between which the decoder turns faster than they lie, and the log-mass that may
    hide there (d = 1).
    """

    point: Float[Array, "W d"]
    exponent: Float[Array, " W"]
    log_det: Float[Array, " W"]
    curvature: Float[Array, "W d d"]
    between: Float[Array, "I d"]
    log_between: Float[Array, " I"]
    late: Float[Array, ""]

    def log_mass(self, frame: Frame) -> Float[Array, " W"]:
        """Return log of the mass of the Gaussian approximation at every point."""
        constant = 0.5 * self.point.shape[1] * np.log(2 * np.pi) - jnp.linalg.slogdet(frame.inverse)[1]
        return jnp.where(jnp.isfinite(self.exponent), self.exponent - 0.5 * self.log_det + constant, -jnp.inf)


def look(model: LatentModel, x: Vector, frame: Frame) -> Scan:
    """Scan, predict, polish, and put the distinct ones first: see the module. For d <= 8."""
    d = model.latent_dim
    found, between, unsure, late = (look_along_line if d == 1 else _look_in_space)(model, x, frame)
    exponent = jnp.where(jnp.isfinite(found.exponent + found.log_det), found.exponent, -jnp.inf)
    mass = jnp.where(jnp.isfinite(exponent), exponent - 0.5 * found.log_det, -jnp.inf)
    order = jnp.argsort(distinct_ranks(found.point @ frame.inverse.T, found.curvature, mass, KEPT[d]))
    point, exponent, log_det = found.point[order], exponent[order], found.log_det[order]
    return jax.lax.stop_gradient(Scan(point, exponent, log_det, found.curvature[order], between, unsure, late))


def _look_in_space(
    model: LatentModel, x: Vector, frame: Frame
) -> tuple[Local, Float[Array, "I d"], Float[Array, " I"], Float[Array, ""]]:
    """Predict by Gauss-Newton from every point, polish the best: d = 2 to 8."""
    places, neighbours, cell = scan_points(model.latent_dim)
    s = jnp.asarray(places)

    def step(z: Array, local: Local) -> tuple[Array, Array]:
        """Return the point after the step clipped to the cell, and the share of the step that is taken."""
        reach = cell * jnp.sqrt(1 + (frame.inverse @ (z - frame.centre)) ** 2)
        share = jnp.minimum(1.0, jnp.min(reach / jnp.maximum(jnp.abs(local.move), 1e-300)))
        share = jnp.where(jnp.isfinite(share), share, 0.0)
        moved = z + frame.factor @ (share * local.move)
        return jnp.where(jnp.all(jnp.isfinite(moved)), moved, z), share

    def first(place: Array) -> tuple[Array, Array, Array, Array]:
        z = frame.place(place)
        local = local_model(model, x, frame, z)
        target, share = step(z, local)
        score = local.exponent + (2 * share - share**2) * local.gain
        widths = cell * jnp.cosh(place) * jnp.sqrt(jnp.diagonal(local.curvature))
        return target, jnp.where(jnp.isfinite(score), score, -jnp.inf), local.log_det, jnp.max(widths) > NARROW

    targets, scores, log_dets, narrow = jax.vmap(first)(s)
    best = scores >= jnp.max(scores[neighbours], axis=1)
    _, chosen = jax.lax.top_k(jnp.where(best, scores, -jnp.inf), _POLISHED[model.latent_dim])

    def polish(z: Array, steps: int) -> Local:
        def again(_: Array, local: Local) -> Local:
            new = local_model(model, x, frame, step(local.point, local)[0])
            better = new.exponent >= local.exponent
            halved = local._replace(move=0.25 * local.move)
            return jax.tree.map(lambda a, b: jnp.where(better, a, b), new, halved)

        return jax.lax.fori_loop(0, steps, again, local_model(model, x, frame, z))

    constant = 0.5 * len(frame.centre) * np.log(2 * np.pi) - jnp.linalg.slogdet(frame.inverse)[1]
    # What is wide the boxes of `cover` see.
    left_over = best & narrow & (scores < scores[chosen[-1]])
    unsure = jnp.where(left_over, scores - 0.5 * log_dets + constant, -jnp.inf)
    polished = jax.vmap(lambda z: polish(z, _STEPS[model.latent_dim]))(targets[chosen])
    all_found, late = recombined(polished, frame, polish, cell)
    return all_found, targets, jnp.where(jnp.isnan(unsure), -jnp.inf, unsure), late + constant
