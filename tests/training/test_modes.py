"""Encoders with a full covariance and the ELBO at the mode, against what is known in closed form."""

from itertools import product
from math import prod

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.numerics.families.linear import Linear
from elbogap.numerics.priors import Normal
from elbogap.training.loop import stack
from elbogap.training.loss import elbo_terms, marginal_std, moved
from elbogap.training.models import MLP, VAE, ConstantSpread, FullEncoder, as_dtype, identity, mlp_vae
from elbogap.training.modes import degree_five, mode_elbo

EPS = 0.05
ROUND_OFF = 1e-9  # float64 through a Cholesky factor and a Newton step


def linear() -> tuple[np.ndarray, VAE, np.ndarray]:
    """A matrix with oblique columns, the linear VAE with it and a standard normal prior, and its data."""
    rng = np.random.default_rng(0)
    matrix = np.array([[1.0, 0.9], [0.3, 0.8]])
    like = mlp_vae(rng.standard_normal((10, 2)), 2, rng, prior="normal", hidden=(4,))
    data = rng.standard_normal((40, 2)) @ matrix.T + np.sqrt(EPS) * rng.standard_normal((40, 2))
    return matrix, VAE(identity, Linear(matrix, np.zeros(2)), like.prior, like.log_noise_var), data


def test_a_full_covariance_reaches_the_likelihood_and_a_diagonal_one_lacks_the_known_gap() -> None:
    """For a linear decoder the ELBO of H^-1 is log p exactly; that of 1 / H_kk lacks 1/2 log(prod H_kk / det H)."""
    matrix, vae, data = linear()
    covariance = matrix @ matrix.T + EPS * np.eye(2)
    squares = np.sum(data * np.linalg.solve(covariance, data.T).T, axis=1)
    log_p = -0.5 * (squares + np.linalg.slogdet(2 * np.pi * covariance)[1])
    start, log_eps = np.zeros((1, 40, 2)), np.log([EPS])
    full = mode_elbo(stack([vae]), data[None], [0], log_eps, start, full=True)[0]
    diagonal = mode_elbo(stack([vae]), data[None], [0], log_eps, start)[0]
    hessian = matrix.T @ matrix / EPS + np.eye(2)
    gap = 0.5 * (np.log(np.diag(hessian)).sum() - np.linalg.slogdet(hessian)[1])
    assert gap > 0.1 and full.found.all() and diagonal.found.all()
    assert np.abs(full.elbo - log_p).max() < ROUND_OFF
    assert np.abs(full.elbo - diagonal.elbo - gap).max() < ROUND_OFF


def test_a_spread_is_the_factor_of_a_covariance() -> None:
    """Latents moved by a spread have its covariance; a diagonal factor is the factorised encoder, on either path."""
    rng = np.random.default_rng(1)
    shift, scale = jnp.zeros(2), jnp.asarray(2.0)
    encoder = FullEncoder(MLP((2, 5, 6), rng, dtype=float), shift, scale)
    _, vae, data = linear()
    nodes, spread = jnp.asarray(rng.standard_normal((3, 2))), jnp.asarray([0.1, -0.2])

    @jax.jit
    def measured(x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        mean, full = encoder(jnp.asarray([0.3, -1.0]), jnp.log(0.04))
        columns = jax.vmap(lambda node: moved(mean, full, node) - mean)(jnp.eye(2)).T
        values = []
        for start in (spread, jnp.diag(spread)):
            constant = ConstantSpread(MLP((2, 2), np.random.default_rng(2), dtype=float), start, shift, scale)
            both = VAE(constant, vae.decoder, Normal(), vae.log_noise_var)
            values += [elbo_terms(both, x, jnp.log(EPS), nodes, path=path).elbo for path in (False, True)]
        return columns @ columns.T, marginal_std(full), jnp.stack(values)

    covariance, std, values = map(np.asarray, measured(jnp.asarray(data[0])))
    assert abs(covariance[0, 1]) > 1e-6
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), std, rtol=ROUND_OFF)
    np.testing.assert_allclose(values, values[0], rtol=ROUND_OFF)


@pytest.mark.parametrize("d", [2, 5, 10])
def test_the_rule_of_degree_five_is_exact_to_degree_five(d: int) -> None:
    """Every monomial in two coordinates of degree up to five has its Gaussian mean, and one of degree six has not."""
    points, weights = degree_five(d)
    moments = (1, 0, 1, 0, 3, 0, 15)
    for a, b in product(range(6), repeat=2):
        if a + b <= 5:
            assert weights @ (points[:, 0] ** a * points[:, 1] ** b) == pytest.approx(
                prod((moments[a], moments[b])), abs=1e-12
            )
    assert abs(weights @ points[:, 0] ** 6 - 15) > 0.1


def test_a_prior_is_not_learnt() -> None:
    """The ELBO's gradient in location and scale of a normal prior, leaves of the model, is zero, in the decoder not."""
    _, vae, data = linear()
    vae = as_dtype(eqx.tree_at(lambda v: v.encoder, vae, lambda x, e: (x, jnp.zeros(2))), float)
    nodes = jnp.asarray([[0.3, -0.4], [1.0, 0.2]])
    slope = eqx.filter_jit(eqx.filter_grad(lambda v: elbo_terms(v, jnp.asarray(data[0]), jnp.log(EPS), nodes).elbo))(
        vae
    )
    assert float(slope.prior.scale) == 0.0 and float(slope.prior.loc) == 0.0
    assert float(jnp.abs(slope.decoder.matrix).max()) > 0
