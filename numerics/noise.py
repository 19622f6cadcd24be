"""Gaussian observation noise: the covariance of x given z is scale * shape(z).

`scale` is the eps of the theory (1/gamma^2 in the paper), a scalar leaf that can be traced and swept; the
shape S stays fixed while eps -> 0. `whiten(residual, z)` returns S(z)^(-1/2) residual (a left inverse
square root: any R with R'R = S^-1 serves, since only its norm is used) and `log_det(z, size)` log det S(z).
"""

from abc import abstractmethod
from collections.abc import Callable
from contextlib import nullcontext

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from ..errors import RequestError
from .requests import positive, real_array, refused

Vector = Float[Array | np.ndarray, " D"]
Point = Float[Array | np.ndarray, " d"]


def _scale(value: ArrayLike) -> Float[Array, ""]:
    """Return `value` as a positive scalar leaf, or say what is wrong with it."""
    array = real_array("noise scale", value)
    if array.shape != ():
        raise RequestError(f"noise scale: expected a scalar, got shape {array.shape}")
    return positive("noise scale", array)


class Noise(eqx.Module):
    """Covariance scale * shape(z)."""

    scale: eqx.AbstractVar[Float[Array, ""]]

    @abstractmethod
    def whiten(self, residual: Vector, z: Point) -> Float[Array, " D"]:
        """Return R residual with R'R = shape(z)^-1."""

    @abstractmethod
    def log_det(self, z: Point, size: int) -> Float[Array, ""]:
        """Return log det shape(z) for D = size."""

    @property
    def depends_on_state(self) -> bool:
        """Whether shape(z) varies with z; its log-determinant is then part of the effective prior."""
        return False


class ScalarNoise(Noise):
    """Covariance scale * I."""

    scale: Float[Array, ""]

    def __init__(self, scale: ArrayLike):
        self.scale = _scale(scale)

    def whiten(self, residual: Vector, z: Point) -> Float[Array, " D"]:
        """Return the residual itself."""
        return jnp.asarray(residual)

    def log_det(self, z: Point, size: int) -> Float[Array, ""]:
        """Return 0."""
        return jnp.zeros(())


class DiagonalNoise(Noise):
    """Covariance scale * diag(shape), shape (D,) positive."""

    scale: Float[Array, ""]
    shape: Float[Array, " D"]

    def __init__(self, scale: ArrayLike, shape: ArrayLike):
        self.scale = _scale(scale)
        array = jnp.asarray(shape, dtype=float)
        if array.ndim != 1:
            raise RequestError(f"noise shape: expected (D,), got shape {array.shape}")
        self.shape = positive("noise variances", array)

    def whiten(self, residual: Vector, z: Point) -> Float[Array, " D"]:
        """Return residual / sqrt(shape)."""
        return jnp.asarray(residual) / jnp.sqrt(self.shape)

    def log_det(self, z: Point, size: int) -> Float[Array, ""]:
        """Return sum log shape."""
        return jnp.sum(jnp.log(self.shape))


class FullNoise(Noise):
    """Covariance scale * shape, shape (D, D) symmetric positive definite."""

    scale: Float[Array, ""]
    shape: Float[Array, "D D"]

    def __init__(self, scale: ArrayLike, shape: ArrayLike):
        self.scale = _scale(scale)
        array = jnp.asarray(shape, dtype=float)
        if array.ndim != 2 or array.shape[0] != array.shape[1]:
            raise RequestError(f"noise shape: expected (D, D), got shape {array.shape}")
        asymmetry = jnp.max(jnp.abs(array - array.T)) > 1e-12 * jnp.max(jnp.abs(array))
        bad = asymmetry | ~jnp.all(jnp.isfinite(jnp.linalg.cholesky(array)))
        self.shape = refused(array, bad, "noise: expected a symmetric positive definite covariance")

    def whiten(self, residual: Vector, z: Point) -> Float[Array, " D"]:
        """Return L^-1 residual with shape = L L'."""
        return solve_triangular(jnp.linalg.cholesky(self.shape), residual, lower=True)

    def log_det(self, z: Point, size: int) -> Float[Array, ""]:
        """Return log det shape."""
        return 2 * jnp.sum(jnp.log(jnp.diagonal(jnp.linalg.cholesky(self.shape))))


