"""Hypothesis strategies for decoders, priors, noises, encoders and points, to test theorems of your own.

    from hypothesis import given
    from elbogap.numerics.contrast import ima_contrast
    from elbogap.testing import decoders, points

    @given(decoders(("mlp", "shear"), latent_dims=(2,)), points(2))
    def test_the_contrast_is_not_negative(decoder, z):
        assert ima_contrast(decoder, z) >= -1e-12

`assert_converges(h, values, order=, limit=, constant=, floor=)` asserts a rate of convergence, with its limit and
constant, of any numbers.

Every value is valid by construction: nothing is filtered out. A failing decoder shrinks to the first family
named, the lowest dimension and the smallest seed, and prints as a call of `member`, which rebuilds it. With
compiled functions fix the shapes (one family and one dimension a test) and set `deadline=None`: each new
shape compiles a program.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st
from jaxtyping import Array, Float

from .errors import RequestError
from .numerics.families.decoder import Decoder
from .numerics.families.registry import FAMILIES
from .numerics.noise import DiagonalNoise, FullNoise, Noise, ScalarNoise, StateNoise
from .numerics.priors import CorrelatedNormal, Laplace, Logistic, Normal, Prior, StudentT
from .proofs_checks.assertions import Inconclusive as Inconclusive
from .proofs_checks.assertions import assert_converges as assert_converges
from .shell import requests

SEEDS = st.integers(min_value=0, max_value=2**32 - 1)
NOISE_SCALES = (1e-2, 1e-3, 1e-4, 1e-1, 1.0)  # the first is what a failure shrinks to


def member(family: str, latent_dim: int, seed: int) -> Decoder:
    """The member of `FAMILIES[family]` that the seed determines; RequestError for what there is not."""
    requests.known("family", family, FAMILIES)
    requests.whole("latent_dim", latent_dim, 1)
    requests.seed(seed, "seed")
    return FAMILIES[family].draw(np.random.default_rng(seed), latent_dim)


class Instance(NamedTuple):
    """A decoder and a latent point at which its family is moderate and, if the family is smooth, smooth."""

    decoder: Decoder
    point: np.ndarray


def instance(family: str, latent_dim: int, seed: int) -> Instance:
    """A member of the family and one of its points, both determined by the seed."""
    decoder = member(family, latent_dim, seed)
    return Instance(decoder, FAMILIES[family].point(np.random.default_rng([seed, latent_dim]), latent_dim))


def decoders(
    families: Sequence[str] = tuple(FAMILIES), latent_dims: Sequence[int] = (1, 2, 3)
) -> st.SearchStrategy[Decoder]:
    """Random members of the named families, in those of the dimensions in which the registry has them.

    RequestError where no family has any of the dimensions, or a name is unknown.
    """
    return _over_cases(member, families, latent_dims)


def instances(
    families: Sequence[str] = tuple(FAMILIES), latent_dims: Sequence[int] = (1, 2, 3)
) -> st.SearchStrategy[Instance]:
    """Decoders with a point: what to use with folds and kinks, where not every point will do."""
    return _over_cases(instance, families, latent_dims)


def _over_cases(build: Callable, families: Sequence[str], latent_dims: Sequence[int]) -> st.SearchStrategy:
    for what, given in (("families", families), ("latent_dims", latent_dims)):
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise RequestError(f"{what}: expected a list of them, got {requests.shown(given)}")
    families, latent_dims = list(families), list(latent_dims)
    for name in families:
        requests.known("family", name, FAMILIES)
    for d in latent_dims:
        requests.whole("latent_dims", d, 1)
    cases = [(name, d) for name in families for d in sorted(latent_dims) if d in FAMILIES[name].latent_dims]
    if not cases:
        raise RequestError(f"families: expected one that has a dimension in {latent_dims}, got {families}")
    return st.sampled_from(cases).flatmap(lambda case: st.builds(build, st.just(case[0]), st.just(case[1]), SEEDS))


def points(latent_dim: int, *, radius: float = 1.0) -> st.SearchStrategy[np.ndarray]:
    """Points of [-radius, radius]^latent_dim, shrinking to the origin; RequestError for another dimension or radius."""
    requests.whole("latent_dim", latent_dim, 1)
    requests.number("radius", radius, above=0)
    return _vectors(latent_dim, -radius, radius)


def priors(latent_dim: int) -> st.SearchStrategy[Prior]:
    """Every prior of the package with moderate parameters; the first is Normal(0, 1). Log-prob is finite on R^d.

    Laplace has a kink at 0, Student t heavy tails, `correlated_normal` dependent coordinates.
    """
    requests.whole("latent_dim", latent_dim, 1)
    scale = st.floats(0.5, 2.0)
    return st.one_of(
        st.builds(Normal, loc=st.floats(-1.0, 1.0), scale=scale),
        st.builds(Logistic),
        st.builds(Laplace, scale=scale),
        st.builds(StudentT, df=st.floats(3.0, 10.0)),
        st.builds(correlated_normal, _vectors(latent_dim, -1.0, 1.0), SEEDS),
    )


def correlated_normal(mean: np.ndarray, seed: int) -> CorrelatedNormal:
    """N(mean, covariance) with a random covariance of eigenvalues in [1/2, 2], determined by the seed."""
    mean = _vector("mean", mean)
    return CorrelatedNormal(mean, covariance(len(mean), seed))


def covariance(size: int, seed: int) -> np.ndarray:
    """A symmetric positive definite matrix with eigenvalues in [1/2, 2], determined by the seed."""
    requests.whole("size", size, 1)
    requests.seed(seed, "seed")
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((size, size)))[0]
    matrix = basis * 2.0 ** rng.uniform(-1, 1, size=size) @ basis.T
    return (matrix + matrix.T) / 2


def noises(output_dim: int) -> st.SearchStrategy[Noise]:
    """Scalar, diagonal, full and z-dependent noise of every scale in `NOISE_SCALES`, shapes of condition at most 4."""
    requests.whole("output_dim", output_dim, 1)
    scale = st.sampled_from(NOISE_SCALES)
    return st.one_of(
        st.builds(ScalarNoise, scale),
        st.builds(DiagonalNoise, scale, _vectors(output_dim, 0.5, 2.0)),
        st.builds(full_noise, scale, st.just(output_dim), SEEDS),
        st.builds(varying_noise, scale, st.floats(0.1, 0.5)),
    )


def full_noise(scale: float, output_dim: int, seed: int) -> FullNoise:
    """Noise with the shape `covariance(output_dim, seed)`."""
    return FullNoise(scale, covariance(output_dim, seed))


def varying_noise(scale: float, amplitude: float) -> StateNoise:
    """Noise of variance scale exp(amplitude sum_k sin z_k): smooth, positive, bounded both ways."""
    requests.number("amplitude", amplitude)

    def variance(z: Float[Array, " d"]) -> Float[Array, ""]:
        return jnp.exp(amplitude * jnp.sum(jnp.sin(z)))

    return StateNoise(scale, variance)


class GaussianEncoder(NamedTuple):
    """q = N(mean, diag(std^2)), or N(mean, std std') for std (d, d): the arguments of `elbo(model, x, mean, std)`."""

    mean: np.ndarray
    std: np.ndarray


def encoders(latent_dim: int, *, scale: float = 1.0, full: bool = False) -> st.SearchStrategy[GaussianEncoder]:
    """Gaussian encoders with means in [-1, 1]^d and deviations in scale [1/2, 2].

    full: std is a factor (d, d), lower triangular with positive diagonal, hence any covariance of that size.
    RequestError for another dimension or scale.
    """
    requests.whole("latent_dim", latent_dim, 1)
    requests.number("scale", scale, above=0)
    if requests.flag("full", full):
        return st.builds(full_encoder, _vectors(latent_dim, -1.0, 1.0), st.just(scale), SEEDS)
    return st.builds(GaussianEncoder, _vectors(latent_dim, -1.0, 1.0), _vectors(latent_dim, 0.5 * scale, 2.0 * scale))


def full_encoder(mean: np.ndarray, scale: float, seed: int) -> GaussianEncoder:
    """The encoder with covariance scale^2 `covariance(d, seed)`, by its Cholesky factor."""
    mean = _vector("mean", mean)
    requests.number("scale", scale, above=0)
    return GaussianEncoder(mean, scale * np.linalg.cholesky(covariance(len(mean), seed)))


def _vector(name: str, value: Any) -> np.ndarray:
    found = requests.numbers(name, value)
    if found.ndim != 1:
        raise RequestError(f"{name}: expected a vector, got shape {found.shape}")
    return found


def _vectors(size: int, low: float, high: float) -> st.SearchStrategy[np.ndarray]:
    """Vectors with entries in [low, high]; built by a call, so that failures print every digit."""
    return st.builds(np.array, st.lists(st.floats(low, high), min_size=size, max_size=size))
