"""The readout's Gauss-Newton on a linear decoder, where the best encoder is known."""

import jax.numpy as jnp
import numpy as np
from elbogap.numerics.families.linear import Linear
from elbogap.training.evaluate import evaluate
from elbogap.training.loop import stack
from elbogap.training.models import VAE, mlp_vae
from elbogap.training.readout import fit_readout

EPS = 0.01
FEATURES_SPAN = 0.05  # a constant variance lies in the span of the features, up to the ridge and float32


def test_readout_finds_the_variance_of_a_linear_decoder() -> None:
    """From random features the ELBO rises, and the variances become 1 / (1 + |W_k|^2 / eps), exact when linear."""
    rng = np.random.default_rng(0)
    matrix = np.array([[1.0, 0.4], [-0.3, 0.8]])
    data = (rng.standard_normal((600, 2)) @ matrix.T).astype(np.float32)
    vae = mlp_vae(data, 2, rng, prior="normal", hidden=(24,), decoder=Linear(matrix, np.zeros(2)))

    def measured(model: VAE) -> tuple[float, np.ndarray]:
        found = evaluate(stack([model]), data[None], [0], jnp.asarray([np.log(EPS)]), jacobians=1)
        return float(found.elbo[0]), found.std[0] ** 2

    fitted = fit_readout(vae, data, float(np.log(EPS)), iterations=25)
    (before, _), (after, variance) = measured(vae), measured(fitted)
    assert after > before + 1
    formula = 1 / (1 + np.sum(matrix**2, axis=0) / EPS)
    assert np.abs(np.median(variance / formula, axis=0) - 1).max() < FEATURES_SPAN
