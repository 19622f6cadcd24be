"""The measured gap against the reference tables, closed forms, and 50-digit quadrature."""

from functools import partial

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from budgets import budget
from elbogap.numerics.gap import GapMeasurement, gap, measure_gap
from elbogap.numerics.model import LatentModel
from elbogap.numerics.noise import FullNoise
from elbogap.numerics.observations import Poisson
from hypothesis import given
from hypothesis import strategies as st

# Slopes (gap - c)/eps are given to six digits.
PRINTED = 6e-6


def slopes(decoder, start, x, eps, limit, family="mean-field", **model):
    """Return (gap - limit)/eps over the values in eps, with every measurement converged."""

    def at(noise):
        return measure_gap(LatentModel(decoder, len(start), noise_var=noise, **model), x, start=start, family=family)

    measured = jax.jit(jax.vmap(at))(jnp.asarray(eps))
    assert bool(jnp.all(measured.converged))
    return np.asarray((measured.gap - limit) / jnp.asarray(eps)), measured


class TestTables:
    """Reference values."""

    def test_f2(self, examples):
        """Gap, mean and variance of f2 agree with the reference at every eps in the table."""
        eps = np.array([1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6])
        x = examples.f2(examples.g2)
        found, measured = slopes(examples.f2, examples.g2, x, eps, 0.29138163620288454)
        expected = [-0.13996, -0.08231, -0.07433, -0.073511, -0.073429, -0.0734205]
        np.testing.assert_allclose(found, expected, atol=PRINTED)
        shift = (measured.mean - examples.g2[None, :]) / eps[:, None]
        np.testing.assert_allclose(shift[0], [-0.6043, 0.3823], atol=6e-5)
        np.testing.assert_allclose(shift[3], [-0.6406, 0.4048], atol=6e-5)
        variance = np.asarray(measured.std[1]) ** 2
        metric = np.asarray(jax.jacfwd(examples.f2)(examples.g2))
        leading = 1e-2 / np.sum(metric**2, axis=0)
        np.testing.assert_allclose((variance - leading) / 1e-4, [-0.21256785, -0.01072253], atol=6e-9)
        # The default rules were chosen for 1e-10 at eps <= 1e-2.
        assert float(jnp.max(measured.gap_error[1:])) < 1e-10
        assert float(measured.gap_error[0]) < 1e-8

    def test_full_covariance(self, examples):
        """With a full covariance the gap of f2 tends to 0 with the reference's slopes."""
        x = examples.f2(examples.g2)
        found, _ = slopes(examples.f2, examples.g2, x, [1e-2, 1e-3, 1e-4], 0.0, family="full")
        np.testing.assert_allclose(found, [0.07249398, 0.07673879, 0.07717752], atol=2e-8)

    @pytest.mark.slow  # `verify` measures the claim `block-encoder`
    def test_blocks(self, examples):
        """The blocks {1,2},{3} of f3 give the reference's contrast and slopes."""
        x = examples.f3(examples.g3)
        found, _ = slopes(examples.f3, examples.g3, x, [1e-2, 1e-3, 1e-4], 0.05171216131, family=((0, 1), (2,)))
        np.testing.assert_allclose(found, [0.01519331, 0.01805959, 0.01835555], atol=2e-7)

    @pytest.mark.slow  # `verify` measures the claim `rectangular`
    def test_off_the_manifold(self, examples):
        """For D > d the gap is governed by M = A - r n.H on and off the manifold (claim `rectangular`), not by A."""
        normal = examples.unit_normal(examples.f23, examples.g2)
        # The table's normal is the one along which the surface bends away: focal radius -1.2175 on its back.
        curvature = jnp.einsum("i,iab->ab", normal, jax.jacfwd(jax.jacfwd(examples.f23))(examples.g2))
        normal = -jnp.sign(jnp.trace(curvature)) * normal
        r = jnp.array([0.0, -0.5, 0.5])

        def at(r, noise):
            x = examples.f23(examples.g2) + r * normal
            return measure_gap(LatentModel(examples.f23, 2, noise_var=noise), x, start=examples.g2)

        measured = jax.jit(jax.vmap(at))(r, jnp.full(3, 1e-3))
        limits = np.array([0.109758348759, 0.237166652400, 0.053212915002])
        slope = (np.asarray(measured.gap) - limits) / 1e-3
        np.testing.assert_allclose(slope, [-0.4670543, -1.2964881, -0.1954129], atol=2e-7)
        assert abs(float(measured.gap[2]) - 0.109758) > 0.05  # the false variant with A for M

    @pytest.mark.slow  # `verify` measures the claim `anisotropic-noise`
    def test_anisotropic_noise(self, examples):
        """A noise covariance eps S puts S^-1 into the metric (claim `anisotropic-noise`)."""
        shape = np.array([[1.0, -0.4], [-0.4, 0.6]])

        def at(noise):
            model = LatentModel(examples.f2, 2, noise_var=FullNoise(noise, shape))
            return measure_gap(model, examples.f2(examples.g2), start=examples.g2).gap

        found = (jax.jit(jax.vmap(at))(jnp.array([1e-2, 1e-3, 1e-4])) - 0.697919218045) / jnp.array([1e-2, 1e-3, 1e-4])
        np.testing.assert_allclose(found, [-0.148405, -0.137607, -0.136492], atol=PRINTED)

    @pytest.mark.slow  # `verify` measures the claim `exponential-family`
    def test_observations(self, examples):
        """Poisson observations give J'FJ as the metric, with rate 1/n (claim `exponential-family`)."""

        def at(n):
            model = LatentModel(examples.f2, 2, observation=Poisson(n))
            return measure_gap(model, model.mean(examples.g2), start=examples.g2)

        n = jnp.array([1e2, 1e3, 1e4])
        measured = jax.jit(jax.vmap(at))(n)
        assert bool(jnp.all(measured.converged))
        slope = (measured.gap - 0.436670540266) * n
        np.testing.assert_allclose(slope, [-0.23843, -0.23447, -0.23405], atol=6e-6)


