"""Gauss-Newton on the readout of a trained encoder: the last layer's exact optimum, after Adam has made the features.

The encoder's output u = (mean, log_std) is linear in the last hidden features phi(x) (k,) and the readout (2 d, k).
With the gradient g of the ELBO in u at every observation and the negative curvature H,

    H = J' J / eps + I   for the mean (J the decoder's Jacobian there),      H = 2 I   for log_std,

the latter because d^2/dl^2 [l - exp(2 l) h / 2] = -2 at its maximum, the change R of the readout maximises
sum_i g_i' R phi_i - 1/2 (R phi_i)' H_i (R phi_i): a linear system. Adam leaves this system badly solved, since its
condition is that of the features; the solve costs less than a hundred of Adam's steps. Only the ELBO and the decoder
are used, not the preimage. Expectations are by quadrature (`evaluate.nodes`), sums over observations in float64 on the
host.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .evaluate import nodes
from .loss import elbo_terms
from .models import MLP, VAE

_RIDGE = 1e-9  # of the mean diagonal, against features that are linearly dependent in float32
_SHORTEST = 2.0**-6


def fit_readout(vae: VAE, data: Float[np.ndarray, "n D"], log_noise_var: float, *, iterations: int = 4) -> VAE:
    """One run (`GaussianEncoder` of an `MLP`) with its last layer moved to a larger mean ELBO over `data`.

    Steps that lower the ELBO are halved; the search ends where none helps, so the mean ELBO never falls.
    """
    encoder: Any = vae.encoder
    points = jnp.asarray(data, encoder.shift.dtype)
    log_eps = jnp.asarray(log_noise_var, points.dtype)
    value = float(_mean_elbo(vae, points, log_eps))
    for _ in range(iterations):
        features, slope, curvature = (np.asarray(a, float) for a in _local(vae, points, log_eps))
        d = slope.shape[1] // 2
        change = np.concatenate([_solve(features, slope[:, :d], curvature), _solve(features, slope[:, d:], None)])
        step = 1.0
        while step >= _SHORTEST:
            trial = _moved(vae, step * change)
            found = float(_mean_elbo(trial, points, log_eps))
            if found > value:
                break
            step /= 2
        else:
            return vae
        vae, value = trial, found
    return vae


def _solve(features: np.ndarray, slope: np.ndarray, curvature: np.ndarray | None) -> np.ndarray:
    """The change (d, k) of the readout; curvature (n, d, d), None for 2 I."""
    d, k = slope.shape[1], features.shape[1]
    right = slope.T @ features
    if curvature is None:
        gram = 2 * features.T @ features
        gram[np.diag_indices(k)] += _RIDGE * np.trace(gram) / k
        return np.linalg.solve(gram, right.T).T
    gram = np.empty((d, k, d, k))
    for a in range(d):
        for b in range(a + 1):
            gram[a, :, b] = features.T @ (curvature[:, a, b, None] * features)
            gram[b, :, a] = gram[a, :, b].T
    flat = gram.reshape(d * k, d * k)
    flat[np.diag_indices(d * k)] += _RIDGE * np.trace(flat) / (d * k)
    return np.linalg.solve(flat, right.reshape(-1)).reshape(d, k)


def _moved(vae: VAE, change: np.ndarray) -> VAE:
    encoder: Any = vae.encoder
    net: MLP = encoder.net
    weight = net.weights[-1] + jnp.asarray(change[:, :-1], net.weights[-1].dtype)
    bias = net.biases[-1] + jnp.asarray(change[:, -1], net.biases[-1].dtype)
    return eqx.tree_at(lambda v: (v.encoder.net.weights[-1], v.encoder.net.biases[-1]), vae, (weight, bias))


@eqx.filter_jit
def _mean_elbo(vae: VAE, points: Array, log_eps: Array) -> Array:
    def at(x: Array) -> Array:
        mean, log_std = vae.encoder(x, log_eps)
        return _elbo_of(vae, x, mean, log_std, log_eps)

    return jnp.mean(jax.lax.map(at, points, batch_size=500))


def _elbo_of(vae: VAE, x: Array, mean: Array, log_std: Array, log_eps: Array) -> Array:
    """The ELBO at x as a function of the encoder's output."""
    xi, weights = (jnp.asarray(part, x.dtype) for part in nodes(mean.shape[0]))
    fixed = eqx.tree_at(lambda v: v.encoder, vae, lambda _x, _e: (mean, log_std))
    return elbo_terms(fixed, x, log_eps, xi, weights).elbo


@eqx.filter_jit
def _local(vae: VAE, points: Array, log_eps: Array) -> tuple[Array, Array, Array]:
    """Features with a constant 1, the ELBO's gradient in (mean, log_std), and the curvature in the mean."""

    encoder: Any = vae.encoder

    def at(x: Array) -> tuple[Array, Array, Array]:
        mean, log_std = vae.encoder(x, log_eps)
        slopes = jax.grad(lambda m, s: _elbo_of(vae, x, m, s, log_eps), argnums=(0, 1))(mean, log_std)
        jacobian = jax.jacfwd(vae.decode)(mean)
        curvature = jacobian.T @ jacobian / jnp.exp(log_eps) + jnp.eye(len(mean), dtype=x.dtype)
        features = encoder.features(x)
        return jnp.append(features, jnp.ones((), x.dtype)), jnp.concatenate(slopes), curvature

    return jax.lax.map(at, points, batch_size=500)
