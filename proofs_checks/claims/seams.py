"""seams: orthogonal columns whose lengths depend on their own latent alone; the limit of the gap does not see them.

Decoders K(h(z)), h_k = z_k + r_k sin z_k, d = D = 2: K a rotation (C1 and C2 hold), or an inversion in a distant
sphere (C1 alone, contrast zero). Derivatives of lengths and densities are taken by complex steps; the gap is log p on
a grid less the ELBO at its stationary point, without asymptotics.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float

from ...numerics.families.draws import orthogonal
from ...theory.claims.seams import MIXED, OWN, SLOPE
from ..along import ladder
from ..bent import encoder, posterior
from ..cases import instances
from ..claim import Claim
from ..complex_step import TINY, jacobian
from ..statements import Bounded, Converges, Equal

FALLING = ladder("eps", 5e-3, 5e-5)
STEP = 1e-4
ROUND_OFF = 5e-14
"""Sums of 3721 terms of size log p, below ten."""

DIFFERENCE = 1e-6
"""A central difference with a step of 1e-4 of functions known to round-off."""


@dataclass(frozen=True, eq=False)
class Layered:
    """f(z) = K(h(z)) about g; K(y) = Q y, or radius^2 y/|y|^2 with y measured from a centre."""

    r: Float[np.ndarray, " d"]
    g: Float[np.ndarray, " d"]
    Q: Float[np.ndarray, "d d"]
    centre: Float[np.ndarray, " d"] | None = None
    nodes: int = 12

    def decode(self, z: np.ndarray) -> np.ndarray:
        """f at points (q, d), complex ones too."""
        y = z + self.r * np.sin(z)
        if self.centre is None:
            return y @ self.Q.T
        y = y - self.centre
        return (self.centre @ self.centre) * y / np.sum(y * y, axis=1, keepdims=True)

    def lengths(self, z: np.ndarray) -> np.ndarray:
        """a_k at a point, complex ones too."""
        slope = (1 + self.r * np.cos(z)) ** 2
        if self.centre is None:
            return slope
        y = z + self.r * np.sin(z) - self.centre
        return slope * (self.centre @ self.centre) ** 2 / np.sum(y * y) ** 2

    @property
    def metric(self) -> Float[np.ndarray, "d d"]:
        """A at g, from the decoder's Jacobian by complex steps."""
        J = self.jacobian(self.g)
        return J.T @ J

    def jacobian(self, z: np.ndarray) -> np.ndarray:
        """J at a point by complex steps."""
        return self.decode(z + 1j * TINY * np.eye(len(z))).imag.T / TINY

    def residual(self, u: Float[np.ndarray, "q d"]) -> Float[np.ndarray, "q D"]:
        """f(g + u) - x."""
        return self.decode(self.g + u) - self.decode(self.g[None])

    def pull(self, u: Float[np.ndarray, "q d"]) -> Float[np.ndarray, "q d"]:
        """J'(f - x): K' is Q or radius^2 (I - 2 yy'/|y|^2)/|y|^2, symmetric."""
        z, out = self.g + u, self.residual(u)
        if self.centre is None:
            out = out @ self.Q
        else:
            y = z + self.r * np.sin(z) - self.centre
            square = np.sum(y * y, axis=1, keepdims=True)
            out = (self.centre @ self.centre) * (out - 2 * y * np.sum(y * out, axis=1, keepdims=True) / square) / square
        return out * (1 + self.r * np.cos(z))


@cache
def _pair(seed: int) -> tuple[Layered, Layered]:
    """A decoder with seams and one without, of the same h and point."""
    rng = np.random.default_rng(seed)
    r = rng.uniform(0.2, 0.6, 2) * rng.choice([-1, 1], 2)
    g, Q = rng.uniform(-1, 1, 2), orthogonal(rng, 2)
    return Layered(r, g, Q), Layered(r, g, Q, 3.5 + rng.uniform(0, 1, 2))


@instances(4)
def decoders(rng):
    """A pair of decoders by their seed, with the two sums of the slope of each gap."""
    seed = int(rng.integers(2**31))
    row: dict[str, float | int] = {"seed": seed}
    for name, model in zip(("seam", "bare"), _pair(seed), strict=True):
        a, slopes = model.lengths(model.g), _slopes(model)
        off = slopes - np.diag(slopes.diagonal())
        row[f"own_{name}"] = float(np.sum(slopes.diagonal() ** 2 / a**3))
        row[f"mixed_{name}"] = float(np.sum(off**2 / np.outer(a**2, a)))
    return row


def _slopes(model: Layered) -> np.ndarray:
    """d_j a_k, rows k."""
    return jacobian(model.lengths, model.g)


