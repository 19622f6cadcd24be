"""A wide look at the joint density before any deep one: thousands of cheap evaluations, the best distinct ones kept.

Coordinates: z = loc + P sinh(s), with loc and P the linear part of the prior's `push` at 0, so that a uniform s is
dense in the bulk of the prior and reaches thousands of its standard deviations. At every fixed quasi-random s one
step of Gauss-Newton (Fisher scoring for observations), clipped to the cell of the point, predicts how high the exponent
e(z) = -V/eps + ell gets nearby: a mode is seen although its width, of order sqrt(eps), is far below the spacing.
Along a line (d = 1) the chords between neighbours predict instead. Points whose prediction beats their neighbours' are
polished by a few more steps; they are starts for `modes` and
*witnesses* for `outside`: mass that was seen must be accounted for.
"""

from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from .model import LatentModel
from .seed import SEED

Vector = Float[Array | np.ndarray, " D"]

# Number of points, reach in prior standard deviations and neighbours of a point, for each dimension that is scanned.
# Few neighbours: beyond them, what a point predicts may belong to another mode.
_SCAN = {1: (1024, 1e3, 2), 2: (4096, 50.0, 3), 3: (8192, 30.0, 4)} | dict.fromkeys(range(4, 9), (4096, 5.0, 5))
LARGEST = max(_SCAN)

# The largest dimension in which what was seen is integrated by a global rule.
INTEGRATED = 3

# Points polished in space, steps for each, and the distinct ones that Newton then starts from.
_POLISHED = {2: 256} | dict.fromkeys(range(3, 9), 512)
_STEPS = {2: 6, 3: 6} | dict.fromkeys(range(4, 9), 16)
KEPT = {1: 8, 2: 32, 3: 48} | dict.fromkeys(range(4, 9), 64)

# A cell this many standard deviations wide may hide a mode.
_NARROW = 3.0

# Along a line: intervals bisected, and how often.
_BRACKETS, _BISECTIONS = 40, 17


class Frame(NamedTuple):
    """The scale of the prior: z = centre + factor sinh(s)."""

    centre: Float[Array, " d"]
    factor: Float[Array, "d d"]
    inverse: Float[Array, "d d"]

    def place(self, s: Float[Array, " d"]) -> Float[Array, " d"]:
        """Return z at s."""
        return self.centre + self.factor @ jnp.sinh(s)

    def locate(self, z: Float[Array, " d"]) -> Float[Array, " d"]:
        """Return s at z."""
        return jnp.arcsinh(self.inverse @ (z - self.centre))

    def log_volume(self, s: Float[Array, " d"]) -> Float[Array, ""]:
        """Return log abs det dz/ds."""
        # log cosh without overflow.
        stretch = jnp.sum(jnp.abs(s) + jnp.log1p(jnp.exp(-2 * jnp.abs(s))) - np.log(2.0))
        return stretch - jnp.linalg.slogdet(self.inverse)[1]


class Local(NamedTuple):
    """The exponent and its Gauss-Newton model at a point, in units of the frame.

    move: the step to the maximum; gain: what it gains; log_det and curvature: of minus the Hessian.
    """

    point: Float[Array, " d"]
    exponent: Float[Array, ""]
    move: Float[Array, " d"]
    gain: Float[Array, ""]
    log_det: Float[Array, ""]
    curvature: Float[Array, "d d"]


class Scan(NamedTuple):
    """What the look has found: the best points (W, d), the distinct ones of the largest mass first.

    exponent, log_det, curvature: the exponents there, log det and all (W, d, d) of the curvature per unit of sinh(s).

    between, log_between: points (I, d) between which the decoder turns faster than they lie, and the log-mass that may
    hide there (d = 1).
    """

    point: Float[Array, "W d"]
    exponent: Float[Array, " W"]
    log_det: Float[Array, " W"]
    curvature: Float[Array, "W d d"]
    between: Float[Array, "I d"]
    log_between: Float[Array, " I"]

    def log_mass(self, frame: Frame) -> Float[Array, " W"]:
        """Return log of the mass of the Gaussian approximation at every point."""
        constant = 0.5 * self.point.shape[1] * np.log(2 * np.pi) - jnp.linalg.slogdet(frame.inverse)[1]
        return jnp.where(jnp.isfinite(self.exponent), self.exponent - 0.5 * self.log_det + constant, -jnp.inf)


