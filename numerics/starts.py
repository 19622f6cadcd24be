"""Where searches begin when the caller names no start.

A few fixed quasi-random points (Sobol, through the normal quantile) are pushed to the prior, and from each
Levenberg-Marquardt solves f(z) = x in the noise's metric. Points that already solve it are left where they
are; what the starts agree or disagree about is for `modes` and `encoder` to find out.
"""

from functools import lru_cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float
from scipy.special import ndtri

from ..errors import RequestError
from .frame import frame_of
from .model import LatentModel
from .requests import real_array, refused
from .scan import INTEGRATED, KEPT, Scan, look
from .seed import SEED

Vector = Float[Array | np.ndarray, " D"]

# Enough to find every branch of the folds of the families (up to three preimages), a power of two for Sobol.
_COUNT = 8
_TOLERANCE = 1e-6


@lru_cache
def normal_points(d: int) -> Float[np.ndarray, "S d"]:
    """Return the fixed quasi-random points of N(0, I_d), the origin first."""
    from scipy.stats import qmc  # slow to import, as optimistix is, and not needed where starts are given

    uniform = qmc.Sobol(d, rng=np.random.default_rng(SEED)).random(_COUNT)
    points = ndtri(np.clip(uniform, 1e-3, 1 - 1e-3))
    points[0] = 0.0
    return points


def fixed_starts(model: LatentModel, x: Vector) -> Float[Array, "S d"]:
    """Return points that solve f(z) = x as nearly as Levenberg-Marquardt gets from each fixed start.

    For observations that are not Gaussian, V is no sum of squares, and the fixed points themselves are
    returned.
    """
    points = jax.vmap(model.prior.push)(jnp.asarray(normal_points(model.latent_dim)))
    if model.observation is not None:
        return points

    import optimistix as optx

    solver: optx.LevenbergMarquardt = optx.LevenbergMarquardt(rtol=_TOLERANCE, atol=_TOLERANCE)

    def residual(z: Array, target: Array) -> Array:
        return model.noise.whiten(model.decoder(z) - target, z)

    def solve(start: Array) -> Array:
        found = optx.least_squares(residual, solver, start, args=x, max_steps=64, throw=False).value
        return jnp.where(jnp.all(jnp.isfinite(found)), found, start)

    return jax.lax.stop_gradient(eqx.filter_vmap(solve)(points))


def search_starts(model: LatentModel, x: Vector, scanned: int = INTEGRATED) -> Float[Array, "S d"]:
    """Return the fixed starts and, up to d = `scanned`, the best distinct points of a wide `scan`."""
    if model.latent_dim > scanned:
        return fixed_starts(model, x)
    return with_scanned(model, x, look(model, x, frame_of(model)))[0]


def with_scanned(model: LatentModel, x: Vector, scan: Scan) -> tuple[Float[Array, "S d"], Bool[Array, " S"]]:
    """Return the fixed starts and the best distinct points of this scan, and which of them are no repeats."""
    fixed, kept = fixed_starts(model, x), KEPT[model.latent_dim]
    starts = jnp.concatenate([fixed, scan.point[:kept]])
    return starts, jnp.arange(len(starts)) < len(fixed) + scan.count


def as_starts(d: int, start: ArrayLike) -> Float[Array, "S d"]:
    """Return (d,) or (S, d) as (S, d); `RequestError` for another shape, or where no start is finite."""
    starts = real_array("start", start)
    if starts.ndim not in (1, 2) or starts.shape[-1] != d or starts.size == 0:
        raise RequestError(f"start: expected shape ({d},) or (S, {d}), got {starts.shape}")
    bad = ~jnp.any(jnp.all(jnp.isfinite(starts.reshape(-1, d)), axis=1))
    return refused(starts.reshape(-1, d), bad, "start: expected a start of finite values")
