"""The log-likelihood: several modes, overlapping modes, closed forms and bad input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.numerics.likelihood import log_likelihood
from elbogap.numerics.model import LatentModel
from elbogap.numerics.priors import Laplace


def integral(eps, x):
    """log p_eps(x) for f(z) = z^2, by a dense trapezoid sum (spectrally accurate for this integrand)."""
    z = np.linspace(-9, 9, 400_001)
    exponent = -((z**2 - x) ** 2) / (2 * eps) - z**2 / 2
    top = exponent.max()
    total = np.log(np.sum(np.exp(exponent - top)) * (18 / 400_000)) + top
    return total - 0.5 * np.log(2 * np.pi * eps) - 0.5 * np.log(2 * np.pi)


@pytest.fixture(scope="module")
def square():
    """f(z) = z^2 from the default search, as one program of eps and x."""

    def at(eps, x):
        return log_likelihood(LatentModel(lambda z: z**2, 1, noise_var=eps), x, full_output=True)

    return jax.jit(at)


@pytest.mark.parametrize(("eps", "x"), [(1e-4, 0.5), (1e-2, 0.5), (1e-1, 0.3), (1e-1, -0.4)])
def test_modes_add_up(square, eps, x):
    """Two modes, far apart, overlapping or merged into one, give the integral within the stated error."""
    found = square(eps, np.array([x]))
    # 1e-13: the round-off of the reference sum.
    assert abs(float(found.value) - integral(eps, x)) <= float(found.error) + 1e-13 + 1e-13 / eps
    assert float(found.error) < 1e-3


def test_a_kink_of_the_prior_is_in_the_error():
    """With a Laplace prior the stated error covers the quadrature's, wherever the kink lies among the nodes."""
    eps, scale = 1e-2, 0.8
    nodes, weights = np.polynomial.legendre.leggauss(200)

    def split(x):
        """The integral of exp(-(z - x)^2 / 2 eps - |z| / scale) on both sides of the kink."""
        total = 0.0
        for low, high in ((min(x - 1.4, 0.0), 0.0), (0.0, max(x + 1.4, 0.0))):
            z = low + (high - low) * (nodes + 1) / 2
            total += weights @ np.exp(-((z - x) ** 2) / (2 * eps) - np.abs(z) / scale) * (high - low) / 2
        return np.log(total) - 0.5 * np.log(2 * np.pi * eps) - np.log(2 * scale)

    model = LatentModel(lambda z: z, 1, prior=Laplace(scale), noise_var=eps)
    program = jax.jit(lambda x: log_likelihood(model, x, start=x, full_output=True))
    for x in np.array([0.0, 0.012, 0.03, 0.05, 0.1, 0.2]):
        found = program(np.array([x]))
        assert abs(float(found.value) - split(x)) <= float(found.error)
        assert float(found.error) < 0.01


def test_one_mode_alone_is_half(square):
    """Control: with a start in one branch only, far modes are missed by log 2."""
    one = jax.jit(
        lambda start: log_likelihood(LatentModel(lambda z: z**2, 1, noise_var=1e-4), np.array([0.5]), start=start)
    )(np.array([0.7]))
    both = square(1e-4, np.array([0.5])).value
    assert float(both - one) == pytest.approx(np.log(2), abs=1e-9)


def test_repeated_starts_count_once():
    """Giving the same start three times changes nothing: modes share their mass."""
    model = LatentModel(lambda z: jnp.sinh(z), 1, noise_var=1e-2)
    program = jax.jit(lambda x, start: log_likelihood(model, x, start=start))
    once = program(np.array([0.5]), np.array([[0.4]]))
    thrice = program(np.array([0.5]), np.array([[0.4], [0.5], [0.6]]))
    assert float(once) == pytest.approx(float(thrice), abs=1e-11)


def test_no_mode_is_an_error():
    """When no start leads to a mode the call raises, inside jit too, and names the reason."""
    model = LatentModel(lambda z: jnp.log(-jnp.ones(1)) * z, 1, noise_var=1e-2)
    with pytest.raises(Exception, match="expected a mode"):
        jax.jit(lambda x: log_likelihood(model, x, start=np.zeros(1)))(np.zeros(1))


def test_unreachable_data_have_a_likelihood():
    """x outside the decoder's range is far in the tail, not an error: the mode lies where prior and noise balance."""
    model = LatentModel(lambda z: jnp.tanh(z), 1, noise_var=0.05)
    z = np.linspace(-12, 12, 200_001)
    exponent = -((np.tanh(z) - 1.5) ** 2) / 0.1 - z**2 / 2
    expected = (
        np.log(np.sum(np.exp(exponent)) * (z[1] - z[0])) - 0.5 * np.log(2 * np.pi * 0.05) - 0.5 * np.log(2 * np.pi)
    )
    found = jax.jit(lambda x: log_likelihood(model, x, full_output=True))(np.array([1.5]))
    assert abs(float(found.value) - expected) <= float(found.error) + 1e-12
    assert float(found.error) < 1e-3


def test_float32_is_refused(float32):
    """log_likelihood without x64 raises one line."""
    model = LatentModel(lambda z: z, 1)
    with pytest.raises(RuntimeError, match="log_likelihood needs float64"):
        log_likelihood(model, np.zeros(1), start=np.zeros(1))