def frame_of(model: LatentModel) -> Frame:
    """Return the scale of the model's prior."""
    origin = jnp.zeros(model.latent_dim)
    factor = jax.lax.stop_gradient(jax.jacfwd(model.prior.push)(origin))
    return Frame(jax.lax.stop_gradient(model.prior.push(origin)), factor, jnp.linalg.inv(factor))


@lru_cache
def scan_points(d: int) -> tuple[Float[np.ndarray, "N d"], Int[np.ndarray, "N k"], float]:
    """Return the fixed points in s, the indices of the nearest neighbours of each, and the size of a cell."""
    # Slow to import, and not needed where starts are given.
    from scipy.spatial import cKDTree
    from scipy.stats import qmc

    count, reach, neighbours = _SCAN[d]
    half = float(np.arcsinh(reach))
    if d == 1:
        unit = (np.arange(count)[:, None] + 0.5) / count
    else:
        unit = qmc.Sobol(d, rng=np.random.default_rng(SEED)).random(count)
    points = half * (2 * unit - 1)
    _, nearest = cKDTree(points).query(points, neighbours + 1)
    return points, nearest[:, 1:].astype(np.int32), 2 * half / count ** (1 / d)


def solve_small(matrix: Float[Array, "d d"], right: Float[Array, " d"]) -> tuple[Float[Array, " d"], Float[Array, ""]]:
    """Solve a positive definite system by elimination written out (d is small), and return log det too."""
    d = matrix.shape[0]
    rows, b, log_det = [matrix[i] for i in range(d)], [right[i] for i in range(d)], jnp.zeros(())
    for i in range(d):
        log_det = log_det + jnp.log(rows[i][i])
        for j in range(i + 1, d):
            share = rows[j][i] / rows[i][i]
            rows[j], b[j] = rows[j] - share * rows[i], b[j] - share * b[i]
    found: list[Array] = [right[0]] * d
    for i in reversed(range(d)):
        rest = b[i]
        for j in range(i + 1, d):
            rest = rest - rows[i][j] * found[j]
        found[i] = rest / rows[i][i]
    return jnp.stack(found), log_det


def local_model(model: LatentModel, x: Vector, frame: Frame, z: Float[Array, " d"]) -> Local:
    """Return the Gauss-Newton model of the exponent at z, in units of the frame."""

    def output(point: Array) -> Array:
        f = model.decoder(point)
        return f if model.observation is not None else model.noise.whiten(f - x, point)

    directions = frame.factor
    value, along = jax.linearize(output, z)
    columns = jax.vmap(along, in_axes=1, out_axes=1)(directions)
    ell, slope = jax.value_and_grad(model.log_prior)(z)
    observation = model.observation
    if observation is None:
        potential, weight, white = 0.5 * value @ value, value, columns
    else:
        potential, weight = jax.value_and_grad(lambda f: observation.potential(f, x))(value)
        white = jax.vmap(lambda v: observation.whiten(v, value), in_axes=1, out_axes=1)(columns)
    gradient = directions.T @ slope - columns.T @ weight / model.eps
    hessian = white.T @ white / model.eps + jnp.eye(len(z))
    move, log_det = solve_small(hessian, gradient)
    return Local(z, ell - potential / model.eps, move, 0.5 * gradient @ move, log_det, hessian)


def look(model: LatentModel, x: Vector, frame: Frame) -> Scan:
    """Scan, predict, polish, and put the distinct ones first: see the module. For d <= 8."""
    d = model.latent_dim
    found, between, unsure = (_look_along_line if d == 1 else _look_in_space)(model, x, frame)
    exponent = jnp.where(jnp.isfinite(found.exponent + found.log_det), found.exponent, -jnp.inf)
    mass = jnp.where(jnp.isfinite(exponent), exponent - 0.5 * found.log_det, -jnp.inf)
    order = jnp.argsort(distinct_ranks(found.point @ frame.inverse.T, found.curvature, mass, KEPT[d]))
    kept = (leaf[order] for leaf in (found.point, exponent, found.log_det, found.curvature))
    return jax.lax.stop_gradient(Scan(*kept, between, unsure))