def gap_with_seams(eps, seed, **_):
    """log p - ELBO* under C1 and C2."""
    model = _pair(seed)[0]
    return posterior(model, eps).log_likelihood - encoder(model, eps).elbo, ROUND_OFF


def gap_without(eps, seed, **_):
    """log p - ELBO* under C1 alone."""
    model = _pair(seed)[1]
    return posterior(model, eps).log_likelihood - encoder(model, eps).elbo, ROUND_OFF


def _mixed_density(model: Layered) -> float:
    """d_1 d_2 of log p0 - 1/2 log det A at g: zero if the density is a sum over single latents."""

    def slope(z: np.ndarray) -> float:
        z = z + 1j * TINY * np.array([1.0, 0.0])
        return float((-0.5 * np.sum(z * z) - 0.5 * np.sum(np.log(model.lengths(z)))).imag / TINY)

    shift = STEP * np.array([0.0, 1.0])
    return (slope(model.g + shift) - slope(model.g - shift)) / (2 * STEP)


def mixed_density_with_seams(seed, **_):
    """d_1 d_2 log density under C1 and C2."""
    return _mixed_density(_pair(seed)[0])


def mixed_density_without(seed, **_):
    """The same under C1 alone, absolute."""
    return abs(_mixed_density(_pair(seed)[1]))


def _turning(model: Layered) -> float:
    """How far J diag(a)^(-1/2), the Jacobian of f o h^-1, at g is from that at another point."""
    frames = [model.jacobian(z) / np.sqrt(model.lengths(z)) for z in (model.g, -0.5 * model.g + 0.3)]
    return float(np.max(np.abs(frames[0] - frames[1])))


def turning_with_seams(seed, **_):
    """Zero: f o h^-1 is affine."""
    return _turning(_pair(seed)[0])


def orthogonality(seed, **_):
    """The contrast at g of the decoder without seams."""
    A = _pair(seed)[1].metric
    return float(0.5 * np.log(A[0, 0] * A[1, 1] / np.linalg.det(A)))


def _for(kind: str, formula) -> str:
    return str(formula.subs({OWN: f"own_{kind}", MIXED: f"mixed_{kind}"}))


CLAIM = Claim(
    id="seams",
    order=33,
    title="orthogonal columns, local isometries, and what the ELBO sees",
    statement="Orthogonal columns with lengths that depend on their own latent alone make the decoder an isometry of "
    "element-wise maps, and its density a product over latents. A zero contrast does not imply that: the gap tends to "
    "zero without it, and only its slope in the noise tells the two apart.",
    latex=r"\mathrm{gap} = \varepsilon\Bigl[\tfrac3{16}\sum_k\frac{(\partial_ka_k)^2}{a_k^3} + \tfrac1{16}"
    r"\sum_{j\ne k}\frac{(\partial_ja_k)^2}{a_k^2a_j}\Bigr] + O(\varepsilon^2),\quad J^\top J = \operatorname{diag}(a)",
    source="Allen 2024 (arXiv:2410.22559), the two conditions; Horan et al. 2021 (NeurIPS), linear ICA behind a local "
    "isometry; the slope of the gap: new here",
    assumptions=("J'J is diagonal in a neighbourhood", "the assumptions of elbo-limit"),
    derivation="seams",
    over=decoders,
    law=(
        Equal(orthogonality, 0.0, tolerance=1e-14, name="C1 without C2"),
        Equal(turning_with_seams, 0.0, tolerance=1e-13, name="f o h^-1 is affine"),
        Equal(mixed_density_with_seams, 0.0, tolerance=DIFFERENCE, name="the density factorises"),
        Bounded(mixed_density_without, below=100 * DIFFERENCE, name="without C2 it does not"),
        Converges(gap_with_seams, along=FALLING, order=1, constant=_for("seam", SLOPE), name="gap with seams"),
        Converges(gap_without, along=FALLING, order=1, constant=_for("bare", SLOPE), name="gap without"),
    ),
)
CLAIM.control(
    "a zero contrast makes seams: the density factorises", law=Equal(mixed_density_without, 0.0, tolerance=DIFFERENCE)
)
CLAIM.control(
    "a zero contrast makes f o h^-1 affine", law=Equal(lambda seed, **_: _turning(_pair(seed)[1]), 0.0, tolerance=1e-13)
)
CLAIM.control("diagonal posteriors lock the axes: a gap of .001 remains without C2", of="gap without", limit=1e-3)
CLAIM.control("the slope does not see C2", of="gap without", constant=_for("bare", SLOPE.subs(MIXED, 0)))
CLAIM.control("under C2 the gap has no slope", of="gap with seams", constant=0.0)
CLAIM.mutants(of="gap without")
