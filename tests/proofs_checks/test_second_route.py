"""Every measured quantity by a second route: mpmath at 50 digits, written separately, against JAX in float64.

The tolerance of each comparison is the error bound that the float64 measurement itself states, so that the bound is
tested as well as the value.
"""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from elbogap.numerics.contrast import ima_contrast
from elbogap.numerics.derivatives import decoder_derivatives, prior_derivatives
from elbogap.numerics.families.registry import FAMILIES
from elbogap.numerics.gap import measure_gap
from elbogap.numerics.model import LatentModel
from elbogap.numerics.observations import Poisson
from elbogap.numerics.priors import Bimodal, Logistic, Normal, Prior, StudentT
from elbogap.numerics.stationarity import stationarity
from elbogap.proofs_checks import second_route as exact

ROUND_OFF = 1e-12
"""Derivatives in float64: a few dozen operations on numbers of size one, three times differentiated."""


def normal(z: list) -> mp.mpf:
    """log N(z; 0, I)."""
    return -mp.fsum(t**2 + mp.log(2 * mp.pi) for t in z) / 2


def logistic(z: list) -> mp.mpf:
    """The logistic prior's log-density."""
    return -mp.fsum(t + 2 * mp.log(1 + mp.exp(-t)) for t in z)


def student(z: list) -> mp.mpf:
    """Student t with 5 degrees of freedom."""
    constant = mp.log(mp.gamma(3) / (mp.gamma(mp.mpf(5) / 2) * mp.sqrt(5 * mp.pi)))
    return mp.fsum(constant - 3 * mp.log(1 + t**2 / 5) for t in z)


def bimodal(z: list) -> mp.mpf:
    """An even mixture of N(-0.9, 0.8^2) and N(0.9, 0.8^2) in each coordinate."""
    centre, scale = mp.mpf(0.9), mp.mpf(0.8)
    both = [mp.exp(-(((t - c) / scale) ** 2) / 2) for t in z for c in (-centre, centre)]
    pairs = zip(both[::2], both[1::2], strict=True)
    return mp.fsum(mp.log((a + b) / (2 * scale * mp.sqrt(2 * mp.pi))) for a, b in pairs)


def linear(f) -> Callable:
    """W z + b."""
    rows, shift = exact.matrix(f.matrix), exact.vector(f.shift)
    return lambda z: [y + b for y, b in zip(exact.times(rows, z), shift, strict=True)]


def shear(f) -> Callable:
    """M (z_1 + q z_2^2 + r z_2^3, z_2)."""
    rows, (q,), (r,) = exact.matrix(f.matrix), exact.vector(f.quadratic), exact.vector(f.cubic)
    return lambda z: exact.times(rows, [z[0] + q * z[1] ** 2 + r * z[1] ** 3, z[1]])


def mlp(f) -> Callable:
    """W_2 s(W_1 s(W_0 z + b_0) + b_1) with s(t) = (4/3) (t/2 + log(1 + exp 3t) / 6)."""
    weights, biases = [exact.matrix(w) for w in f.weights], [exact.vector(b) for b in f.biases]

    def decoder(z: list) -> list:
        for rows, bias in zip(weights[:-1], biases, strict=True):
            inner = [t + b for t, b in zip(exact.times(rows, z), bias, strict=True)]
            z = [mp.mpf(4) / 3 * (t / 2 + mp.log(1 + mp.exp(3 * t)) / 6) for t in inner]
        return exact.times(weights[-1], z)

    return decoder


def moebius(f) -> Callable:
    """b + s Q u / |u|^2, u = z - a."""
    pole, rows, shift = exact.vector(f.pole), exact.matrix(f.rotation), exact.vector(f.shift)
    scale = mp.mpf(float(f.scale))

    def decoder(z: list) -> list:
        u = [t - a for t, a in zip(z, pole, strict=True)]
        square = mp.fdot(u, u)
        return [scale * y / square + b for y, b in zip(exact.times(rows, u), shift, strict=True)]

    return decoder


def surface(f) -> Callable:
    """Q (B z, a sin(U z + t))."""
    rotation, base, wave = (exact.matrix(m) for m in (f.rotation, f.base, f.wave))
    amplitude, phase = exact.vector(f.amplitude), exact.vector(f.phase)

    def decoder(z: list) -> list:
        waves = zip(amplitude, exact.times(wave, z), phase, strict=True)
        return exact.times(rotation, [*exact.times(base, z), *(a * mp.sin(t + p) for a, t, p in waves)])

    return decoder


DECODERS = {"linear": linear, "shear": shear, "mlp": mlp, "moebius": moebius, "surface": surface}
PRIORS: dict[str, tuple[Prior, Callable]] = {
    "normal": (Normal(), normal),
    "logistic": (Logistic(), logistic),
    "student": (StudentT(5.0), student),
    "bimodal": (Bimodal(0.9, 0.8), bimodal),
}


