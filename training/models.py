"""Encoders, decoders and priors of small VAEs, as pytrees of explicit dtype.

Notation: x an observation of any shape, y (d,) the Gaussian latent of the encoder, z = link(y) (d,) the latent that
the decoder sees and that is compared with the sources. The generative model is y ~ prior, x | y ~ N(f(link(y)), eps I)
and the encoder q(y | x) = N(mean, diag(exp(2 log_std))). With `link = sigmoid` and the prior `LogitBeta(1, 1)` this is
exactly a uniform prior on (0, 1)^d with a logit-normal encoder (claim `priors`).

The interface that `loop.train` needs, for any pair of networks:

    encoder(x, log_noise_var) -> (mean (d,), log_std (d,))     log_noise_var = log eps, a scalar
    decoder(z)                -> an array of the shape of x

both `equinox.Module`s whose floating arrays are the parameters. What must not be learnt is wrapped in `Frozen`, or
passed through `jax.lax.stop_gradient`: Adam leaves a parameter without a gradient where it is. Nothing here depends on
whether x64 is on: arrays are made with the dtype asked for.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import betaln
from jaxtyping import Array, Float

from ..errors import RequestError
from ..numerics.priors import Normal, Point, Prior
from ..shell import requests

DTYPE = jnp.float32


class LogitBeta(Prior):
    """The law of y = logit(z) for independent z_k ~ Beta(a, b): log p = a log sig(y) + b log sig(-y) - log B(a, b).

    a = b = 1 is the standard logistic law, the uniform prior on (0, 1)^d.
    """

    a: Float[Array, ""]
    b: Float[Array, ""]

    def __init__(self, a: float = 1.0, b: float = 1.0):
        if not (a > 0 and b > 0):
            raise RequestError(f"a, b: expected > 0, got {a}, {b}")
        self.a, self.b = jnp.asarray(a, dtype=DTYPE), jnp.asarray(b, dtype=DTYPE)

    def log_prob(self, z: Point) -> Float[Array, ""]:
        """The log-density at y, here called z as in `Prior`."""
        a, b = jax.lax.stop_gradient((self.a, self.b))
        return jnp.sum(a * jax.nn.log_sigmoid(z) + b * jax.nn.log_sigmoid(-z) - betaln(a, b))

    def sample(self, rng: np.random.Generator, d: int) -> np.ndarray:
        """One point y (d,)."""
        z = rng.beta(float(self.a), float(self.b), size=d)
        return np.log(z) - np.log1p(-z)


class MLP(eqx.Module):
    """W_L s(... s(W_0 v + b_0) ...) + b_L with s = SiLU by default; drawn with NumPy, so drawing compiles nothing."""

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    activation: Callable[[Array], Array] = eqx.field(static=True)

    def __init__(
        self,
        sizes: Sequence[int],
        rng: np.random.Generator,
        *,
        activation: Callable[[Array], Array] = jax.nn.silu,
        dtype: Any = DTYPE,
    ):
        pairs = list(itertools.pairwise(sizes))
        self.weights = tuple(
            jnp.asarray(rng.standard_normal((rows, columns)) / np.sqrt(columns), dtype) for columns, rows in pairs
        )
        self.biases = tuple(jnp.zeros(rows, dtype) for _, rows in pairs)
        self.activation = activation

    def features(self, v: Float[Array, "n"]) -> Float[Array, "k"]:
        """The last hidden layer."""
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            v = self.activation(weight @ v + bias)
        return v

    def __call__(self, v: Float[Array, "n"]) -> Float[Array, "m"]:
        """The output."""
        return self.weights[-1] @ self.features(v) + self.biases[-1]


def constant(tree: Any) -> Any:
    """The tree with every array constant: its leaves are not learnt."""
    return jax.tree.map(lambda leaf: jax.lax.stop_gradient(leaf) if eqx.is_array(leaf) else leaf, tree)


class Frozen(eqx.Module):
    """A decoder whose parameters are not learnt."""

    decoder: Callable

    def __call__(self, z: Float[Array, "d"]) -> Array:
        """f(z)."""
        return constant(self.decoder)(z)


class GaussianEncoder(eqx.Module):
    """mean, log_std from a network net: (D,) -> (2 d,) of the standardised observation.

    log_std = net's second half + 1/2 log eps - log scale: relative to the decoder's noise, so that it hardly moves
    while eps is annealed over decades. shift (D,) and the scalar scale are those of the data, and are not learnt.
    """

    net: Callable
    shift: Array
    scale: Array

    def __call__(
        self, x: Float[Array, "D"], log_noise_var: Float[Array, ""]
    ) -> tuple[Float[Array, "d"], Float[Array, "d"]]:
        """(mean, log_std)."""
        shift, scale = jax.lax.stop_gradient((self.shift, self.scale))
        mean, relative = jnp.split(self.net((x - shift) / scale), 2)
        return mean, relative + 0.5 * log_noise_var - jnp.log(scale)

    def features(self, x: Float[Array, "D"]) -> Float[Array, "k"]:
        """The last hidden layer of `net`, an `MLP`."""
        return self.net.features((x - self.shift) / self.scale)  # type: ignore[attr-defined]


class FullEncoder(eqx.Module):
    """mean, spread (d, d) of a full covariance (`loss`) from a network net: (D,) -> (d + d^2,), else `GaussianEncoder`.

    Entries above the diagonal are not used. The factor L is relative to sqrt(eps) / scale as a whole.
    """

    net: Callable
    shift: Array
    scale: Array

    def __call__(
        self, x: Float[Array, "D"], log_noise_var: Float[Array, ""]
    ) -> tuple[Float[Array, "d"], Float[Array, "d d"]]:
        """(mean, spread)."""
        shift, scale = jax.lax.stop_gradient((self.shift, self.scale))
        found = self.net((x - shift) / scale)
        d = round((np.sqrt(1 + 4 * found.size) - 1) / 2)
        return found[:d], _rescaled(found[d:].reshape(d, d), 0.5 * log_noise_var - jnp.log(scale))


class ConstantSpread(eqx.Module):
    """mean from a network net: (D,) -> (d,), and a spread (d,) or (d, d) that is the same at every x, else as above.

    With a linear net the encoder of the linear VAE.
    """

    net: Callable
    spread: Array
    shift: Array
    scale: Array

    def __call__(self, x: Float[Array, "D"], log_noise_var: Float[Array, ""]) -> tuple[Array, Array]:
        """(mean, spread)."""
        shift, scale = jax.lax.stop_gradient((self.shift, self.scale))
        return self.net((x - shift) / scale), _rescaled(self.spread, 0.5 * log_noise_var - jnp.log(scale))


def _rescaled(spread: Float[Array, "d *d"], log_factor: Float[Array, ""]) -> Float[Array, "d *d"]:
    """The spread of deviations, or of a factor L, exp(log_factor) times as large."""
    if spread.ndim == 1:
        return spread + log_factor
    return jnp.tril(spread, -1) * jnp.exp(log_factor) + jnp.diag(spread.diagonal() + log_factor)


class ScaledDecoder(eqx.Module):
    """f(z) = shift + scale net((z - centre) / spread); the four constants are not learnt."""

    net: Callable
    shift: Array
    scale: Array
    centre: Array
    spread: Array

    def __call__(self, z: Float[Array, "d"]) -> Float[Array, "D"]:
        """f(z)."""
        shift, scale, centre, spread = jax.lax.stop_gradient((self.shift, self.scale, self.centre, self.spread))
        return shift + scale * self.net((z - centre) / spread)


def identity(y: Array) -> Array:
    """The link of unbounded latents."""
    return y


class VAE(eqx.Module):
    """A pair of networks with its prior; `log_noise_var` is used only where the decoder's variance is learnt."""

    encoder: Callable
    decoder: Callable
    prior: Prior
    log_noise_var: Float[Array, "..."]
    link: Callable[[Array], Array] = eqx.field(static=True, default=identity)

    def decode(self, y: Float[Array, "d"]) -> Array:
        """f(link(y))."""
        return self.decoder(self.link(y))