@pytest.mark.parametrize("known", [True, pytest.param(False, marks=pytest.mark.slow)])  # a search takes 20 s
def test_fold_with_two_preimages(known, examples):
    """On a fold the branches' evidences add up and the best branch by l - c wins (claim `folds`), known or searched."""

    def fold(z):
        return examples.f2(jnp.stack([z[0] ** 2, z[1] + 0.4 * z[0]]))

    root, height = np.sqrt(0.7), -0.4
    branches = jnp.array([[root, height - 0.4 * root], [-root, height + 0.4 * root]])
    x = fold(branches[0])
    jacobians = jax.vmap(jax.jacfwd(fold))(branches)
    log_det = jnp.log(jnp.abs(jnp.linalg.det(jacobians)))
    contrast = jnp.sum(jnp.log(jnp.linalg.norm(jacobians, axis=1)), axis=1) - log_det
    log_density = -0.5 * jnp.sum(branches**2, axis=1) - jnp.log(2 * jnp.pi) - log_det
    limit = jax.scipy.special.logsumexp(log_density) - jnp.max(log_density - contrast)

    start = branches if known else None
    searched = jax.jit(jax.vmap(lambda noise: gap(LatentModel(fold, 2, noise_var=noise), x, start=start)))
    eps = jnp.array([1e-3, 1e-4])
    slope = (searched(eps) - limit) / eps
    # Two consecutive slopes agree to O(eps): a wrong limit would make them differ by a factor of ten.
    assert abs(float(slope[1] - slope[0])) < 0.05 * abs(float(slope[1]))


def linear_gap(weight, eps):
    """The closed form 1/2 [sum log(1 + A_kk/eps) - log det(I + A/eps)] (claim `linear-vae`)."""
    metric = weight.T @ weight / eps
    identity = np.eye(weight.shape[1])
    return 0.5 * (np.sum(np.log1p(np.diag(metric))) - np.linalg.slogdet(identity + metric)[1])


@partial(jax.jit)
def _linear(weight: jax.Array, x: jax.Array, eps: jax.Array) -> GapMeasurement:
    return measure_gap(LatentModel(lambda z: weight @ z, 2, noise_var=eps), x, start=jnp.zeros(2))


class TestLinear:
    """Linear decoders have a closed form at every noise level."""

    @budget(0.15)
    @given(
        angle=st.floats(0.0, 3.1),
        stretch=st.floats(0.3, 3.0),
        skew=st.floats(-2.0, 2.0),
        exponent=st.floats(-5.0, 1.0),
        seed=st.integers(0, 1000),
    )
    def test_closed_form(self, angle, stretch, skew, exponent, seed):
        """The measured gap of a linear decoder is its closed form (claim `linear-vae`) for every x and eps."""
        plane = np.array([[np.cos(angle), skew], [np.sin(angle), stretch], [0.3, -0.5]])
        x = np.random.default_rng(seed).normal(size=3)
        measured = _linear(plane, x, 10.0**exponent)
        assert bool(measured.converged)
        # 1e-11: the round-off in -V/eps off the manifold, |x|^2 eps64 / eps with eps >= 1e-5.
        assert abs(float(measured.gap) - linear_gap(plane, 10.0**exponent)) < 1e-11 + float(measured.gap_error)
        assert float(measured.gap_error) < 1e-8

    def test_false_variant_is_rejected(self):
        """The contrast itself (the gap without '1 +') is not the gap at finite eps."""
        plane = np.array([[1.0, 0.8], [0.0, 1.0], [0.3, -0.5]])
        measured = _linear(plane, np.array([0.2, 0.1, -0.3]), 1.0)
        metric = plane.T @ plane
        contrast = 0.5 * (np.sum(np.log(np.diag(metric))) - np.linalg.slogdet(metric)[1])
        assert abs(float(measured.gap) - contrast) > 1e-3