class Instance(NamedTuple):
    """A decoder drawn from a family, a prior, a noise variance (or a variance for each output), how far off f(g)."""

    family: str
    d: int
    prior: str
    eps: float
    seed: int
    spread: float = 1.0
    off: float = 0.0


SAMPLE = (
    Instance("shear", 2, "normal", 1e-3, 4),
    Instance("mlp", 1, "logistic", 1e-1, 1),
    Instance("mlp", 1, "student", 1e-5, 2),
    Instance("linear", 2, "bimodal", 1e-2, 3),
    Instance("moebius", 2, "logistic", 1e-4, 5),
    Instance("surface", 1, "normal", 1e-2, 6, off=0.15),
    Instance("shear", 2, "student", 1e-2, 7, spread=1.7),
)
QUICK = 1
"""Each instance compiles programs of its own, seven seconds: the default run takes the first."""
NODES = {1: 90, 2: 14}


@pytest.mark.parametrize(
    "instance",
    [*SAMPLE[:QUICK], *(pytest.param(one, marks=pytest.mark.slow) for one in SAMPLE[QUICK:])],
    ids=lambda one: f"{one.family}-{one.d}-{one.prior}-{one.eps:g}",
)
def test_evidence_elbo_and_encoder(instance: Instance) -> None:
    """log p, ELBO*, gap, and the encoder's mean, variance and precision agree within their stated errors."""
    rng = np.random.default_rng(instance.seed)
    family = FAMILIES[instance.family]
    decoder, g = family.draw(rng, instance.d), family.point(rng, instance.d)
    prior, log_prior = PRIORS[instance.prior]
    x, jacobian = map(np.asarray, jax.jit(lambda g: (decoder(g), jax.jacfwd(decoder)(g)))(jnp.asarray(g)))
    if instance.off:
        normal_vector = np.linalg.svd(jacobian)[0][:, -1]
        x = x + instance.off * normal_vector
    variances = instance.eps * np.linspace(1.0, instance.spread, len(x))
    noise = jnp.asarray(variances) if instance.spread != 1 else instance.eps
    model = LatentModel(decoder, instance.d, prior=prior, noise_var=noise)
    found = eqx.filter_jit(measure_gap)(model, x, start=jnp.asarray(g))
    stated = eqx.filter_jit(stationarity)(model, x, found.mean, found.std)

    with mp.workdps(exact.DIGITS):
        joint = exact.gaussian_joint(
            DECODERS[instance.family](decoder), log_prior, exact.vector(x), exact.vector(variances)
        )
        factor = np.linalg.cholesky(np.linalg.inv(jacobian.T @ (jacobian / variances[:, None])))
        log_p = exact.evidence(joint, [np.asarray(found.mode)], factor)
        best = exact.best_encoder(joint, np.asarray(found.mean), np.asarray(found.std), NODES[instance.d])
        assert best.residual < 1e-25  # Newton ended, far below anything compared here
        assert abs(log_p - float(found.log_likelihood)) <= float(found.log_likelihood_error)
        assert abs(best.elbo - float(found.elbo)) <= float(found.elbo_error)
        assert abs((log_p - best.elbo) - float(found.gap)) <= float(found.gap_error)
        for k in range(instance.d):
            assert abs(best.mean[k] - float(found.mean[k])) <= float(stated.mean_error[k])
            assert abs(best.variance[k] - float(found.std[k]) ** 2) <= float(stated.variance_error[k])
            tolerance = 2 * float(stated.variance_error[k]) / float(best.variance[k]) ** 2
            assert abs(1 / best.variance[k] - float(stated.precision[k])) <= tolerance


@pytest.mark.slow
def test_counts_and_a_second_preimage() -> None:
    """A Poisson model and a folded decoder, whose likelihood adds two modes up, agree with the second route too."""
    rate, count = 0.4, 400.0
    model = LatentModel(lambda z: rate + 0.8 * z + 0.2 * jnp.sin(z), 1, observation=Poisson(count))
    g = np.array([0.3])
    x = np.asarray(model.mean(jnp.asarray(g)))
    found = eqx.filter_jit(measure_gap)(model, x, start=jnp.asarray(g))
    with mp.workdps(exact.DIGITS):

        def counts(z: list) -> mp.mpf:
            f, t = mp.mpf(rate) + mp.mpf(0.8) * z[0] + mp.mpf(0.2) * mp.sin(z[0]), mp.mpf(float(x[0]))
            return t * f - mp.mpf(count) * mp.exp(f) + t * mp.log(count) - mp.loggamma(t + 1) + normal(z)

        log_p = exact.evidence(counts, [np.asarray(found.mode)], np.diag(np.asarray(found.std)))
        best = exact.best_encoder(counts, np.asarray(found.mean), np.asarray(found.std), NODES[1])
        assert abs(log_p - float(found.log_likelihood)) <= float(found.log_likelihood_error)
        assert abs((log_p - best.elbo) - float(found.gap)) <= float(found.gap_error)

    eps, bend = 1e-2, 0.7
    folded = LatentModel(lambda z: z + bend * z**2, 1, noise_var=eps)
    g, other = 0.3, -1 / bend - 0.3
    x = np.array([g + bend * g**2])
    found = eqx.filter_jit(measure_gap)(folded, x, start=jnp.array([[g], [other]]))
    with mp.workdps(exact.DIGITS):
        joint = exact.gaussian_joint(
            lambda z: [z[0] + mp.mpf(bend) * z[0] ** 2], normal, exact.vector(x), exact.vector([eps])
        )
        # One lattice over both modes and what lies between them.
        log_p = exact.evidence(joint, [np.array([(g + other) / 2])], np.array([[0.25]]), step=mp.mpf("0.02"))
        best = exact.best_encoder(joint, np.asarray(found.mean), np.asarray(found.std), NODES[1])
        assert abs(log_p - float(found.log_likelihood)) <= float(found.log_likelihood_error)
        assert abs((log_p - best.elbo) - float(found.gap)) <= float(found.gap_error)


