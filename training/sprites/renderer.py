"""Sprites: 32x32 RGB images of one anti-aliased shape, a smooth function of four factors with a known Jacobian.

Notation: u = (x, y, scale, hue) in [0, 1]^4, the sources, uniform and independent; D = 32 * 32 * 3 pixels. The image is

    f(u) = background + a(u) (colour(hue) - background),    a in (0, 1) the coverage of each pixel,

a product of an opacity that knows only x, y and scale, and a colour that knows only the hue. Pixels have centres in
[-1, 1]^2; the edge is a logistic function of the signed distance, EDGE wide, which is what anti-aliases and what
makes f smooth.

Inside the IMA class or not. Write b = colour - background. The columns of J are b (x) d_x a, b (x) d_y a, b (x) d_s a
and b' (x) a. For a shape symmetric about both axes <d_x a, d_y a> = <d_x a, d_s a> = <d_x a, a> = 0 up to the pixel
grid, and what is left is <b, b'> <d_s a, a>: zero for every scale exactly when |b| does not depend on the hue. The
`cosine` palette has constant |b| (a circle about the grey axis); `hsv`, the edge of the colour cube, has not; `heat`
goes from dark to bright and is far outside. The arc of hues is open: a closed one would be no image of a box.

Source: the sprites of Reizinger et al. (arXiv 2206.02416, section 4 and appendix), with our own renderer.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from ...errors import RequestError

FACTORS = ("x", "y", "scale", "hue")
SIZE = 32
SHAPES = ("disk", "square", "ellipse")
PALETTES = ("cosine", "hsv", "heat")

REACH = 0.4  # the centre stays in [-REACH, REACH]^2
RADII = (0.25, 0.5)  # of the disk of the same area, in half image widths; the shape never leaves the image
EDGE = 0.06  # width of the logistic edge: 1 pixel, below which the pixel grid shows in the contrast
ELONGATION = 1.3  # the ellipse's axes are radius times and over this
ARC = 1 / 2  # of the circle of hues: from red over green to cyan
GREY = 0.5

_CENTRES = (np.arange(SIZE) + 0.5) / SIZE * 2.0 - 1.0


def render(u: Float[Array, "4"], *, shape: str = "disk", palette: str = "cosine") -> Float[Array, "3072"]:
    """f(u), the image of factors u = (x, y, scale, hue) in [0, 1]^4, flattened from (32, 32, 3); values in [0, 1].

    Smooth in u for the palettes `cosine` and `heat`, continuous and piecewise smooth for `hsv`. RequestError for
    another shape or palette.
    """
    if shape not in SHAPES or palette not in PALETTES:
        raise RequestError(
            f"expected shape {'|'.join(SHAPES)}, palette {'|'.join(PALETTES)}, got {shape!r}, {palette!r}"
        )
    centres = jnp.asarray(_CENTRES, u.dtype)
    radius = RADII[0] + u[2] * (RADII[1] - RADII[0])
    across = (centres - (2.0 * u[0] - 1.0) * REACH)[None, :]
    down = (centres - (2.0 * u[1] - 1.0) * REACH)[:, None]
    opacity = coverage(across, down, radius, shape)
    background = background_of(palette)
    image = background + opacity[:, :, None] * (colour(u[3], palette) - background)[None, None, :]
    return image.reshape(-1)


def coverage(
    across: Float[Array, "#n #m"], down: Float[Array, "#n #m"], radius: Float[Array, ""], shape: str
) -> Float[Array, "n m"]:
    """How much of each pixel the shape covers, in (0, 1); `across`, `down`: the pixel's offset from the centre.

    Even in both offsets, which is what makes position orthogonal to everything else.
    """
    if shape == "square":
        half = radius * jnp.sqrt(jnp.pi) / 2.0  # the square of the disk's area
        return _interval(across, half) * _interval(down, half)
    # (r^2 - q) / |grad q|, q the squared level function: the signed distance, to first order at the edge; the centre,
    # where a distance has a kink, is covered.
    stretch = ELONGATION if shape == "ellipse" else 1.0
    level = (across / stretch) ** 2 + (down * stretch) ** 2
    slope = 2.0 * jnp.sqrt((across / stretch**2) ** 2 + (down * stretch**2) ** 2 + EDGE**2)
    return jax.nn.sigmoid((radius**2 - level) / (slope * EDGE))


def _interval(offset: Array, half: Array) -> Array:
    """The soft indicator of |offset| < half, smooth at 0."""
    return jax.nn.sigmoid((half - offset) / EDGE) * jax.nn.sigmoid((half + offset) / EDGE)


def colour(hue: Float[Array, ""], palette: str) -> Float[Array, "3"]:
    """The RGB colour of a hue in [0, 1], which runs over ARC of the circle (`heat`: from dark to bright)."""
    thirds = jnp.arange(3, dtype=hue.dtype) / 3.0
    if palette == "cosine":
        return GREY + 0.5 * jnp.cos(2.0 * jnp.pi * (ARC * hue - thirds))
    if palette == "hsv":  # saturation and value 1: the piecewise linear edge of the colour cube
        from_channel = jnp.abs((ARC * hue - thirds + 0.5) % 1.0 - 0.5)
        return jnp.clip(2.0 - 6.0 * from_channel, 0.0, 1.0)
    return jnp.array([0.3, 0.2, 0.15], hue.dtype) + hue * jnp.array([0.7, 0.6, 0.3], hue.dtype)


def background_of(palette: str) -> float:
    """Grey for `cosine`, whose colours are a circle about it; black for the others."""
    return GREY if palette == "cosine" else 0.0


def sources(key: Key[Array, ""], count: int) -> Float[Array, "n 4"]:
    """`count` independent draws of the factors, uniform on [0, 1]^4."""
    return jax.random.uniform(key, (count, len(FACTORS)))


def decoder(*, shape: str = "disk", palette: str = "cosine") -> Callable[[Array], Array]:
    """u -> f(u) with shape and palette fixed: a decoder as every function of this library takes it."""
    return partial(render, shape=shape, palette=palette)