def as_dtype(tree: Any, dtype: Any = DTYPE) -> Any:
    """The tree with every floating array, NumPy or JAX, as a JAX array of one dtype."""
    return jax.tree.map(
        lambda leaf: jnp.asarray(leaf, dtype) if eqx.is_inexact_array_like(leaf) and eqx.is_array_like(leaf) else leaf,
        tree,
    )


def mlp_vae(
    data: Float[np.ndarray, "n D"],
    latent_dim: int,
    rng: np.random.Generator,
    *,
    prior: str | tuple[float, float] = "uniform",
    hidden: Sequence[int] = (64, 64),
    encoder_hidden: Sequence[int] | None = None,
    activation: Callable[[Array], Array] = jax.nn.silu,
    decoder: Callable | None = None,
) -> VAE:
    """A VAE of two MLPs standardised by the mean and one scalar scale of `data`.

    prior: "normal" (z = y), "uniform" or the two parameters of a Beta density (z = sigmoid(y)). `decoder`: a fixed one,
    frozen, instead of a learnt one.
    """
    if not (isinstance(prior, tuple) and len(prior) == 2):
        requests.one_of("prior", prior, PRIORS)
    requests.whole("latent_dim", latent_dim, 1)
    for name, widths in (("hidden", hidden), ("encoder_hidden", encoder_hidden or ())):
        if not isinstance(widths, list | tuple):
            raise RequestError(f"{name}: expected a list of widths, got {requests.shown(widths)}")
        for width in widths:
            requests.whole(name, width, 1)
    requests.numbers("data", data)
    data = np.asarray(data)
    if data.ndim != 2 or not data.size:
        raise RequestError(f"data: expected shape (n, D), got {data.shape}")
    size = data.shape[1]
    shift, scale = data.mean(axis=0), np.sqrt(data.var(axis=0).mean())
    net = MLP((size, *(encoder_hidden or hidden), 2 * latent_dim), rng, activation=activation)
    encoder = GaussianEncoder(net, jnp.asarray(shift, DTYPE), jnp.asarray(scale, DTYPE))
    if decoder is None:
        centre, spread = (0.0, 1.0) if prior == "normal" else (0.5, float(np.sqrt(1 / 12)))
        learnt = MLP((latent_dim, *hidden, size), rng, activation=activation)
        constants = (jnp.asarray(v, DTYPE) for v in (shift, scale, centre, spread))
        pair: Callable = ScaledDecoder(learnt, *constants)
    else:
        pair = Frozen(as_dtype(decoder))
    law = Normal() if prior == "normal" else LogitBeta(*((1.0, 1.0) if prior == "uniform" else prior))
    link = identity if prior == "normal" else jax.nn.sigmoid
    return VAE(encoder, pair, as_dtype(law), jnp.zeros((), DTYPE), link)


PRIORS = ("normal", "uniform")
