"""The expansion against the reference tables, against dense tensors, and against the measured gap."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.numerics.derivatives import decoder_derivatives, prior_derivatives, tower
from elbogap.numerics.expansion import expansion
from elbogap.numerics.gap import measure_gap
from elbogap.numerics.model import LatentModel
from elbogap.numerics.noise import StateNoise
from elbogap.numerics.observations import Binomial
from elbogap.numerics.priors import Choice, CorrelatedNormal, Logistic, Normal, StudentT

# Numbers are given to this many digits.
PRINTED = 1e-6


@pytest.fixture(scope="module")
def by_prior(examples):
    """The expansion of f2 at g2 under four priors, by one program."""
    correlated = CorrelatedNormal(np.zeros(2), np.array([[1.0, 0.8], [0.8, 1.0]]))
    priors = (Normal(), Logistic(), correlated, StudentT(3.0))
    program = jax.jit(
        jax.vmap(lambda index: expansion(LatentModel(examples.f2, 2, prior=Choice(priors, index)), examples.g2))
    )
    return program(jnp.arange(4))


def test_core_table(by_prior):
    """Contrast, m, s, t, L1 and a1 of f2 with a normal prior are those of the reference table."""
    assert float(by_prior.contrast[0]) == pytest.approx(0.291381636203, abs=1e-12)
    np.testing.assert_allclose(by_prior.mean_shift[0], [-0.64065072, 0.40477656], atol=1e-8)
    np.testing.assert_allclose(by_prior.variance_correction[0], [-0.2143911, -0.01089504], atol=1e-7)
    assert float(by_prior.log_likelihood_slope[0]) == pytest.approx(-0.07776596, abs=1e-8)
    assert float(by_prior.gap_slope[0]) == pytest.approx(-0.0734195873, abs=1e-10)


def test_priors_change_the_slope_and_not_the_limit(by_prior):
    """Logistic, correlated Gaussian and Student t priors keep c and give the reference's slopes and t."""
    np.testing.assert_allclose(by_prior.contrast, 0.291381636203, atol=1e-12)
    np.testing.assert_allclose(by_prior.gap_slope[1:], [-0.065726, -0.415733, 0.004007], atol=PRINTED)
    np.testing.assert_allclose(by_prior.variance_correction[1], [-0.00083805, 0.03613339], atol=1e-7)
    # The paper's correction s^2 l'' is a false variant: it is not t.
    wrong = by_prior.variance[0] ** 2 * -1.0
    assert float(jnp.max(jnp.abs(by_prior.variance_correction[0] - wrong))) > 0.04


def test_off_the_manifold(examples):
    """Off the manifold M = A - r n.H carries contrast and slope (claim `rectangular`), and g is found from nearby."""
    normal = examples.unit_normal(examples.f23, examples.g2)
    curvature = jnp.einsum("i,iab->ab", normal, jax.jacfwd(jax.jacfwd(examples.f23))(examples.g2))
    normal = -jnp.sign(jnp.trace(curvature)) * normal

    def at(r):
        x = examples.f23(examples.g2) + r * normal
        return expansion(LatentModel(examples.f23, 2), examples.g2 + 0.05, x=x)

    found = jax.jit(jax.vmap(at))(jnp.array([0.0, 0.5, -0.5, -1.0]))
    np.testing.assert_allclose(found.point, np.tile(examples.g2, (4, 1)), atol=1e-9)
    expected = [0.109758348759, 0.053212915002, 0.237166652400, 0.666702200040]
    np.testing.assert_allclose(found.contrast, expected, atol=1e-9)
    slopes = [-0.468566503, -0.195932403, -1.299863354, 7.761050753]
    np.testing.assert_allclose(found.gap_slope, slopes, atol=1e-6)


def test_binomial(examples):
    """Binomial observations: contrast of J'FJ and the reference's slope, whatever n."""
    model = LatentModel(examples.f2, 2, observation=Binomial(50))
    found = jax.jit(lambda z: expansion(model, z))(examples.g2)
    assert float(found.contrast) == pytest.approx(0.287731532740, abs=1e-11)
    assert float(found.gap_slope) == pytest.approx(-0.412352836, abs=1e-8)