@pytest.fixture(scope="module")
def line():
    """The gap of f(z) = sinh(z) + z^2/10 at g = .4 for three noise levels."""

    def at(noise):
        model = LatentModel(lambda z: jnp.sinh(z) + z**2 / 10, 1, noise_var=noise)
        return measure_gap(model, jnp.sinh(jnp.array([0.4])) + 0.016, start=jnp.array([0.4]))

    return jax.jit(jax.vmap(at))(jnp.array([1e-1, 1e-3, 1e-6]))


class TestAgainstHighPrecision:
    """One-dimensional decoders, whose integrals mpmath does to 30 digits."""

    @pytest.mark.parametrize(("index", "eps"), [(0, "1e-1"), (1, "1e-3"), (2, "1e-6")])
    def test_errors_are_honest(self, line, index, eps):
        """Log-likelihood and ELBO (at the encoder returned) lie within their stated errors of mpmath's values."""
        with mp.workdps(40):
            # The same float64 inputs: eps and x as the program saw them.
            noise = mp.mpf(float(eps))
            x = mp.mpf(float(jnp.sinh(jnp.array(0.4)) + 0.016))

            def log_joint(z):
                residual = mp.sinh(z) + z**2 / 10 - x
                return -(residual**2) / (2 * noise) - z**2 / 2 - mp.log(2 * mp.pi) - mp.log(noise) / 2

            width = mp.sqrt(noise)
            cuts = [mp.mpf("0.4") + k * width for k in (-12, -6, -2, 0, 2, 6, 12)]
            evidence = mp.log(mp.quad(lambda z: mp.exp(log_joint(z)), cuts))
            assert abs(evidence - float(line.log_likelihood[index])) <= float(line.log_likelihood_error[index])
            mean, std = mp.mpf(float(line.mean[index, 0])), mp.mpf(float(line.std[index, 0]))
            density = [mean + k * std for k in (-12, -6, -2, 0, 2, 6, 12)]
            bound = mp.quad(lambda z: mp.npdf(z, mean, std) * log_joint(z), density)
            bound += mp.log(std) + mp.log(2 * mp.pi * mp.e) / 2
            assert abs(bound - float(line.elbo[index])) <= float(line.elbo_error[index])
            assert abs(evidence - bound - float(line.gap[index])) <= float(line.gap_error[index])

            def slope(parameter):
                """Derivative of the ELBO in mean (0) or log std (1), in units of the posterior width."""
                factor = (lambda z: (z - mean) / std) if parameter == 0 else (lambda z: ((z - mean) / std) ** 2 - 1)
                return mp.quad(lambda z: mp.npdf(z, mean, std) * factor(z) * log_joint(z), density)

            assert abs(slope(0)) < 1e-7
            assert abs(slope(1) + 1) < 1e-7

    def test_products_add_up(self, line):
        """For a rotated product of one-dimensional decoders, d = 2, the gap is the sum of two gaps."""
        rotation = jnp.array([[0.6, -0.8], [0.8, 0.6]])

        def decoder(z):
            return rotation @ (jnp.sinh(z) + z**2 / 10)

        def at(noise):
            z = jnp.full(2, 0.4)
            return measure_gap(LatentModel(decoder, 2, noise_var=noise), decoder(z), start=z)

        plane = jax.jit(jax.vmap(at))(jnp.array([1e-1, 1e-3, 1e-6]))
        allowed = np.asarray(plane.gap_error + 2 * line.gap_error)
        assert np.all(np.abs(plane.gap - 2 * line.gap) <= allowed)
        # The error must also be small enough to mean something.
        assert np.all(allowed < 1e-6)


def test_unconverged_is_reported_not_hidden():
    """A decoder whose values are not finite leads to converged = False, and `gap` raises."""
    model = LatentModel(lambda z: z + 0 * jnp.log(-jnp.ones(1)), 1, noise_var=1e-3)
    assert not bool(jax.jit(lambda x: measure_gap(model, x, start=jnp.zeros(1)).converged)(jnp.ones(1)))
    with pytest.raises(Exception, match="expected the searches"):
        jax.jit(lambda x: gap(model, x, start=jnp.zeros(1)))(jnp.ones(1))
