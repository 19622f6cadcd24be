"""Sprites: the renderer's Jacobian and contrast by several routes, and the networks for images."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.numerics import contrast_of_jacobian, ima_contrast
from elbogap.training.sprites.data import draw_factors, images
from elbogap.training.sprites.networks import Components, PatchDecoder, PatchEncoder, patch_order, row_order
from elbogap.training.sprites.renderer import PALETTES, SHAPES, SIZE, background_of, colour, decoder, render

KNOWN = [("disk", palette) for palette in PALETTES] + [("square", "cosine"), ("ellipse", "cosine")]
POINTS = np.random.default_rng(0).uniform(size=(16, 4))
DIFFERENCE = 1e-4  # step of the central differences: truncation 1e-8 times the third derivative, about 1e3
FINITE = 2e-4  # relative to the largest entry of the Jacobian
GRID = 2e-3  # largest mean contrast that the pixel grid may leave in the IMA palette (measured: 1e-4 for the ellipse)
ROUND_OFF = 1e-9


@pytest.fixture(scope="module")
def jacobians() -> dict[tuple[str, str], np.ndarray]:
    """The Jacobians at POINTS by automatic differentiation."""
    return {
        (shape, palette): np.asarray(jax.jit(jax.vmap(jax.jacfwd(decoder(shape=shape, palette=palette))))(POINTS))
        for shape, palette in KNOWN
    }


@pytest.mark.parametrize(("shape", "palette"), KNOWN)
def test_the_jacobian_is_that_of_finite_differences(shape: str, palette: str, jacobians: dict) -> None:
    """The renderer is differentiable: its Jacobian is the limit of difference quotients (away from kinks)."""
    function = jax.jit(jax.vmap(decoder(shape=shape, palette=palette)))
    for factor, direction in enumerate(np.eye(4)):
        ahead, behind = (np.asarray(function(POINTS + step * direction)) for step in (DIFFERENCE, -DIFFERENCE))
        column = jacobians[shape, palette][:, :, factor]
        quotient = (ahead - behind) / (2 * DIFFERENCE)
        assert np.abs(quotient - column).max() < FINITE * np.abs(column).max()


def test_one_palette_is_in_the_ima_class_and_two_are_not(jacobians: dict) -> None:
    """The contrast vanishes up to the pixel grid for the cosine palette; for hsv it is about .05, for heat about .3."""
    contrast = {case: float(np.mean(contrast_of_jacobian(jacobian))) for case, jacobian in jacobians.items()}
    assert all(contrast[shape, "cosine"] < GRID for shape in SHAPES)
    assert 0.03 < contrast["disk", "hsv"] < 0.09
    assert 0.2 < contrast["disk", "heat"] < 0.5


@pytest.mark.parametrize("palette", PALETTES)
def test_the_contrast_follows_from_colour_and_coverage(palette: str, jacobians: dict) -> None:
    """c = -1/2 log(1 - r^2), r = cos(b, b') cos(a, d_s a), b the colour less the background, a the coverage."""
    hues = jnp.asarray(POINTS[:, 3])
    at = jax.jit(jax.vmap(lambda hue: (colour(hue, palette), jax.jacfwd(lambda hue: colour(hue, palette))(hue))))
    b, b_hue = map(np.asarray, at(hues))
    b = b - background_of(palette)
    # The red channel of the cosine palette at hue 0 is 1 on grey 1/2: coverage is read off an image.
    at_red = POINTS * np.array([1, 1, 1, 0.0])
    red = jax.jit(jax.vmap(lambda u: 2 * render(u)[0::3] - 1))
    a = np.asarray(red(at_red))
    a_scale = (np.asarray(red(at_red + DIFFERENCE * np.eye(4)[2])) - a) / DIFFERENCE

    def cosine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
        return np.sum(first * second, axis=1) / lengths

    r = cosine(b, b_hue) * cosine(a, a_scale)
    expected = -0.5 * np.log1p(-(r**2))
    found = np.asarray(contrast_of_jacobian(jacobians["disk", palette]))
    assert np.allclose(found, expected, rtol=5e-3, atol=1e-5)  # rtol: forward difference; atol: the pixel grid


def test_ima_contrast_takes_the_renderer() -> None:
    """`ima_contrast` of the renderer as a decoder is the contrast of its Jacobian."""
    function = decoder(palette="hsv")
    points = jnp.asarray(POINTS[:2])
    expected = contrast_of_jacobian(jax.jit(jax.vmap(jax.jacfwd(function)))(points))
    assert np.allclose(ima_contrast(function, points), expected, rtol=ROUND_OFF)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("palette", PALETTES)
def test_images_stay_in_range_and_in_the_frame(shape: str, palette: str) -> None:
    """Values lie in [0, 1], also at the corners of the box, and the border of the image shows the background."""
    corners = np.stack(np.meshgrid(*[[0.0, 1.0]] * 4), axis=-1).reshape(-1, 4).astype(np.float32)
    found = images(corners, shape, palette)
    assert found.min() >= 0 and found.max() <= 1
    corner_pixels = found.reshape(-1, SIZE, SIZE, 3)[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert np.abs(corner_pixels - background_of(palette)).max() < 0.02  # the tail of the soft edge


def test_unknown_shapes_and_palettes_are_refused() -> None:
    """Another shape or palette is a ValueError that names the known ones."""
    with pytest.raises(ValueError, match=r"disk\|square\|ellipse.*'star'"):
        render(jnp.zeros(4), shape="star")
    with pytest.raises(ValueError, match=r"cosine\|hsv\|heat.*'grey'"):
        render(jnp.zeros(4), palette="grey")


def test_patch_order_is_a_permutation_with_patches_as_rows() -> None:
    """A 4x4 patch of the image is 48 numbers side by side, and `row_order` undoes it."""
    image = np.arange(SIZE * SIZE * 3, dtype=np.float32)[None]
    patches = patch_order(image)
    assert np.array_equal(row_order(patches), image)
    second = image.reshape(SIZE, SIZE, 3)[:4, 4:8].reshape(-1)
    assert np.array_equal(patches[0, 48:96], second)


def test_patch_networks_fit_together_and_see_every_pixel() -> None:
    """The encoder takes what the decoder gives, in single precision, and every pixel moves an output."""
    rng = np.random.default_rng(1)
    encode, decode = PatchEncoder(8, rng, channels=4, hidden=8), PatchDecoder(4, rng, channels=4, hidden=8)
    encode, decode = eqx.filter_jit(encode), eqx.filter_jit(decode)
    image = decode(jnp.full(4, 0.3, jnp.float32))
    assert image.shape == (3072,) and image.dtype == jnp.float32
    assert encode(image).shape == (8,)
    assert (np.abs(np.asarray(jax.jit(jax.jacrev(lambda x: encode(x)))(image))).max(axis=0) > 0).all()


def test_training_on_components_is_training_on_images() -> None:
    """|x - f|^2 - |V'(x - m) - g|^2 does not depend on g, f = m + V g; the contrast of g is that of f."""
    rng = np.random.default_rng(2)
    data = images(draw_factors(rng, 60), "disk", "cosine").astype(float)
    basis = Components.of(data, 12)
    assert np.allclose(basis.basis.T @ basis.basis, np.eye(12), atol=ROUND_OFF)
    codes = rng.standard_normal((2, 60, 12))
    differences = [
        np.sum((data - basis.images(g)) ** 2, axis=1) - np.sum((basis.codes(data) - g) ** 2, axis=1) for g in codes
    ]
    assert np.allclose(differences[0], differences[1], atol=ROUND_OFF * np.sum(data**2))
    assert np.isclose(differences[0].sum() / np.sum((data - basis.mean) ** 2), basis.share_lost(data))
    jacobian = rng.standard_normal((12, 4))
    assert np.isclose(contrast_of_jacobian(jacobian), contrast_of_jacobian(basis.basis @ jacobian), rtol=1e-6)


@pytest.mark.parametrize("count", [0, 31])
def test_as_many_components_as_there_can_be(count: int) -> None:
    """More components than images, or none, is a ValueError."""
    with pytest.raises(ValueError, match=f"expected 1 to 30, got {count}"):
        Components.of(np.ones((30, 40)), count)
