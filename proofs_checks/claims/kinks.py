"""kinks: leaky-ReLU decoders are not smooth: harmless at a distance, and slow on average.

At a fixed distance r from a kink the gap is that of the active linear piece (claim `linear-vae`) up to a term of size
exp(-r^2 / (2 eps v)). Within sqrt(eps) of the kink it is another function, a profile Gamma of rho = r / sqrt(eps), and
the data that lie there make the expected gap converge like sqrt(eps) only. In one latent each piece alone has gap 0,
so that everything measured is the kink's (`special.kink`); the plane is measured by the library.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from ...numerics.families.decoder import Decoder
from ...numerics.families.draws import entangling, signed
from ...numerics.gap import measure_gap
from ...numerics.ladders import half_decades
from ...numerics.model import LatentModel
from ...numerics.special.kink import Kink, expected_gap, gap, profile, profile_integral
from ..batch_laws import LIMIT_ROUND_OFF
from ..claim import Claim, Control
from ..formulas import predict
from ..kink_digits import tiny_gap
from ..laws import BoundLaw, ConvergenceLaw, IdentityLaw, Instances, Law
from ..measurements import Measurements, each, once, stack

PLANE_LADDER = half_decades(3, 6)
DISTANT_LADDER = 10.0 ** -np.arange(2.0, 4.3, 0.25)
NEAR_LADDER = half_decades(2, 7)
QUADRATURE_ERROR = 1e-11
"""Gauss-Legendre panels of one standard deviation on analytic functions, and searches settled to 1e-12."""

DIGITS_ERROR = 1e-15
"""`tiny_gap` carries twenty digits beyond those that cancel; a float keeps sixteen of them."""


class _LeakyPlane(Decoder):
    """W (z + (slope - 1) min(k . z + b, 0) k), k a unit vector: two linear pieces that meet at k . z + b = 0."""

    matrix: Any
    normal: Any
    offset: Any
    slope: Any

    def __call__(self, z: Any) -> Any:
        bent = jnp.minimum(self.normal @ z + self.offset, 0.0)
        return self.matrix @ (z + (self.slope - 1.0) * bent * self.normal)


def _measure_plane(decoders: Any, points: Any, ladder: Any) -> dict[str, Any]:
    def one(decoder: Any, g: Any) -> dict[str, Any]:
        model = LatentModel(decoder, 2, noise_var=1.0)
        x = decoder(g)
        found = each(lambda eps: measure_gap(model.with_noise(eps), x, start=g))(ladder)
        return {"gap": found.gap, "gap_error": found.gap_error, "converged": found.converged}

    return each(one)(decoders, points)


@once
def _plane(measured: Measurements) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, Instances]:
    """Measured gaps half a unit and more from the kink; the matrices of the active piece and of the other."""
    rng, count = measured.rng("kinks", "plane"), measured.effort.instances
    decoders, points, active, other = [], [], [], []
    for _ in range(count):
        W, angle, slope = entangling(rng, 2, low=0.8, high=1.4), rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 0.8)
        k = np.array([np.cos(angle), np.sin(angle)])
        g, distance = rng.uniform(-1.0, 1.0, 2), signed(rng, 0.6, 1.2)
        decoders.append(_LeakyPlane(W, k, distance - k @ g, np.array(slope)))
        points.append(g)
        pieces = [W, W @ (np.eye(2) + (slope - 1) * np.outer(k, k))]
        active.append(pieces[int(distance < 0)])
        other.append(pieces[int(distance > 0)])
    found = measured.programs.run(_measure_plane, stack(decoders), np.stack(points), PLANE_LADDER)
    instances = Instances(("leaky ReLU",) * count, (2,) * count, (2,) * count, ("normal",) * count)
    return found, np.stack(active), np.stack(other), instances


def _plane_law(name: str, measured: Measurements, weights: dict[str, float]) -> IdentityLaw:
    """The measured gap against a mixture of the pieces' closed forms."""
    found, active, other, instances = _plane(measured)
    predicted = np.zeros(found["gap"].shape)
    for part, W in (("active", active), ("other", other)):
        predicted += weights.get(part, 0.0) * predict("linear_gap", 2, 2, W=W[:, None], eps=PLANE_LADDER)
    lost = np.where(found["converged"], 0.0, np.inf)
    tolerance = found["gap_error"] + lost + LIMIT_ROUND_OFF * (1 - np.log(PLANE_LADDER))
    return IdentityLaw(name, instances, found["gap"], predicted, tolerance)


