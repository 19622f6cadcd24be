"""A VAE in Keras 3 on JAX, trained for seconds on random curves: a model that computes in float32.

    elbogap audit examples/decoders/keras_jax.py:vae.decoder --latent-dim 2 --noise-var 1e-2

Keras takes its back end from KERAS_BACKEND, before its first import. A Keras model is called as it is: dropout and
batch norm are off unless `training=True`. The audit computes in float64 around it and states what float32 costs.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
from keras import layers, ops

NOISE_VAR = 1e-2


class VAE(keras.Model):
    """Ten numbers, two latents; the loss is the negative ELBO with noise variance NOISE_VAR."""

    def __init__(self):
        super().__init__()
        self.encoder = keras.Sequential([layers.Dense(32, "tanh"), layers.Dense(4)])
        self.decoder = keras.Sequential(
            [keras.Input((2,)), layers.Dense(32, "tanh"), layers.Dropout(0.1), layers.Dense(10)]
        )
        self.noise = keras.random.SeedGenerator(0)

    def call(self, x):
        """Reconstruction of x by a draw from its encoder."""
        mean, log_variance = ops.split(self.encoder(x), 2, axis=-1)
        self.add_loss(0.5 * ops.mean(ops.sum(mean**2 + ops.exp(log_variance) - 1 - log_variance, axis=-1)))
        draw = mean + ops.exp(0.5 * log_variance) * keras.random.normal(ops.shape(mean), seed=self.noise)
        return self.decoder(draw)


keras.utils.set_random_seed(0)
z, grid = np.random.default_rng(0).standard_normal((1024, 2)), np.linspace(0, 3, 10)
curves = np.sin(grid + z[:, :1]) + 0.3 * z[:, 1:] * grid + 0.1 * np.random.default_rng(1).standard_normal((1024, 10))
vae = VAE()
vae.compile("adam", lambda x, f: ops.sum((x - f) ** 2, axis=-1) / (2 * NOISE_VAR))
vae.fit(curves, curves, epochs=20, batch_size=128, verbose=0)
