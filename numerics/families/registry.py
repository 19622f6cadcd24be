"""The registry of decoder families: one line a family, and every law of the tests runs on every line.

Moderate by construction: at the points that `Family.point` draws, within [-1.1, 1.1]^d, the Jacobian's
singular values lie within about [0.3, 3] and second derivatives are of size 0.1 to 2 (6 in the cubic fold),
so that asymptotics in eps begin by about 1e-2.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .automorphisms import draw_rotation, draw_swirl, draw_swirled_mlp
from .darmois import draw_darmois
from .decoder import Decoder
from .folds import draw_cubic_fold, draw_squared, point_beside_zero, point_between_folds
from .kinked import draw_kinked
from .linear import draw_linear, draw_random_directions
from .mlp import draw_mlp, draw_orthogonal_mlp, draw_triangular_mlp
from .moebius import draw_moebius, draw_moebius_linear
from .plane import draw_conformal, draw_polar
from .shear import draw_shear
from .surfaces import draw_surface


def point_in_cube(rng: np.random.Generator, latent_dim: int) -> np.ndarray:
    """A latent point, uniform in [-1, 1]^d."""
    return rng.uniform(-1.0, 1.0, size=latent_dim)


@dataclass(frozen=True)
class Family:
    """A family of decoders and what is true of each of its members.

    name: the key in `FAMILIES`. latent_dims: dimensions in which the tests draw it (others may work too).
    draw(rng, latent_dim): a random member, NumPy only; same tree structure and shapes for the same
    latent_dim. injective: f is injective on R^d; else `inverse` finds one preimage. smooth: f has derivatives
    of every order near its points. square: D = d. orthogonal: the columns of J are orthogonal, so the
    contrast is 0. conformal: of equal length, too. triangular: J is lower triangular. measure_preserving: f
    maps N(0, I) to N(0, I). point(rng, latent_dim): a latent point (d,) at which members are moderate, and
    smooth if the family is.
    """

    name: str
    latent_dims: tuple[int, ...]
    draw: Callable[[np.random.Generator, int], Decoder]
    injective: bool = True
    smooth: bool = True
    square: bool = True
    orthogonal: bool = False
    conformal: bool = False
    triangular: bool = False
    measure_preserving: bool = False
    point: Callable[[np.random.Generator, int], np.ndarray] = point_in_cube


_ALL = (
    Family("linear", (1, 2, 3, 5), draw_linear),
    Family("moebius", (1, 2, 3, 5), draw_moebius, orthogonal=True, conformal=True),
    Family("mlp", (1, 2, 3, 5), draw_mlp),
    Family("shear", (1, 2, 3, 5), draw_shear),
    Family("moebius_linear", (1, 2, 3, 5), draw_moebius_linear),
    Family("orthogonal_mlp", (2, 3), draw_orthogonal_mlp),
    Family("triangular_mlp", (2, 3), draw_triangular_mlp, triangular=True),
    Family("conformal", (2,), draw_conformal, injective=False, orthogonal=True, conformal=True),
    Family("polar", (2,), draw_polar, injective=False, orthogonal=True),
    Family("rotation", (2, 3), draw_rotation, orthogonal=True, conformal=True, measure_preserving=True),
    Family("swirl", (2, 3), draw_swirl, measure_preserving=True),
    Family("swirled_mlp", (2, 3), draw_swirled_mlp),
    Family("darmois", (2,), draw_darmois, triangular=True),
    Family("squared", (1, 2, 3), draw_squared, injective=False, point=point_beside_zero),
    Family("cubic_fold", (1, 2, 3), draw_cubic_fold, injective=False, point=point_between_folds),
    Family("kinked", (1, 2, 3), draw_kinked, smooth=False),
    Family("random_directions", (2, 5), draw_random_directions, square=False),
    Family("surface", (1, 2, 3), draw_surface, square=False),
)

FAMILIES: dict[str, Family] = {family.name: family for family in _ALL}
CORE: tuple[str, ...] = ("linear", "moebius", "mlp", "shear")