class StateNoise(Noise):
    """Covariance scale * fn(z), with fn(z) a scalar, (D,) variances or a (D, D) covariance (heteroscedastic)."""

    scale: Float[Array, ""]
    fn: Callable

    def __init__(self, scale: ArrayLike, fn: Callable):
        self.scale = _scale(scale)
        self.fn = fn

    @property
    def depends_on_state(self) -> bool:
        """True: the log-determinant is part of the effective prior."""
        return True

    def check(self, latent_dim: int, size: int) -> None:
        """Raise `RequestError` unless fn maps (latent_dim,) to real numbers of shape (), (D,) or (D, D), D = size."""
        out = jax.eval_shape(self.fn, jax.ShapeDtypeStruct((latent_dim,), jnp.result_type(float)))
        shape, dtype = np.shape(out), getattr(out, "dtype", np.asarray(0.0).dtype)
        if shape not in ((), (size,), (size, size)):
            raise RequestError(f"noise_var(z): expected shape (), ({size},) or ({size}, {size}), got {shape}")
        if jnp.issubdtype(dtype, jnp.complexfloating):
            raise RequestError(f"noise_var(z): expected real numbers, got {dtype}")

    def checked_at(self, z: Point, array: Array) -> Array:
        """Return the array, after fn was found positive (definite) and symmetric at z."""
        shape = self._shape(z)
        if shape.ndim < 2:
            bad, message = ~jnp.all(shape > 0), "noise_var(z): expected variances > 0 at the prior's centre"
            return refused(array, bad, message, received=shape)
        uneven = jnp.max(jnp.abs(shape - shape.T)) > 1e-12 * jnp.max(jnp.abs(shape))
        bad = uneven | ~jnp.all(jnp.isfinite(jnp.linalg.cholesky(shape)))
        message = "noise_var(z): expected a symmetric positive definite matrix at the prior's centre"
        return refused(array, bad, message, received=shape)

    def _shape(self, z: Point) -> Float[Array, "..."]:
        shape = jnp.asarray(self.fn(z))
        if shape.ndim > 2:
            raise RequestError(f"noise_var(z): expected shape (), (D,) or (D, D), got {shape.shape}")
        return shape

    def whiten(self, residual: Vector, z: Point) -> Float[Array, " D"]:
        """Return R residual with R'R = fn(z)^-1."""
        shape = self._shape(z)
        if shape.ndim < 2:
            return jnp.asarray(residual) / jnp.sqrt(shape)
        return solve_triangular(jnp.linalg.cholesky(shape), residual, lower=True)

    def log_det(self, z: Point, size: int) -> Float[Array, ""]:
        """Return log det fn(z) as a (D, D) matrix."""
        shape = self._shape(z)
        if shape.ndim == 0:
            return size * jnp.log(shape)
        if shape.ndim == 1:
            return jnp.sum(jnp.log(shape))
        return 2 * jnp.sum(jnp.log(jnp.diagonal(jnp.linalg.cholesky(shape))))


def as_noise(noise_var: ArrayLike | Noise | Callable) -> Noise:
    """Convert what users pass: a scalar, (D,) variances, a (D, D) covariance, a callable of z, or a `Noise`.

    A vector or matrix is split into scale = its mean variance and shape = noise_var / scale.
    Raises `RequestError` for values that are not positive (definite) or of another rank.
    """
    if isinstance(noise_var, Noise):
        return noise_var
    traced = any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(noise_var))
    # What is known while a program is traced stays known.
    with nullcontext() if traced else jax.ensure_compile_time_eval():
        if callable(noise_var):
            return StateNoise(1.0, noise_var)
        array = real_array("noise_var", noise_var)
        if array.ndim == 0:
            return ScalarNoise(array)
        if array.ndim == 1:
            scale = jnp.mean(array)
            return DiagonalNoise(scale, array / scale)
        if array.ndim == 2:
            scale = jnp.mean(jnp.diagonal(array))
            return FullNoise(scale, array / scale)
    raise RequestError(f"noise_var: expected shape (), (D,) or (D, D), got {array.shape}")
