"""A wide look at the joint density before any deep one: thousands of cheap evaluations, the best distinct ones kept.

Coordinates s and exponent e(z) are those of `frame`. At every fixed quasi-random s one step of Gauss-Newton (Fisher
scoring for observations), clipped to the cell of the point, predicts how high e gets nearby: a mode is seen although
its width, of order sqrt(eps), is far below the spacing. Along a line (d = 1) the chords between neighbours predict
instead (`scan_line`). Points whose prediction beats their neighbours' are polished by more steps, the distinct ones for
longer: repeats would end where the first ends. They are starts for `modes` and *witnesses* for `cover`: mass that was
seen must be accounted for.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from .distinct import distinct_finds, distinct_ranks, log_gaussian
from .frame import NARROW, Frame, Local, local_model, scan_points
from .listed import polished_where
from .model import LatentModel
from .recombine import recombined
from .scan_line import look_along_line

Vector = Float[Array | np.ndarray, " D"]

# The largest dimension in which what was seen is integrated by a global rule.
INTEGRATED = 3

# Points polished in space, and the distinct ones that Newton then starts from.
_POLISHED = {2: 256} | dict.fromkeys(range(3, 9), 512)
KEPT = {1: 8, 2: 48, 3: 128} | dict.fromkeys(range(4, 9), 64)

# Steps of Gauss-Newton, and how many distinct points, in multiples of those kept, go on after each stage.
_STAGES = ((2, 2), (4, 1), (16, 1))

# Steps of all points above three dimensions.
_MANY = 16


class Scan(NamedTuple):
    """What the look has found: the best points (W, d), the distinct ones of the largest mass first.

    exponent, log_det, curvature: the exponents there, log det and all (W, d, d) of the curvature per unit of sinh(s).

    late: log-mass of what the last look still added (`recombine`): as much may be missing.
    between, log_between: points (I, d) between which the decoder turns faster than they lie, and the log-mass that may
    hide there (d = 1); count: how many are distinct, at most KEPT.
    """

    point: Float[Array, "W d"]
    exponent: Float[Array, " W"]
    log_det: Float[Array, " W"]
    curvature: Float[Array, "W d d"]
    between: Float[Array, "I d"]
    log_between: Float[Array, " I"]
    late: Float[Array, ""]
    count: Int[Array, ""]  # type: ignore[assignment]  # hides a method of tuples that nobody calls here

    def log_mass(self, frame: Frame) -> Float[Array, " W"]:
        """Return log of the mass of the Gaussian approximation at every point."""
        mass = self.exponent - 0.5 * self.log_det + log_constant(frame)
        return jnp.where(jnp.isfinite(mass), mass, -jnp.inf)

    def witnessed(self, others: Local) -> "Scan":
        """Return the same with more points (stacked), the last ones: none that a search starts from."""
        names = ("point", "exponent", "log_det", "curvature")
        parts = {name: jnp.concatenate([getattr(self, name), getattr(others, name)]) for name in names}
        return self._replace(**jax.lax.stop_gradient(parts))


class Prediction(NamedTuple):
    """One step of Gauss-Newton from a fixed point: where it ends, how high it says, log det, and if a cell is wide."""

    target: Float[Array, " d"]
    score: Float[Array, ""]
    log_det: Float[Array, ""]
    narrow: Bool[Array, ""]


def look(model: LatentModel, x: Vector, frame: Frame) -> Scan:
    """Scan, predict, polish, and put the distinct ones first: see the module. For d <= 8."""
    if model.latent_dim == 1:
        found, between, unsure, late = look_along_line(model, x, frame)
        ranks = distinct_ranks(found.point @ frame.inverse.T, found.curvature, log_gaussian(found), KEPT[1])
        ordered = jax.tree.map(lambda leaf: leaf[jnp.argsort(ranks)], found)
        return _scan(ordered, jnp.sum(ranks < KEPT[1]), between, unsure, late)
    places = jnp.asarray(scan_points(model.latent_dim)[0])
    predictions = jax.vmap(lambda s: predicted(frame, s, local_model(model, x, frame, frame.place(s))))(places)
    return look_on(model, x, frame, predictions, witnesses=True)


def look_on(model: LatentModel, x: Vector, frame: Frame, predictions: Prediction, *, witnesses: bool) -> Scan:
    """Return what is found from what the fixed points predict, for d = 2 to 8, with all that was seen if asked for."""
    targets, unsure = _best_predicted(frame, predictions)
    polish = partial(polished, model, x, frame)
    stages = _in_stages if model.latent_dim <= INTEGRATED else _at_once
    found, others = stages(frame, polish, targets)
    found, late = recombined(found, frame, polish, scan_points(model.latent_dim)[2])
    order = jnp.argsort(-log_gaussian(found))
    ordered = jax.tree.map(lambda leaf: leaf[order], found)
    count = jnp.minimum(jnp.sum(log_gaussian(found) > -jnp.inf), KEPT[model.latent_dim])
    scan = _scan(ordered, count, predictions.target, unsure, late + log_constant(frame))
    return scan.witnessed(others) if witnesses else scan


def _scan(
    found: Local,
    count: Int[Array, ""],
    between: Float[Array, "I d"],
    unsure: Float[Array, " I"],
    late: Float[Array, ""],
) -> Scan:
    exponent = jnp.where(log_gaussian(found) > -jnp.inf, found.exponent, -jnp.inf)
    scan = Scan(found.point, exponent, found.log_det, found.curvature, between, unsure, late, count)
    return jax.lax.stop_gradient(scan)


def predicted(frame: Frame, place: Float[Array, " d"], local: Local) -> Prediction:
    """Return what the Gauss-Newton model at the fixed point s = place predicts."""
    cell = scan_points(len(place))[2]
    target, share = _step(frame, local.point, local)
    score = local.exponent + (2 * share - share**2) * local.gain
    widths = cell * jnp.cosh(place) * jnp.sqrt(jnp.diagonal(local.curvature))
    return Prediction(target, jnp.where(jnp.isfinite(score), score, -jnp.inf), local.log_det, jnp.max(widths) > NARROW)


def _best_predicted(frame: Frame, predictions: Prediction) -> tuple[Float[Array, "W d"], Float[Array, " N"]]:
    """Return the targets of the best predictions (stacked), and log-masses that may hide at those left out."""
    d = len(frame.centre)
    scores = predictions.score
    best = scores >= jnp.max(scores[scan_points(d)[1]], axis=1)
    _, chosen = jax.lax.top_k(jnp.where(best, scores, -jnp.inf), _POLISHED[d])
    # What is wide the boxes of `cover` see.
    left_over = best & predictions.narrow & (scores < scores[chosen[-1]])
    unsure = jnp.where(left_over, scores - 0.5 * predictions.log_det + log_constant(frame), -jnp.inf)
    return predictions.target[chosen], jnp.where(jnp.isnan(unsure), -jnp.inf, unsure)


def polished(model: LatentModel, x: Vector, frame: Frame, z: Float[Array, " d"], steps: int | Array) -> Local:
    """Return the model after so many steps of Gauss-Newton from z, none of which descends."""

    def again(index: Array, local: Local) -> Local:
        new = local_model(model, x, frame, jnp.where(index > 0, _step(frame, local.point, local)[0], z))
        better = (new.exponent >= local.exponent) | (index == 0)
        halved = local._replace(move=0.25 * local.move)
        return jax.tree.map(lambda a, b: jnp.where(better, a, b), new, halved)

    # Compiled once for the start and all steps.
    shapes = jax.eval_shape(lambda: local_model(model, x, frame, z))
    return jax.lax.fori_loop(0, steps + 1, again, jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes))


def _in_stages(
    frame: Frame, polish: Callable[[Float[Array, " d"], int | Array], Local], points: Float[Array, "W d"]
) -> tuple[Local, Local]:
    """Return the points after some steps, of those the distinct ones after some more, and so on.

    The exponent of a repeat is -inf. Beside them those that were distinct after the first steps: what lies between them
    and a mode has been seen.
    """
    d = len(frame.centre)
    steps, kept = (jnp.asarray(column) for column in zip(*_STAGES, strict=True))
    most = KEPT[d] * max(kept for _, kept in _STAGES)

    def stage(index: Array, state: tuple[Local, Local]) -> tuple[Local, Local]:
        found, early = state
        found = polished_where(lambda z: polish(z, steps[index]), found.point, found.exponent > -jnp.inf)
        found, _ = distinct_finds(frame, found, most)
        early = jax.tree.map(lambda now, then: jnp.where(index == 0, now[:most], then), found, early)
        going_on = jnp.arange(len(points)) < KEPT[d] * kept[index]
        return found._replace(exponent=jnp.where(going_on, found.exponent, -jnp.inf)), early

    shapes = jax.eval_shape(lambda: jax.vmap(lambda z: polish(z, 0))(points))
    start = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)._replace(point=points)
    return jax.lax.fori_loop(0, len(_STAGES), stage, (start, jax.tree.map(lambda leaf: leaf[:most], start)))


def _at_once(
    frame: Frame, polish: Callable[[Float[Array, " d"], int | Array], Local], points: Float[Array, "W d"]
) -> tuple[Local, Local]:
    """Return the distinct ones of all points after many steps, and their repeats.

    These tell how often each mode is reached: beside modes that few have reached there are more (`missed`).
    """
    return distinct_finds(frame, jax.vmap(lambda z: polish(z, _MANY))(points), len(points))


def _step(frame: Frame, z: Float[Array, " d"], local: Local) -> tuple[Float[Array, " d"], Float[Array, ""]]:
    """Return the point after the step clipped to the cell, and the share of the step that is taken."""
    reach = scan_points(len(z))[2] * jnp.sqrt(1 + (frame.inverse @ (z - frame.centre)) ** 2)
    share = jnp.minimum(1.0, jnp.min(reach / jnp.maximum(jnp.abs(local.move), 1e-300)))
    share = jnp.where(jnp.isfinite(share), share, 0.0)
    moved = z + frame.factor @ (share * local.move)
    return jnp.where(jnp.all(jnp.isfinite(moved)), moved, z), share


def log_constant(frame: Frame) -> Float[Array, ""]:
    """Return log of what a Gaussian's mass has besides its height and its determinant in units of the frame."""
    return 0.5 * len(frame.centre) * np.log(2 * np.pi) - jnp.linalg.slogdet(frame.inverse)[1]