class TestDenseTensors:
    """The expansion written with explicit tensors, for a polynomial with d = 3 and the blocks {1,2},{3}."""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def values(cls, examples):
        """Both routes at g3."""
        model = LatentModel(examples.cubic, 3, prior=Logistic())
        x = examples.cubic(examples.g3)
        cls.found = jax.jit(lambda z: expansion(model, z, family=((0, 1), (2,))))(examples.g3)
        cls.tensors = jax.jit(lambda z: tower(lambda y: model.potential(y, x), z, 4))(examples.g3)[2:]
        cls.prior = prior_derivatives(model, examples.g3)
        cls.decoder = jax.jit(lambda z: decoder_derivatives(examples.cubic, z, 3))(examples.g3)

    def test_slopes(self):
        """L1, E1 and m agree with the contractions of V3, V4, l', l''."""
        hessian, v3, v4 = (np.asarray(t) for t in self.tensors)
        l1, l2 = (np.asarray(t) for t in self.prior)
        inverse = np.linalg.inv(hessian)
        block = np.zeros((3, 3))
        block[:2, :2], block[2, 2] = np.linalg.inv(hessian[:2, :2]), 1 / hessian[2, 2]

        def force(q):
            return l1 - 0.5 * np.einsum("abc,bc->a", v3, q)

        def energy(q):
            return 0.5 * np.sum(l2 * q) - 0.125 * np.einsum("abcd,ab,cd->", v4, q, q)

        cubic = np.einsum("abc,def,ad,be,cf->", v3, v3, inverse, inverse, inverse)
        likelihood = energy(inverse) + 0.5 * force(inverse) @ inverse @ force(inverse) + cubic / 12
        elbo = energy(block) + 0.5 * force(block) @ inverse @ force(block)
        assert float(self.found.log_likelihood_slope) == pytest.approx(likelihood, rel=1e-10)
        assert float(self.found.elbo_slope) == pytest.approx(elbo, rel=1e-10)
        np.testing.assert_allclose(self.found.mean_shift, inverse @ force(block), rtol=1e-9)
        curvature = np.einsum("abc,c->ab", v3, inverse @ force(block)) + 0.5 * np.einsum("abcd,cd->ab", v4, block) - l2
        curvature[:2, 2] = curvature[2, :2] = 0
        np.testing.assert_allclose(self.found.covariance_correction, -block @ curvature @ block, atol=1e-10)
        # Control: C2/6 in place of C2/12 (claim `block-encoder`) is another number.
        assert abs(float(self.found.log_likelihood_slope) - likelihood - cubic / 12) > 1e-2

    def test_contrast_of_blocks(self):
        """The contrast is 1/2 [sum of log det of the blocks of M - log det M], not of the blocks of M^-1."""
        hessian = np.asarray(self.tensors[0])
        whole = np.linalg.slogdet(hessian)[1]
        parts = np.linalg.slogdet(hessian[:2, :2])[1] + np.log(hessian[2, 2])
        assert float(self.found.contrast) == pytest.approx(0.5 * (parts - whole), abs=1e-12)

    def test_potential_is_made_of_decoder_derivatives(self):
        """On the manifold M = J'J and V3 is the symmetrised J.H (claim `general-limit`)."""
        _, jacobian, second, _ = (np.asarray(t) for t in self.decoder)
        np.testing.assert_allclose(self.tensors[0], jacobian.T @ jacobian, atol=1e-12)
        mixed = np.einsum("ia,ibc->abc", jacobian, second)
        expected = mixed + mixed.transpose(1, 0, 2) + mixed.transpose(2, 1, 0)
        np.testing.assert_allclose(self.tensors[1], expected, atol=1e-12)


@pytest.mark.parametrize("d", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_state_dependent_noise_against_the_measured_gap(d, examples):
    """With eps S(z) the measured slope tends to the expansion's a1, which includes -1/2 log det S in the prior."""

    def decoder(z):
        return examples.cubic2(jnp.append(z, examples.g2[d:]))

    def shape(z):
        return jnp.stack([1.0 + 0.4 * z[0], 0.8 + 0.3 * z[-1] ** 2])

    model = LatentModel(decoder, d, noise_var=StateNoise(1.0, shape))
    g = examples.g2[:d]
    x = decoder(g)
    predicted = jax.jit(lambda z: expansion(model, z))(g)
    program = jax.jit(
        jax.vmap(lambda eps: measure_gap(LatentModel(decoder, d, noise_var=StateNoise(eps, shape)), x, start=g))
    )
    eps = jnp.array([1e-4, 2e-4])
    slope = (program(eps).gap - predicted.contrast) / eps
    extrapolated = 2 * slope[0] - slope[1]
    # Richardson leaves O(eps^2).
    assert float(extrapolated) == pytest.approx(float(predicted.gap_slope), abs=1e-4)
    # Control: without the log-determinant in the effective prior the slope is another one.
    bare = jax.jit(jax.grad(lambda z: -0.5 * jnp.sum(jnp.log(shape(z)))))(g)
    assert float(jnp.linalg.norm(bare)) > 0.1


def test_no_minimum_is_an_error(examples):
    """At a point where Hess V is not positive definite, expansion says so instead of returning nan."""
    model = LatentModel(lambda z: jnp.stack([z[0] ** 2, z[1]]), 2)
    with pytest.raises(Exception, match="expected Hess V to be positive definite"):
        jax.jit(lambda z: expansion(model, z).contrast)(jnp.zeros(2))
