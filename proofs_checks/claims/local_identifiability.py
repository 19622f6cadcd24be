"""local-identifiability: deforming a decoder with orthogonal columns by t costs t^2/2 times a sum of squares.

Decoders f = K(h(z)): element-wise h_k = z_k + r_k sin z_k, then an inversion K in a sphere, which is conformal: the
columns are orthogonal, of lengths a_k^(1/2) that vary. Deformations keep N(0, I) and are not linear: in a plane (i, j)
of the latents phi_t turns by the angle t w, where w depends on the radius in that plane and on the other latents. f o
phi_t is differentiated by complex steps, exact to round-off; no formula for its metric enters.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ...theory.claims.local_identifiability import second_variation
from ..along import ladder
from ..cases import instances
from ..claim import Claim
from ..complex_step import jacobian
from ..statements import Bounded, Converges, Equal

SMALL = ladder("t", 3e-2, 3e-4)
ROUND_OFF = 2e-15
ANGLE = 0.3


@cache
def _case(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    d = int(rng.integers(2, 4))
    plane = rng.permutation(d)[:2]
    return {
        "r": rng.uniform(0.2, 0.7, d) * rng.choice([-1, 1], d),
        "centre": 4 + rng.uniform(0, 1, d),
        "z": rng.uniform(-1, 1, d),
        "plane": plane,
        "w": rng.uniform(0.5, 1.5, 2),
    }


@instances(6)
def deformations(rng):
    """A decoder, a point and a field by their seed."""
    return {"seed": int(rng.integers(2**31))}


def _deform(z: np.ndarray, t: float, case: dict[str, Any]) -> np.ndarray:
    """phi_t(z): the plane turns by t w, w = w_0 + w_1 (|z_plane|^2 / 2 + sum of the others' sines)."""
    i, j = case["plane"]
    others = [k for k in range(len(z)) if k not in (i, j)]
    angle = t * (case["w"][0] + case["w"][1] * ((z[i] ** 2 + z[j] ** 2) / 2 + sum(np.sin(z[k]) for k in others)))
    out = z.copy()
    out[i], out[j] = np.cos(angle) * z[i] - np.sin(angle) * z[j], np.sin(angle) * z[i] + np.cos(angle) * z[j]
    return out


def _turned(z: np.ndarray, case: dict[str, Any]) -> np.ndarray:
    """R z, the linear rotation of the plane by `ANGLE`."""
    return _deform(z, ANGLE, case | {"w": np.array([1.0, 0.0])})


def _decode(z: np.ndarray, case: dict[str, Any], *, conformal: bool = False) -> np.ndarray:
    y = (z if conformal else z + case["r"] * np.sin(z)) - case["centre"]
    return y / (y @ y)


def _contrast(J: np.ndarray) -> float:
    """-1/2 log det of the correlations of the columns."""
    scale = np.linalg.norm(J, axis=0)
    return float(-0.5 * np.linalg.slogdet((J / scale).T @ (J / scale))[1])


def contrast_of_deformed(t, seed, **_):
    """c(f o phi_t) at z."""
    case = _case(seed)
    return _contrast(jacobian(lambda z: _decode(_deform(z, t, case), case), case["z"])), ROUND_OFF


def _field(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """a_k at z, and d_j X_i of X = d/dt phi_t at t = 0."""
    case = _case(seed)
    z, (i, j) = case["z"], case["plane"]

    def X(y: np.ndarray) -> np.ndarray:
        others = [k for k in range(len(y)) if k not in (i, j)]
        w = case["w"][0] + case["w"][1] * ((y[i] ** 2 + y[j] ** 2) / 2 + sum(np.sin(y[k]) for k in others))
        out = 0 * y
        out[i], out[j] = -w * y[j], w * y[i]
        return out

    J = jacobian(lambda y: _decode(y, case), z)
    return np.sum(J**2, axis=0), jacobian(X, z)


def _constant(seed, **_):
    return float(second_variation(*_field(seed)))


def _unweighted(seed, **_):
    a, X = _field(seed)
    return float(second_variation(np.ones_like(a), X))


def _columns_swapped(seed, **_):
    a, X = _field(seed)
    return float(second_variation(1 / a, X))


def conformal_contrast(seed, **_):
    """c(f o R) for a conformal f and a linear rotation R by `ANGLE` in the plane."""
    case = _case(seed)
    return _contrast(jacobian(lambda z: _decode(_turned(z, case), case, conformal=True), case["z"])), 1e-14


def rotated_contrast(seed, **_):
    """The same for the decoder that is not conformal."""
    case = _case(seed)
    return _contrast(jacobian(lambda z: _decode(_turned(z, case), case), case["z"])), 1e-14


def _of_lengths(seed, *, turned=2 * ANGLE, **_):
    """1/2 log(1 + sin(2 t)^2/4 (a_i - a_j)^2/(a_i a_j)): the same from the lengths at the point turned to."""
    case = _case(seed)
    a = np.sum(jacobian(lambda y: _decode(y, case), _turned(case["z"], case)) ** 2, axis=0)[case["plane"]]
    return float(np.log1p(np.sin(turned) ** 2 / 4 * (a[0] - a[1]) ** 2 / (a[0] * a[1])) / 2)


def volume(seed, **_):
    """det D phi_t at t = 0.5: with the radius kept, the density N(0, I) is."""
    case = _case(seed)
    return float(np.linalg.det(jacobian(lambda z: _deform(z, 0.5, case), case["z"]))), 1e-13


CLAIM = Claim(
    id="local-identifiability",
    order=30,
    title="the second variation of the contrast",
    statement="Deforming a decoder with orthogonal columns along a field that keeps the latents' density costs "
    "contrast at second order, by a sum of squares that vanishes for infinitesimal symmetries only; rotations of a "
    "normal prior go undetected exactly where the decoder is conformal.",
    latex=r"c(f\circ\phi_t) = \frac{t^2}2\sum_{i<j}\frac{(a_i\,\partial_j X_i + a_j\,\partial_i X_j)^2}{a_i a_j} + "
    r"O(t^3),\quad a_k = \|J_k\|^2,\quad \nabla\cdot(p_0 X) = 0",
    source="Buchholz et al. 2022 (arXiv:2208.06406), conformal maps (by its abstract); second variation: new here",
    assumptions=("J'J is diagonal in a neighbourhood", "phi_t twice differentiable in t"),
    derivation="local-identifiability",
    over=deformations,
    law=(
        Equal(volume, 1.0, name="the density is kept"),
        Equal(conformal_contrast, 0.0, name="conformal maps and rotations"),
        Equal(rotated_contrast, _of_lengths, name="other maps and rotations"),
        Converges(contrast_of_deformed, along=SMALL, order=2, constant=_constant, name="c(f o phi_t)"),
    ),
)
CLAIM.control("orthogonal columns are enough to detect every rotation", law=Bounded(conformal_contrast, below=1e-6))
CLAIM.control(
    "the sine of the angle for that of twice the angle",
    of="other maps and rotations",
    right=lambda seed, **_: _of_lengths(seed, turned=ANGLE),
)
CLAIM.control("the lengths of the columns do not matter", of="c(f o phi_t)", constant=_unweighted)
CLAIM.control("1/a for a", of="c(f o phi_t)", constant=_columns_swapped)
CLAIM.control("without the factor 1/2", of="c(f o phi_t)", constant=lambda seed, **_: 2 * _constant(seed))
CLAIM.control("the contrast grows linearly", of="c(f o phi_t)", order=1)
CLAIM.control("orthogonality is not lost at second order", of="c(f o phi_t)", constant=0.0)
