"""The scale of the prior, the points that a scan looks at, and the Gauss-Newton model of the exponent at one of them.

Coordinates: z = loc + P sinh(s), with loc and P the linear part of the prior's `push` at 0, so that a uniform s is
dense in the bulk of the prior and reaches thousands of its standard deviations. Exponent: e(z) = -V/eps + ell.
"""

from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from .model import LatentModel
from .seed import SEED

Vector = Float[Array | np.ndarray, " D"]

# Number of points, reach in prior standard deviations and neighbours of a point, for each dimension that is scanned.
# Few neighbours: beyond them, what a point predicts may belong to another mode.
_SCAN = {1: (1024, 1e3, 2), 2: (4096, 50.0, 3), 3: (8192, 30.0, 4)} | dict.fromkeys(range(4, 9), (4096, 5.0, 5))
LARGEST = max(_SCAN)

# A cell this many standard deviations wide may hide a mode.
NARROW = 3.0


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


class Decoded(NamedTuple):
    """What the Gauss-Newton model takes from decoder and data at a point, the same for every eps (see `Local`).

    potential V, slope (d,) and metric (d, d): its gradient and Gauss-Newton Hessian in units of the frame.
    """

    potential: Float[Array, ""]
    slope: Float[Array, " d"]
    metric: Float[Array, "d d"]


def decoded(model: LatentModel, x: Vector, frame: Frame, z: Float[Array, " d"]) -> Decoded:
    """Return potential, slope and metric at z."""

    def output(point: Array) -> Array:
        f = model.decoder(point)
        return f if model.observation is not None else model.noise.whiten(f - x, point)

    value, along = jax.linearize(output, z)
    columns = jax.vmap(along, in_axes=1, out_axes=1)(frame.factor)
    observation = model.observation
    if observation is None:
        potential, weight, white = 0.5 * value @ value, value, columns
    else:
        potential, weight = jax.value_and_grad(lambda f: observation.potential(f, x))(value)
        white = jax.vmap(lambda v: observation.whiten(v, value), in_axes=1, out_axes=1)(columns)
    return Decoded(potential, columns.T @ weight, white.T @ white)


def with_prior(model: LatentModel, frame: Frame, z: Float[Array, " d"], part: Decoded) -> Local:
    """Return the Gauss-Newton model of the exponent at z, in units of the frame, from what is decoded there."""
    ell, slope = jax.value_and_grad(model.log_prior)(z)
    gradient = frame.factor.T @ slope - part.slope / model.eps
    hessian = part.metric / model.eps + jnp.eye(len(z))
    move, log_det = solve_small(hessian, gradient)
    return Local(z, ell - part.potential / model.eps, move, 0.5 * gradient @ move, log_det, hessian)


def local_model(model: LatentModel, x: Vector, frame: Frame, z: Float[Array, " d"]) -> Local:
    """Return the Gauss-Newton model of the exponent at z, in units of the frame."""
    return with_prior(model, frame, z, decoded(model, x, frame, z))