def distinct_ranks(
    places: Float[Array, "W d"], curvature: Float[Array, "W d d"], mass: Float[Array, " W"], kept: int
) -> Int[Array, " W"]:
    """Return 0 for the largest mass, 1 for the largest beyond one deviation of it, and so on; `kept` for the rest.

    Deviations are those of the point already taken, by its curvature.
    """

    def take(rank: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        free, ranks = state
        best = jnp.argmax(free)
        gaps = places - places[best][None, :]
        close = jnp.einsum("na,ab,nb->n", gaps, curvature[best], gaps) < 1.0
        taken = close | (jnp.arange(len(mass)) == best)
        return jnp.where(taken, -jnp.inf, free), ranks.at[best].min(rank)

    return jax.lax.fori_loop(0, kept, take, (mass, jnp.full(len(mass), kept)))[1]


def _look_along_line(
    model: LatentModel, x: Vector, frame: Frame
) -> tuple[Local, Float[Array, "I 1"], Float[Array, " I"]]:
    """Predict by the chords between neighbours, polish the best by bisection: d = 1.

    A continuous decoder that passes x between two points is seen however steep it is there.
    """
    s = jnp.asarray(scan_points(1)[0])[:, 0]

    def at(place: Array) -> tuple[Array, Array]:
        """Return the whitened residual (without it for observations), and the rest of the exponent."""
        z = frame.place(place[None])
        if model.observation is not None:
            return jnp.zeros(1), model.exponent(z, x)
        return model.noise.whiten(model.decoder(z) - x, z) / jnp.sqrt(model.eps), model.log_prior(z)

    values = jax.vmap(at)(s)
    left, right = (
        jax.tree.map(lambda leaf, part=part: leaf[part], values) for part in (slice(None, -1), slice(1, None))
    )
    turn = _turn(values[0])
    scores = jax.vmap(_highest_on_chord)(left, right, 0.25 * turn)
    certain = jax.vmap(_highest_on_chord)(left, right)
    slope = jax.vmap(lambda a, b: jnp.linalg.norm(b - a))(left[0], right[0])
    narrow = slope + turn > _NARROW
    best = _beats_neighbours(scores, certain, 0.0)
    # Two intervals in which the decoder passes x differ by the prior only: neither hides the other.
    tops = jnp.maximum(left[1], right[1])
    best = best | (narrow & _beats_neighbours(scores - tops, certain - tops, 1.0))
    # The mass of an interval: the whole of it, or what a Gaussian of the residual's slope holds.
    volume = jax.vmap(lambda place: frame.log_volume(place[None]))(0.5 * (s[1:] + s[:-1]))
    weighed = scores + volume + jnp.log((s[1] - s[0]) / jnp.maximum(1.0, slope / np.sqrt(2 * np.pi)))
    weighed = jnp.where(jnp.isnan(weighed), -jnp.inf, weighed)
    _, chosen = jax.lax.top_k(jnp.where(best, weighed, -jnp.inf), _BRACKETS)

    def bisect(a: Array, b: Array, low: tuple[Array, Array], high: tuple[Array, Array]) -> Local:
        def halve(_: Array, state: tuple) -> tuple:
            a, b, low, high = state
            middle = 0.5 * (a + b)
            value = at(middle)
            first = _highest_on_chord(low, value) >= _highest_on_chord(value, high)
            pick = lambda one, other: jnp.where(first, one, other)  # noqa: E731
            return pick(a, middle), pick(middle, b), jax.tree.map(pick, low, value), jax.tree.map(pick, value, high)

        a, b, low, high = jax.lax.fori_loop(0, _BISECTIONS, halve, (a, b, low, high))
        exponents = jnp.stack([value[1] - 0.5 * value[0] @ value[0] for value in (low, high)])
        place = jnp.where(exponents[1] > exponents[0], b, a)
        return local_model(model, x, frame, frame.place(place[None]))

    # Two modes may lie in one interval: both halves are searched.
    middles = 0.5 * (s[chosen] + s[chosen + 1])
    lows, highs = (jax.tree.map(lambda leaf, k=k: leaf[chosen + k], values) for k in (0, 1))
    both = lambda one, other: jax.tree.map(lambda p, q: jnp.concatenate([p, q]), one, other)  # noqa: E731
    centres = jax.vmap(at)(middles)
    ends = both(s[chosen], middles), both(middles, s[chosen + 1]), both(lows, centres), both(centres, highs)
    # What is wide the lattices and the boxes of `cover` see.
    left_over = best & narrow & (weighed < weighed[chosen[-1]])
    unsure = jnp.concatenate([jnp.where(left_over, weighed + np.log(2.0), -jnp.inf), jnp.full(1, -jnp.inf)])
    between = jnp.maximum(hidden(s, values, frame), unsure)
    return jax.vmap(bisect)(*ends), jax.vmap(lambda place: frame.place(place[None]))(s), between


def _turn(r: Float[Array, "N D"]) -> Float[Array, " I"]:
    """Return the larger second difference of r at the ends of every interval.

    A parabola leaves its chord by an eighth of it; a quarter is allowed.
    """
    turn = jnp.linalg.norm(r[2:] - 2 * r[1:-1] + r[:-2], axis=1)
    return jnp.maximum(jnp.concatenate([turn[:1], turn]), jnp.concatenate([turn, turn[-1:]]))


def _beats_neighbours(scores: Float[Array, " I"], certain: Float[Array, " I"], slack: float) -> Bool[Array, " I"]:
    """Whether each score is within `slack` of what both neighbours certainly have, or above it."""
    padded = jnp.concatenate([jnp.full(1, -jnp.inf), certain, jnp.full(1, -jnp.inf)])
    return (scores + slack >= padded[:-2]) & (scores + slack >= padded[2:])


def _highest_on_chord(
    left: tuple[Array, Array], right: tuple[Array, Array], sagitta: Float[Array, ""] | float = 0.0
) -> Float[Array, ""]:
    """Return the largest exponent on the chord between two points: residual and the rest of the exponent at each.

    sagitta: by how much the residual may be smaller than the chord's.
    """
    (r, ell), (end, other) = left, right
    step = end - r
    square = step @ step
    t = jnp.clip(-(r @ step) / jnp.where(square > 0, square, 1.0), 0.0, 1.0)
    nearest = r + t * step
    distance = jnp.maximum(jnp.sqrt(nearest @ nearest) - sagitta, 0.0)
    score = jnp.maximum(ell, other) - 0.5 * distance**2
    return jnp.where(jnp.isnan(score), -jnp.inf, score)


def hidden(s: Float[Array, " N"], values: tuple[Array, Array], frame: Frame) -> Float[Array, " N"]:
    """Return log of the mass that may hide at a point of the line where the decoder turns within one interval.

    values: whitened residual r and the rest of the exponent. Where the second difference of r exceeds the first
    (at three neighbours: a kink turns once), r may come nearer to 0 than its values by as
    much; a root then holds the density there times sqrt(2 pi) / slope.
    """
    r, ell = values
    turn = jnp.linalg.norm(r[2:] - 2 * r[1:-1] + r[:-2], axis=1)
    change = jnp.linalg.norm(r[2:] - r[:-2], axis=1)
    nearest = jnp.maximum(jnp.linalg.norm(r[1:-1], axis=1) - turn, 0.0)
    width = jnp.log((s[1] - s[0]) / jnp.maximum(1.0, turn / np.sqrt(2 * np.pi)))
    volume = jax.vmap(lambda place: frame.log_volume(place[None]))(s[1:-1])
    faster = turn > change
    faster = faster & jnp.roll(faster, 1) & jnp.roll(faster, -1)
    mass = jnp.where(faster, ell[1:-1] - 0.5 * nearest**2 + width + volume, -jnp.inf)
    mass = jnp.where(jnp.isnan(mass), -jnp.inf, mass)
    return jnp.concatenate([jnp.full(1, -jnp.inf), mass, jnp.full(1, -jnp.inf)])


def _look_in_space(
    model: LatentModel, x: Vector, frame: Frame
) -> tuple[Local, Float[Array, "I d"], Float[Array, " I"]]:
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
        return target, jnp.where(jnp.isfinite(score), score, -jnp.inf), local.log_det, jnp.max(widths) > _NARROW

    targets, scores, log_dets, narrow = jax.vmap(first)(s)
    best = scores >= jnp.max(scores[neighbours], axis=1)
    _, chosen = jax.lax.top_k(jnp.where(best, scores, -jnp.inf), _POLISHED[model.latent_dim])

    def polish(z: Array) -> Local:
        def again(_: Array, local: Local) -> Local:
            new = local_model(model, x, frame, step(local.point, local)[0])
            better = new.exponent >= local.exponent
            halved = local._replace(move=0.25 * local.move)
            return jax.tree.map(lambda a, b: jnp.where(better, a, b), new, halved)

        return jax.lax.fori_loop(0, _STEPS[model.latent_dim], again, local_model(model, x, frame, z))

    constant = 0.5 * len(frame.centre) * np.log(2 * np.pi) - jnp.linalg.slogdet(frame.inverse)[1]
    # What is wide the boxes of `cover` see.
    left_over = best & narrow & (scores < scores[chosen[-1]])
    unsure = jnp.where(left_over, scores - 0.5 * log_dets + constant, -jnp.inf)
    return jax.vmap(polish)(targets[chosen]), targets, jnp.where(jnp.isnan(unsure), -jnp.inf, unsure)
