"""Evidence and ELBO for d > 3, against products of one-dimensional models, tensor rules and plain sampling."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.numerics.encoder import best_optimum
from elbogap.numerics.gap import measure_gap
from elbogap.numerics.high_dimension import maximise_symmetric
from elbogap.numerics.likelihood import find_modes
from elbogap.numerics.measurement import distinct_modes, measure, random_for
from elbogap.numerics.model import LatentModel
from elbogap.numerics.modes import find_mode, whitening
from elbogap.numerics.symmetric import symmetric_levels


def rotation(d, seed):
    """A random orthogonal matrix."""
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0]


@pytest.mark.slow  # the evidence for d > 3 is held against samples below, the ELBO against another rule
@pytest.mark.parametrize("d", [6])
def test_rotated_products_add_up(d):
    """For a rotated product of d one-dimensional decoders, both sides are d times those of one dimension."""
    turn = rotation(d, 0)

    def curve(z):
        return z + z**2 / 10 + z**3 / 6

    def measure(dim, matrix):
        z = jnp.full(dim, 0.4)
        model = LatentModel(lambda y: matrix @ curve(y), dim, noise_var=1e-3)
        return jax.jit(lambda x: measure_gap(model, x, start=z))(matrix @ curve(z))

    line, space = measure(1, np.eye(1)), measure(d, turn)
    assert bool(space.converged)
    assert abs(float(space.elbo - d * line.elbo)) <= float(space.elbo_error + d * line.elbo_error)
    difference = abs(float(space.log_likelihood - d * line.log_likelihood))
    assert difference <= float(space.log_likelihood_error + d * line.log_likelihood_error)
    # Errors that would hide the slope eps * a1 ~ 1e-3 of this gap prove nothing.
    assert float(space.elbo_error) < 1e-6
    assert float(space.log_likelihood_error) < 1e-4
    np.testing.assert_allclose(space.std, line.std[0], rtol=1e-7)


class TestCoupled:
    """A decoder that couples four latents, where tensor rules can still follow."""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def both(cls):
        """Tensor Gauss-Hermite and symmetric rules from the same mode, and the measured evidence."""
        rng = np.random.default_rng(1)
        first, last = rng.normal(size=(8, 4)) / 2, rng.normal(size=(4, 8)) / 4

        def decoder(z):
            return z + last @ jnp.tanh(first @ z)

        cls.start = jnp.asarray(rng.normal(size=4))
        cls.x = decoder(cls.start)
        cls.model = LatentModel(decoder, 4, noise_var=1e-3)

        def run(x):
            modes = find_modes(cls.model, x, cls.start[None])
            mode = jax.tree.map(lambda leaf: leaf[0], modes)
            _, tensor = best_optimum(cls.model, x, modes, "mean-field", mode.exponent)
            sampled = maximise_symmetric(cls.model, x, mode, "mean-field", mode.exponent)
            levels = symmetric_levels(lambda xi: cls.model.exponent(tensor.mean + tensor.factor @ xi, x), 4)
            return tensor, sampled, levels, mode.exponent

        cls.tensor, cls.symmetric, cls.levels, cls.reference = jax.jit(run)(cls.x)

    def test_elbo_by_two_rules(self):
        """Sampling with exact control agrees with the tensor rule within its stated error."""
        assert bool(self.tensor.converged) and bool(self.symmetric.converged)
        difference = abs(float(self.tensor.value - self.symmetric.value))
        assert difference <= float(self.tensor.error + self.symmetric.error)
        assert float(self.symmetric.error) < 1e-6
        np.testing.assert_allclose(self.tensor.mean, self.symmetric.mean, atol=1e-6)

    def test_degree_seven_is_needed(self):
        """At the same encoder degree 7 is within 2e-8 of the tensor rule, degree 5 and 3 are not."""
        entropy = np.sum(np.log(np.diagonal(self.tensor.factor))) + 2 * (1 + np.log(2 * np.pi))
        exact = float(self.tensor.value) - entropy + float(self.reference)
        errors = [abs(float(level) - exact) for level in self.levels]
        assert errors[2] < 2e-8 < errors[1] < 1e-6 < errors[0]


def test_plain_sampling_covers_the_evidence():
    """An independent antithetic importance sample of the evidence lies within the stated error and its own."""
    rng = np.random.default_rng(2)
    d, eps = 9, 1e-3
    first, last = rng.normal(size=(2 * d, d)) / 3, rng.normal(size=(d, 2 * d)) / 6

    def decoder(z):
        return z + last @ jnp.tanh(first @ z)

    start = jnp.asarray(rng.normal(size=d))
    x, model = decoder(start), LatentModel(decoder, d, noise_var=eps)

    def plain(x):
        mode = find_mode(model, x, start)
        factor, log_det = whitening(mode.hessian)

        def pair(xi):
            def weight(sign):
                return jnp.exp(
                    model.exponent(mode.point + sign * jnp.sqrt(eps) * factor @ xi, x) - mode.exponent + 0.5 * xi @ xi
                )

            return 0.5 * (weight(1.0) + weight(-1.0))

        weights = jax.lax.map(pair, jax.random.normal(jax.random.key(11), (40_000, d)), batch_size=1000)
        constant = model.log_constant(x) + mode.exponent + log_det + 0.5 * d * jnp.log(2 * jnp.pi * eps)
        mean = jnp.mean(weights)
        return jnp.log(mean) + constant, jnp.std(weights) / mean / 200

    value, standard_error = jax.jit(plain)(x)
    measured = jax.jit(lambda x: measure_gap(model, x, start=start))(x)
    # Four standard errors: one false alarm in 16 000.
    assert abs(float(measured.log_likelihood - value)) <= float(measured.log_likelihood_error + 4 * standard_error)
    # The control variates must be worth their cost.
    assert float(measured.log_likelihood_error) < 4 * float(standard_error)


def test_the_best_encoder_of_a_linear_decoder_is_that_of_the_closed_form():
    """d = 4, by sampling: mean, deviations and gap of `linear-vae`, with errors near round-off, numbers both."""
    rng = np.random.default_rng(2)
    A, eps = rng.standard_normal((5, 4)), 0.05
    model = LatentModel(lambda z: jnp.asarray(A) @ z, 4, noise_var=eps)
    x = jnp.asarray(rng.standard_normal(5))
    modes, _ = distinct_modes(model, x, jnp.zeros((1, 4)), search=False)
    found = measure(model, x, modes, None, random_for(rng, 64, 4))
    precision = A.T @ A / eps + np.eye(4)
    exact = 0.5 * (np.sum(np.log(np.diag(precision))) - np.linalg.slogdet(precision)[1])
    assert np.allclose(found.mean, np.linalg.solve(precision, A.T @ np.asarray(x) / eps), rtol=0, atol=1e-8)
    assert np.allclose(found.std, np.diag(precision) ** -0.5, rtol=1e-8)
    assert found.gap_error.shape == () and abs(float(found.gap) - exact) <= float(found.gap_error) < 1e-8