@pytest.mark.slow
def test_full_covariance() -> None:
    """The ELBO of the best full-covariance encoder is what the second route finds for that encoder."""
    rng = np.random.default_rng(8)
    decoder, g = FAMILIES["shear"].draw(rng, 2), FAMILIES["shear"].point(rng, 2)
    eps = 1e-3
    x = np.asarray(decoder(jnp.asarray(g)))
    found = eqx.filter_jit(measure_gap)(LatentModel(decoder, 2, noise_var=eps), x, start=jnp.asarray(g), family="full")
    with mp.workdps(exact.DIGITS):
        joint = exact.gaussian_joint(shear(decoder), normal, exact.vector(x), exact.vector([eps, eps]))
        factor = np.linalg.cholesky(np.asarray(found.covariance))
        value = exact.elbo(joint, exact.vector(found.mean), exact.matrix(factor), NODES[2])
        assert abs(value - float(found.elbo)) <= float(found.elbo_error)


def test_derivatives_and_contrast() -> None:
    """J, H, T, l1, l2 by automatic differentiation, and the contrast, agree with differences at 50 digits."""
    rng = np.random.default_rng(9)
    decoder, g = FAMILIES["mlp"].draw(rng, 2), FAMILIES["mlp"].point(rng, 2)
    _, J, H, T = (np.asarray(value) for value in decoder_derivatives(decoder, jnp.asarray(g), 3))
    l1, l2 = prior_derivatives(LatentModel(decoder, 2, prior=Bimodal(0.9, 0.8)), jnp.asarray(g))
    with mp.workdps(exact.DIGITS):
        f, point = mlp(decoder), tuple(exact.vector(g))

        def partial(function: Callable, *axes: int) -> mp.mpf:
            return mp.diff(lambda *z: function(list(z)), point, (axes.count(0), axes.count(1)))

        columns = mp.matrix(2, 2)
        for i in range(2):

            def output(z: list, i: int = i) -> mp.mpf:
                return f(z)[i]

            for a in range(2):
                columns[i, a] = partial(output, a)
                assert abs(columns[i, a] - float(J[i, a])) < ROUND_OFF
                for b in range(2):
                    assert abs(partial(output, a, b) - float(H[i, a, b])) < ROUND_OFF
                    for c in range(2):
                        assert abs(partial(output, a, b, c) - float(T[i, a, b, c])) < ROUND_OFF
        for a in range(2):
            assert abs(partial(bimodal, a) - float(l1[a])) < ROUND_OFF
            for b in range(2):
                assert abs(partial(bimodal, a, b) - float(l2[a, b])) < ROUND_OFF
        norms = [mp.sqrt(columns[0, a] ** 2 + columns[1, a] ** 2) for a in range(2)]
        contrast = mp.fsum(map(mp.log, norms)) - mp.log(abs(mp.det(columns)))
        assert abs(contrast - float(ima_contrast(decoder, jnp.asarray(g)))) < ROUND_OFF


def test_the_second_route_can_fail() -> None:
    """A prior without its normaliser, or a noise variance one part in 10^10 off, is seen."""
    eps, x, g = 1e-2, np.array([0.9]), np.array([0.6])
    found = eqx.filter_jit(measure_gap)(LatentModel(lambda z: 1.5 * z, 1, noise_var=eps), x, start=jnp.asarray(g))
    with mp.workdps(exact.DIGITS):
        for prior, variance in ((normal, eps * (1 + 1e-10)), (lambda z: -(z[0] ** 2) / 2, eps)):
            joint = exact.gaussian_joint(
                lambda z: [mp.mpf(1.5) * z[0]], prior, exact.vector(x), exact.vector([variance])
            )
            log_p = exact.evidence(joint, [g], np.array([[0.07]]))
            assert abs(log_p - float(found.log_likelihood)) > float(found.log_likelihood_error)
