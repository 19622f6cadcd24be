"""Every prior is a probability: its density integrates to one, and samples have it as their law."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.numerics.priors import Bimodal, Choice, CorrelatedNormal, Laplace, Logistic, Normal, Prior, StudentT

PRIORS: dict[str, Prior] = {
    "normal": Normal(0.3, 1.4),
    "logistic": Logistic(),
    "Student t": StudentT(5.0),
    "Laplace": Laplace(0.8),
    "bimodal": Bimodal(0.9, 0.8),
    "correlated": CorrelatedNormal(jnp.array([0.2]), jnp.array([[1.3]])),
    "choice": Choice((Normal(), Logistic()), jnp.asarray(1)),
}


@pytest.mark.parametrize("name", PRIORS)
def test_the_density_integrates_to_one(name: str) -> None:
    """exp(log_prob) of one latent integrates to 1 over the line, tails by the substitution z = sinh(t)."""
    t = jnp.linspace(-9.0, 9.0, 20001)
    z = jnp.sinh(t)
    density = jax.vmap(lambda point: jnp.exp(PRIORS[name].log_prob(point)))(z[:, None])
    # A kink costs the trapezoid rule the square of its step, 1e-6; a tail like z^-6 less.
    assert float(jnp.sum(density * jnp.cosh(t)) * (t[1] - t[0])) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("name", sorted(set(PRIORS) - {"choice"}))
def test_samples_have_the_density_as_their_law(name: str) -> None:
    """The distribution of two thousand samples is nowhere farther from the density's than chance allows."""
    prior, rng, count = PRIORS[name], np.random.default_rng(3), 2000
    t = jnp.linspace(-9.0, 9.0, 20001)
    density = jax.vmap(lambda point: jnp.exp(prior.log_prob(point)))(jnp.sinh(t)[:, None]) * jnp.cosh(t)
    mass = np.cumsum(np.asarray(density)) * float(t[1] - t[0])
    samples = np.sort([float(prior.sample(rng, 1)[0]) for _ in range(count)])
    distance = np.abs(np.interp(np.arcsinh(samples), np.asarray(t), mass) - np.arange(1, count + 1) / count)
    # Kolmogorov: 1.95 / sqrt(n) is exceeded with probability 1e-3.
    assert np.max(distance) < 1.95 / np.sqrt(count)