@once
def _line(measured: Measurements) -> tuple[Kink, np.ndarray, Instances]:
    """Leaky ReLUs of one latent, a scaled distance from the kink for each."""
    rng, count = measured.rng("kinks", "line"), measured.effort.instances
    near = rng.uniform(0.7, 1.4, count)
    far = near * np.exp(signed(rng, 0.5, 1.3, count))
    kink = Kink(near, far, signed(rng, 0.2, 0.8, count))
    instances = Instances(("leaky ReLU",) * count, (1,) * count, (1,) * count, ("normal",) * count)
    return kink, rng.uniform(0.3, 1.2, count), instances


@once
def _distant(measured: Measurements) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distances r, the gap there, and the gap times exp(A^2 r^2 / (2 eps)): both (n, e)."""
    kink, factor, _ = _line(measured)
    # A r between 0.3 and 0.4: at eps = 1e-2 the term is still visible in float64.
    r = (0.3 + 0.1 * (factor - 0.3) / 0.9) / kink.near
    pairs = [
        [tuple(map(float, tiny_gap(r[i], eps, *(value[i] for value in kink)))) for eps in DISTANT_LADDER]
        for i in range(len(r))
    ]
    both = np.array(pairs)
    return r, both[..., 0], both[..., 1]


def _distant_law(name: str, measured: Measurements, *, order: float = 0.5, weight: float = 1.0) -> ConvergenceLaw:
    """gap exp(A^2 r^2 / (2 eps)) = C sqrt(eps), with theory's C."""
    kink, _, instances = _line(measured)
    r, _, compensated = _distant(measured)
    constant = predict("kink_tail", 1, A=kink.near, B=kink.far, r=r, ratio=kink.density(0.0) / kink.density(r))
    return ConvergenceLaw(
        name=name,
        instances=instances,
        eps=DISTANT_LADDER,
        measured=compensated,
        limit=np.zeros(len(r)),
        order=order,
        constant=weight * constant,
        floor=DIGITS_ERROR * np.abs(compensated),
        spacing=0.5,
    )


def _slow_decay(name: str, measured: Measurements) -> BoundLaw:
    """The gap at fixed r stays above half of what the rate sqrt(eps) makes of its value at the largest noise."""
    _, _, instances = _line(measured)
    _, plain, _ = _distant(measured)
    excess = plain - 0.5 * plain[:, :1] * np.sqrt(DISTANT_LADDER / DISTANT_LADDER[0])
    return BoundLaw(name, instances, excess, DIGITS_ERROR * (1 + np.abs(excess)))


def _profile_law(name: str, measured: Measurements, limit: np.ndarray | None = None) -> ConvergenceLaw:
    """The gap at r = rho sqrt(eps): Gamma(rho), then sqrt(eps) l' (posterior's mean - encoder's mean)."""
    kink, rho, instances = _line(measured)
    gamma, shift = profile(rho, kink)
    spread = kink.spread(1)
    values = gap(rho[:, None] * np.sqrt(NEAR_LADDER), NEAR_LADDER, spread)
    return ConvergenceLaw(
        name=name,
        instances=instances,
        eps=NEAR_LADDER,
        measured=values,
        limit=gamma if limit is None else limit,
        order=0.5,
        constant=kink.prior_mean * shift,
        floor=np.full(values.shape, QUADRATURE_ERROR),
        spacing=0.5,
    )


