"""The latent-variable model z ~ p0, x | z ~ N(f(z), eps S(z)) or an observation with parameters f(z).

Every model is written as in claim `general-limit`:  log p(x, z) = log C(x) - V(z, x) / eps + ell(z),  with
- V the potential: 1/2 |S(z)^-1/2 (f(z) - x)|^2 for Gaussian noise, that of an `Observation` for others, such
  as -(t.f - sum Psi(f)) (claim `exponential-family`);
- ell the effective log-prior: log p0, minus 1/2 log det S(z) when the noise depends on z (claim `anisotropic-noise`);
- log C(x) = -(D/2) log(2 pi eps) - 1/2 log det S for constant S; the log base measure for observations.
All leaves (decoder parameters, prior parameters, noise scale) can be traced and mapped over.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from ..errors import RequestError
from .noise import Noise, StateNoise, as_noise
from .observations import Observation
from .precision import EPS64
from .priors import Normal, Prior
from .requests import finite, instance, real_array, whole_number

Vector = Float[Array | np.ndarray, " D"]
Point = Float[Array | np.ndarray, " d"]

# A decoder's own evaluation loses a few units in the last place; the estimates of round-off allow this many.
_ULPS = 4.0


class LatentModel(eqx.Module):
    """A decoder with its prior and its observation model.

    decoder: JAX-traceable, (d,) -> (D,) floating; noise_var: scalar, (D,), (D, D), a callable of z or a
    `Noise`; observation: None for Gaussian noise, else an `Observation` (noise_var is then unused). Raises
    `RequestError` when the decoder does not map (latent_dim,) to a floating vector, or for invalid noise.

        >>> model = LatentModel(lambda z: jnp.array([z[0], z[0] ** 2 + z[1], z[1]]), 2, noise_var=1e-2)
        >>> model.latent_dim, model.mean(jnp.zeros(2)).shape
        (2, (3,))
    """

    decoder: Callable
    prior: Prior
    noise: Noise
    observation: Observation | None
    latent_dim: int = eqx.field(static=True)

    def __init__(
        self,
        decoder: Callable,
        latent_dim: int,
        *,
        prior: Prior | None = None,
        noise_var: ArrayLike | Noise | Callable = 1e-3,
        observation: Observation | None = None,
    ):
        if not callable(decoder):
            raise RequestError(f"decoder: expected a function ({latent_dim},) -> (D,), got {type(decoder).__name__}")
        self.decoder = decoder
        self.latent_dim = whole_number("latent_dim", latent_dim, 1)
        self.prior = Normal() if prior is None else prior
        instance("prior", self.prior, Prior, "Normal()")
        self.prior.check(self.latent_dim)
        self.noise = as_noise(noise_var)
        self.observation = observation
        if observation is not None:
            instance("observation", observation, Observation, "Bernoulli()")
        out = jax.eval_shape(decoder, jax.ShapeDtypeStruct((self.latent_dim,), jnp.result_type(float)))
        if not hasattr(out, "shape") or len(out.shape) != 1:
            received = getattr(out, "shape", type(out).__name__)
            raise RequestError(f"decoder: expected ({latent_dim},) -> (D,), got output {received}")
        if not jnp.issubdtype(out.dtype, jnp.floating):
            raise RequestError(f"decoder: expected a floating output, got {out.dtype}")
        self._check_noise(self.noise, out.shape[0])

    def _check_noise(self, noise: Noise, size: int) -> None:
        """Raise `RequestError` unless the noise, or the observation, fits D = size outputs."""
        if self.observation is not None:
            self.observation.size(size)
            return
        if isinstance(noise, StateNoise):
            noise.check(self.latent_dim, size)
        shape = getattr(noise, "shape", None)
        if shape is not None and shape.shape[0] != size:
            raise RequestError(f"noise_var: expected size D = {size} of the decoder, got {shape.shape[0]}")

    @property
    def eps(self) -> Float[Array, ""]:
        """The small parameter: the noise scale, or 1/n."""
        return self.noise.scale if self.observation is None else self.observation.eps

    @property
    def resolution(self) -> float:
        """The relative round-off of the decoder: float64's, unless the decoder says that it computes in less."""
        return float(getattr(self.decoder, "resolution", EPS64))

    def with_noise(self, noise_var: ArrayLike | Noise | Callable) -> "LatentModel":
        """Return a copy with other noise; the same `RequestError`s as for a new model."""
        noise = as_noise(noise_var)
        self._check_noise(noise, self.output_size)
        return eqx.tree_at(lambda m: m.noise, self, noise)

    @property
    def output_size(self) -> int:
        """D, the number of outputs of the decoder."""
        return jax.eval_shape(self.decoder, jax.ShapeDtypeStruct((self.latent_dim,), jnp.result_type(float))).shape[0]

    @property
    def data_size(self) -> int:
        """The number of entries of x: D, unless the observation takes several outputs for each."""
        return self.output_size if self.observation is None else self.observation.size(self.output_size)

    def check_data(self, x: ArrayLike) -> Float[Array, " D"]:
        """Return x as an array (D,); `RequestError` for a wrong shape, an error (also inside jit) if not finite."""
        array = real_array("x", x)
        size = (self.data_size,)
        if array.shape != size:
            raise RequestError(f"x: expected shape {size} of the decoder's output, got {array.shape}")
        if self.observation is None and isinstance(self.noise, StateNoise):
            array = self.noise.checked_at(self.prior.push(jnp.zeros(self.latent_dim)), array)
        return finite("x", array)

    def check_latent(self, z: ArrayLike, name: str = "z") -> Float[Array, " d"]:
        """Return z as an array (d,); the same errors as `check_data`."""
        array = real_array(name, z)
        if array.shape != (self.latent_dim,):
            raise RequestError(f"{name}: expected shape ({self.latent_dim},), got {array.shape}")
        return finite(name, array)

    def mean(self, z: Point) -> Float[Array, " D"]:
        """Return the mean of x given z: f(z), or the observation's mean there."""
        f = self.decoder(z)
        return f if self.observation is None else self.observation.mean(f)

    def whiten(self, v: Vector, z: Point) -> Float[Array, " D"]:
        """Return R v with R'R the metric of outputs at z: S(z)^-1, or the Fisher information of one repetition."""
        if self.observation is not None:
            return self.observation.whiten(v, self.decoder(z))
        return self.noise.whiten(v, z)

    def potential(self, z: Point, x: Vector) -> Float[Array, ""]:
        """Return V(z, x) >= V(g, x), without the factor 1/eps."""
        f = self.decoder(z)
        if self.observation is not None:
            return self.observation.potential(f, x)
        r = self.noise.whiten(f - x, z)
        return 0.5 * jnp.sum(r * r)

    def log_prior(self, z: Point) -> Float[Array, ""]:
        """Return the effective log-prior ell(z)."""
        ell = self.prior.log_prob(z)
        if self.observation is None and self.noise.depends_on_state:
            size = jax.eval_shape(self.decoder, z).shape[0]
            ell = ell - 0.5 * self.noise.log_det(z, size)
        return ell

    def log_constant(self, x: Vector) -> Float[Array, ""]:
        """Return log C(x)."""
        if self.observation is not None:
            return self.observation.log_base(x)
        constant = -0.5 * x.shape[0] * jnp.log(2 * jnp.pi * self.eps)
        if not self.noise.depends_on_state:
            constant = constant - 0.5 * self.noise.log_det(jnp.zeros(self.latent_dim), x.shape[0])
        return constant

    def exponent(self, z: Point, x: Vector) -> Float[Array, ""]:
        """Return -V(z, x)/eps + ell(z): the log-joint without its constant."""
        return -self.potential(z, x) / self.eps + self.log_prior(z)

    def log_joint(self, z: Point, x: Vector) -> Float[Array, ""]:
        """Return log p(x, z)."""
        return self.log_constant(x) + self.exponent(z, x)

    def rounding(self, z: Point, x: Vector) -> Float[Array, ""]:
        """Estimate the absolute round-off in `exponent(z, x)`: the decoder's, times the size of the terms it sums."""
        f = self.decoder(z)
        if self.observation is not None:
            size = self.observation.magnitude(f, x)
        else:
            r = self.noise.whiten(f - x, z)
            scale = jnp.max(jnp.abs(self.noise.whiten(jnp.abs(f) + jnp.abs(x), z)))
            size = jnp.sqrt(jnp.sum(r * r)) * scale + 0.5 * jnp.sum(r * r)
        return _ULPS * (self.resolution * size / self.eps + EPS64 * jnp.abs(self.log_prior(z)))
