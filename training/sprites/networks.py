"""Encoders and decoders for images of 32x32 RGB pixels, made of matrix products: patches, or principal components.

Notation: an image x (D,), D = 32 * 32 * 3, of which n are the rows of a data set; d latents, h hidden units.

*Patches.* The image is 64 patches of 4x4 pixels, 48 numbers each; c channels a patch. One matrix serves all patches:

    encoder: patches (64, 48) -> silu(P E + position) (64, c) -> h -> h -> (m,)
    decoder: z (d,) -> h -> h -> silu (64, c) -> C E' + bias (64, 48)

This is a convolution with stride 4 as one matrix product: `lax.conv` inside a `lax.scan` runs about 100 times slower
on a CPU. Both work on images in *patch order* (`patch_order`), where a patch is a row, so that nothing is transposed
in training.

*Principal components.* Let V (D, k) be orthonormal and m the mean image. For the decoder f(z) = m + V g(z)

    |x - f(z)|^2 = |V'(x - m) - g(z)|^2 + |x - m - V V'(x - m)|^2,     J_f = V J_g,

so training g on the k coefficients *is* training f on the images, up to a constant that does not depend on f, and the
contrast of g is that of f. What is lost is the second term alone, of which `Components.share_lost` gives the size;
what is won is a step that costs k / D as much. All networks use SiLU: the theory needs a decoder with derivatives.

Source: patch embedding as in Dosovitskiy et al. (ICLR 2021), without attention; the rest is ours.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.linalg import eigh

from ...errors import RequestError
from ..models import DTYPE, MLP, VAE, GaussianEncoder, LogitBeta, ScaledDecoder, as_dtype
from .renderer import SIZE

PATCH = 4
PATCHES = (SIZE // PATCH) ** 2
PIXELS = 3 * PATCH**2  # numbers a patch
_SIDE = SIZE // PATCH
_TO_PATCHES = np.arange(PATCHES * PIXELS).reshape(_SIDE, PATCH, _SIDE, PATCH, 3).transpose(0, 2, 1, 3, 4).reshape(-1)
_TO_ROWS = np.argsort(_TO_PATCHES)


def patch_order(images: Float[np.ndarray, "n 3072"]) -> Float[np.ndarray, "n 3072"]:
    """Images, flattened from (32, 32, 3), with the 48 numbers of a patch side by side."""
    return images[:, _TO_PATCHES]


def row_order(images: Float[np.ndarray, "n 3072"]) -> Float[np.ndarray, "n 3072"]:
    """The inverse of `patch_order`."""
    return images[:, _TO_ROWS]


class PatchEncoder(eqx.Module):
    """An image in patch order (3072,) -> (m,)."""

    embed: Float[Array, "... 48 c"]
    position: Float[Array, "... 64 c"]
    head: MLP

    def __init__(self, outputs: int, rng: np.random.Generator, *, channels: int = 16, hidden: int = 128) -> None:
        self.embed = jnp.asarray(rng.standard_normal((PIXELS, channels)) / np.sqrt(PIXELS), DTYPE)
        self.position = jnp.zeros((PATCHES, channels), DTYPE)
        self.head = MLP((PATCHES * channels, hidden, hidden, outputs), rng)

    def __call__(self, image: Float[Array, "3072"]) -> Float[Array, "m"]:
        """The outputs for one image."""
        channels = jax.nn.silu(image.reshape(PATCHES, PIXELS) @ self.embed + self.position)
        return self.head(channels.reshape(-1))


class PatchDecoder(eqx.Module):
    """z (d,) -> an image in patch order (3072,)."""

    head: MLP
    expand: Float[Array, "... c 48"]
    bias: Float[Array, "... 64 48"]

    def __init__(self, latent_dim: int, rng: np.random.Generator, *, channels: int = 16, hidden: int = 128) -> None:
        self.head = MLP((latent_dim, hidden, hidden, PATCHES * channels), rng)
        self.expand = jnp.asarray(rng.standard_normal((channels, PIXELS)) / np.sqrt(channels), DTYPE)
        self.bias = jnp.zeros((PATCHES, PIXELS), DTYPE)

    def __call__(self, z: Float[Array, "d"]) -> Float[Array, "3072"]:
        """The image at one point of latent space."""
        channels = jax.nn.silu(self.head(z)).reshape(PATCHES, -1)
        return (channels @ self.expand + self.bias).reshape(-1)


class Components(eqx.Module):
    """The mean image m (D,) and the first k principal components V (D, k), orthonormal, of images."""

    mean: Float[np.ndarray, "D"]
    basis: Float[np.ndarray, "D k"]

    @staticmethod
    def of(images: Float[np.ndarray, "n D"], count: int) -> Components:
        """Of the rows of `images`; RequestError unless 1 <= count <= min(n, D)."""
        if not 1 <= count <= min(images.shape):
            raise RequestError(f"count: expected 1 to {min(images.shape)}, got {count}")
        mean = images.mean(axis=0)
        centred = images - mean
        wide = images.shape[0] <= images.shape[1]
        gram = np.asarray(centred @ centred.T if wide else centred.T @ centred, np.float64) / len(images)
        _, vectors = eigh(gram, subset_by_index=(len(gram) - count, len(gram) - 1))
        basis = centred.T @ vectors.astype(images.dtype) if wide else vectors
        return Components(mean, (basis / np.linalg.norm(basis, axis=0))[:, ::-1])

    def codes(self, images: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n k"]:
        """V'(x - m) of each image."""
        return (images - self.mean) @ self.basis

    def images(self, codes: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n D"]:
        """m + V c of each row c."""
        return self.mean + codes @ self.basis.T

    def share_lost(self, images: Float[np.ndarray, "n D"]) -> float:
        """The mean of |x - m - V V'(x - m)|^2 over that of |x - m|^2."""
        lost = np.sum((images - self.images(self.codes(images))) ** 2)
        return float(lost / np.sum((images - self.mean) ** 2))


def patch_vae(
    data: Float[np.ndarray, "n 3072"],
    latent_dim: int,
    rng: np.random.Generator,
    *,
    channels: int = 16,
    hidden: int = 128,
) -> VAE:
    """A VAE of the two patch networks for images in patch order, with a uniform prior on (0, 1)^d.

    The encoder sees, and the decoder gives, images relative to the mean and one scalar scale of `data`.
    """
    shift, scale = data.mean(axis=0), np.sqrt(data.var(axis=0).mean())
    constants = [jnp.asarray(value, DTYPE) for value in (shift, scale, 0.5, np.sqrt(1 / 12))]
    encoder = PatchEncoder(2 * latent_dim, rng, channels=channels, hidden=hidden)
    decoder = PatchDecoder(latent_dim, rng, channels=channels, hidden=hidden)
    return VAE(
        GaussianEncoder(encoder, *constants[:2]),
        ScaledDecoder(decoder, *constants),
        as_dtype(LogitBeta()),
        jnp.zeros((), DTYPE),
        jax.nn.sigmoid,
    )
