"""The registry of decoder families: one line a family, and every law of the tests runs on every line.

Moderate by construction: at points of the unit cube [-1, 1]^d the Jacobian's singular values lie within about
[0.4, 2.5] and second derivatives are of size 0.1 to 1, so that asymptotics in eps begin by about 1e-2.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .decoder import Decoder
from .linear import draw_linear
from .mlp import draw_mlp, draw_orthogonal_mlp, draw_triangular_mlp
from .moebius import draw_moebius, draw_moebius_linear
from .shear import draw_shear


@dataclass(frozen=True)
class Family:
    """A family of decoders and what is true of each of its members.

    name: the key in `FAMILIES`. latent_dims: dimensions in which the tests draw it (others may work too).
    draw(rng, latent_dim): a random member, NumPy only; same tree structure and shapes for the same
    latent_dim. injective: f is injective on R^d. smooth: f is infinitely differentiable near [-1, 1]^d.
    square: D = d. conformal: J'J is a multiple of the identity, so the contrast is 0. triangular: J is lower
    triangular.
    """

    name: str
    latent_dims: tuple[int, ...]
    draw: Callable[[np.random.Generator, int], Decoder]
    injective: bool = True
    smooth: bool = True
    square: bool = True
    conformal: bool = False
    triangular: bool = False

    def point(self, rng: np.random.Generator, latent_dim: int) -> np.ndarray:
        """A latent point (d,) of the cube in which members are moderate, uniform."""
        return rng.uniform(-1.0, 1.0, size=latent_dim)


_ALL = (
    Family("linear", (1, 2, 3, 5), draw_linear),
    Family("moebius", (1, 2, 3, 5), draw_moebius, conformal=True),
    Family("mlp", (1, 2, 3, 5), draw_mlp),
    Family("shear", (1, 2, 3, 5), draw_shear),
    Family("moebius_linear", (1, 2, 3, 5), draw_moebius_linear),
    Family("orthogonal_mlp", (1, 2, 3, 5), draw_orthogonal_mlp),
    Family("triangular_mlp", (2, 3, 5), draw_triangular_mlp, triangular=True),
)

FAMILIES: dict[str, Family] = {family.name: family for family in _ALL}
CORE: tuple[str, ...] = ("linear", "moebius", "mlp", "shear")