@once
def _expected(measured: Measurements) -> tuple[np.ndarray, np.ndarray]:
    """E[gap] along the ladder, and the integral of Gamma."""
    kink, _, _ = _line(measured)
    return expected_gap(NEAR_LADDER, kink), profile_integral(kink)


def expected_law(
    name: str, measured: Measurements, *, order: float = 0.5, weight: float = 1.0, at: float = 0.0
) -> ConvergenceLaw:
    """E[gap] = K sqrt(eps) + O(eps), K = p0(kink) int Gamma; `at` moves the point where p0 is taken (a control)."""
    kink, _, instances = _line(measured)
    values, integral = _expected(measured)
    return ConvergenceLaw(
        name=name,
        instances=instances,
        eps=NEAR_LADDER,
        measured=values,
        limit=np.zeros(len(integral)),
        order=order,
        constant=weight * kink.density(at * kink.prior_mean) * integral,
        floor=np.full(values.shape, QUADRATURE_ERROR) * np.sqrt(NEAR_LADDER),
        spacing=0.5,
    )


def laws(measured: Measurements) -> list[Law]:
    """Far from the kink in the plane, the exponentially small term, the profile at the kink, and the expectation."""
    return [
        _plane_law("gap = gap of the active piece", measured, {"active": 1.0}),
        _distant_law("gap exp(A^2 r^2 / (2 eps)) at fixed r", measured),
        _profile_law("gap at r = rho sqrt(eps)", measured),
        expected_law("E[gap]", measured),
    ]


def controls(measured: Measurements) -> list[Control]:
    """Its false variants."""
    kink, _, _ = _line(measured)
    # Each piece alone has contrast 0 in one latent.
    average = np.zeros(len(kink.near))
    return [
        Control("rate-eps", "the expected gap converges at the rate eps", expected_law("E", measured, order=1.0)),
        Control("negative", "the constant K with the other sign", expected_law("E", measured, weight=-1.0)),
        Control("prior-mode", "K with the prior's mode for its value at the kink", expected_law("E", measured, at=1.0)),
        Control("average", "Gamma is the average of the pieces' contrasts", _profile_law("gap", measured, average)),
        Control("pointwise-half", "the gap at fixed r decays at the rate sqrt eps", _slow_decay("gap", measured)),
        Control("prefactor", "the exponential's prefactor is eps^(3/2)", _distant_law("gap", measured, order=1.5)),
        Control("prefactor-factor", "the prefactor twice as large", _distant_law("gap", measured, weight=2.0)),
        Control("other-piece", "the gap of the inactive piece", _plane_law("gap", measured, {"other": 1.0})),
        Control(
            "both-pieces",
            "the average of both pieces' gaps",
            _plane_law("gap", measured, {"active": 0.5, "other": 0.5}),
        ),
    ]


CLAIM = Claim(
    id="kinks",
    order=21,
    title="kinks: leaky-ReLU decoders",
    statement="At a fixed distance from a kink the gap is that of the linear piece up to an exponentially small term, "
    "but the data near the kink make the expected gap converge only like the square root of the noise variance.",
    latex=r"\mathrm{gap} = \mathrm{gap}_{\mathrm{linear}} + \Theta\big(\sqrt{\varepsilon}\, "
    r"e^{-r^2/(2\varepsilon v)}\big),\quad \mathbb{E}[\mathrm{gap}] - \mathbb{E}[c] = "
    r"\sqrt{\varepsilon}\; p(0)\int (\Gamma - c)\,d\rho + O(\varepsilon)",
    source="new here",
    assumptions=(
        "f is piecewise linear, continuous and injective",
        "expectations: one latent, x = f(z) with z from a normal prior",
    ),
    derivation="kinks",
    untrained="no recorded experiment measures a gap where a trained decoder has a kink",
    laws=laws,
    controls=controls,
    enclosed=True,
)
