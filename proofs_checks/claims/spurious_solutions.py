"""spurious-solutions: decoders with the same likelihood as the truth at every noise, told apart by the ELBO.

f o a with a measure-preserving for p0: a rotation, and a swirl a(z) = R(twist |z|^2 / 2) z; both at a^-1(g), where they
give the same x. One program measures the base decoder and three remixed ones (the third squeezes: it keeps volumes,
not p0). Darmois decoders are treated in closed form and by quadrature (`darmois`).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...numerics.derivatives import decoder_derivatives, prior_derivatives
from ...numerics.families.decoder import Decoder
from ...numerics.families.draws import entangling
from ...numerics.families.registry import FAMILIES
from ...numerics.gap import measure_gap
from ...numerics.ladders import SMALL
from ...numerics.model import LatentModel
from ...numerics.special.darmois_contrast import darmois_contrast, gaussian_density, rotated_density
from ..batch_laws import EPS64, LIMIT_ROUND_OFF
from ..claim import Claim, Control
from ..formulas import predict
from ..laws import BoundLaw, ConvergenceLaw, IdentityLaw, Instances, Law
from ..measurements import Measurements, each, once, stack

FAMILY = "shear"
BASE, ROTATION, SWIRL, SQUEEZE = range(4)
SLOPE_TOLERANCE = 1e4 * EPS64
"""Third derivatives of a composed decoder, contracted with an inverse metric of condition below 100."""

ERROR_SAFETY = 3.0
"""The evidence's error is estimated from two half rules; at the largest noise a swirled posterior is not normal."""

DARMOIS_TOLERANCE = 1e-9
"""The double-exponential rule with 230 nodes on densities of unit width."""

DARMOIS_POINTS = 12
"""A contrast vanishes along curves in the plane; its mean over a dozen points does not."""


class _Remixed(Decoder):
    """f(squeeze R(angle + twist |z|^2 / 2) z)."""

    decoder: Any
    angle: Any
    twist: Any
    squeeze: Any

    def __call__(self, z: Any) -> Any:
        return self.decoder(self.squeeze * _turn(self.angle + 0.5 * self.twist * (z @ z), z))


def _turn(angle: Any, z: Any) -> Any:
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    return jnp.stack([cosine * z[0] - sine * z[1], sine * z[0] + cosine * z[1]])


def _measure_remixed(decoders: Any, points: Any, angles: Any, twists: Any, squeezes: Any, ladder: Any) -> Any:
    def one(decoder: Any, g: Any, angle: Any, twist: Any, squeeze: Any) -> dict[str, Any]:
        remixed = _Remixed(decoder, angle, twist, squeeze)
        image = g / squeeze
        turned = angle + 0.5 * twist * (image @ image)
        point, x = _turn(-turned, image), decoder(g)
        model = LatentModel(remixed, 2, noise_var=1.0)
        found = each(lambda eps: measure_gap(model.with_noise(eps), x, start=point))(ladder)
        _, J, H, T = decoder_derivatives(remixed, point, 3)
        l1, l2 = prior_derivatives(model, point)
        wrong = jax.jacfwd(remixed)(_turn(turned, image))
        return found._asdict() | {"J": J, "H": H, "T": T, "l1": l1, "l2": l2, "J at a(g)": wrong}

    def variants(decoder: Any, g: Any, *remixings: Any) -> dict[str, Any]:
        return each(lambda *remixing: one(decoder, g, *remixing))(*remixings)

    return each(variants)(decoders, points, angles, twists, squeezes)


@once
def _measure(measured: Measurements) -> dict[str, np.ndarray]:
    """Arrays with axes (instance, variant, ...)."""
    count, rng = measured.effort.instances, measured.rng("spurious-solutions")
    decoders = stack([FAMILIES[FAMILY].draw(rng, 2) for _ in range(count)])
    points = np.stack([FAMILIES[FAMILY].point(rng, 2) for _ in range(count)])
    angles, twists, squeezes = np.zeros((count, 4)), np.zeros((count, 4)), np.ones((count, 4, 2))
    angles[:, ROTATION] = rng.choice([-1.0, 1.0], count) * rng.uniform(0.3, 1.2, count)
    twists[:, SWIRL] = rng.choice([-1.0, 1.0], count) * rng.uniform(0.2, 0.4, count)
    squeezes[:, SQUEEZE] = np.exp(np.outer(rng.uniform(0.2, 0.4, count), [1.0, -1.0]))
    return measured.programs.run(_measure_remixed, decoders, points, angles, twists, squeezes, SMALL)


VARIANTS = {"rotation": ROTATION, "swirl": SWIRL}


def _instances(count: int, names: tuple[str, ...] = tuple(VARIANTS)) -> Instances:
    rows = tuple(f"{FAMILY} o {name}" for name in names for _ in range(count))
    return Instances(rows, (2,) * len(rows), (2,) * len(rows), ("normal",) * len(rows))


def _predict(found: dict[str, np.ndarray], name: str, variant: int, jacobian: str = "J") -> np.ndarray:
    arguments: dict[str, Any] = {key: found[key][:, variant] for key in ("H", "T", "l1", "l2")}
    return predict(name, 2, 2, J=found[jacobian][:, variant], **arguments)


def _difference(found: dict[str, np.ndarray], name: str, jacobian: str = "J") -> np.ndarray:
    """The predicted quantity of each variant minus that of the base decoder, rows as in `_instances`."""
    base = _predict(found, name, BASE)
    return np.concatenate([_predict(found, name, variant, jacobian) - base for variant in VARIANTS.values()])


def _elbo_law(name: str, measured: Measurements, limit: np.ndarray, constant: np.ndarray) -> ConvergenceLaw:
    """ELBO*(f o a) - ELBO*(f): minus the difference of gaps, since the likelihoods agree."""
    found = _measure(measured)
    error = found["gap_error"] + np.where(found["converged"], 0.0, np.inf)
    gained = [found["gap"][:, BASE] - found["gap"][:, variant] for variant in VARIANTS.values()]
    floor = [error[:, BASE] + error[:, variant] for variant in VARIANTS.values()]
    return ConvergenceLaw(
        name=name,
        instances=_instances(len(limit) // len(VARIANTS)),
        eps=SMALL,
        measured=np.concatenate(gained),
        limit=limit,
        order=1.0,
        constant=constant,
        floor=np.concatenate(floor) + LIMIT_ROUND_OFF,
    )


def _likelihood_law(name: str, measured: Measurements, variants: dict[str, int]) -> IdentityLaw:
    found = _measure(measured)
    values, errors = found["log_likelihood"], found["log_likelihood_error"]
    left = np.concatenate([values[:, variant] for variant in variants.values()])
    right = np.concatenate([values[:, BASE]] * len(variants))
    tolerance = ERROR_SAFETY * np.concatenate([errors[:, variant] + errors[:, BASE] for variant in variants.values()])
    return IdentityLaw(name, _instances(len(values), tuple(variants)), left, right, tolerance)


@once
def linear_truths(measured: Measurements) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Entangled linear truths W, their contrasts and those of their Darmois decoders (Cholesky factors)."""
    rng = measured.rng("spurious-solutions", "linear")
    count = measured.effort.instances
    mixing = np.stack([entangling(rng, 2, low=0.7, high=1.4) for _ in range(count)])
    # Principal axes of the data within 0.1 of the coordinate axes: Darmois then entangles less than the truth.
    _, s, V = np.linalg.svd(mixing)
    angle = rng.uniform(-0.1, 0.1, count)
    axes = np.stack([np.stack([np.cos(angle), -np.sin(angle)], 1), np.stack([np.sin(angle), np.cos(angle)], 1)], 1)
    W = axes @ (s[:, :, None] * V)
    factors = np.linalg.cholesky(W @ np.swapaxes(W, 1, 2))
    return W, *(predict("contrast", 2, 2, J=matrices) for matrices in (W, factors))


def rotated(y: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """R(angle) y, row by row: the data that a rotation makes of the sources y (n, 2)."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.stack([cosine * y[:, 0] - sine * y[:, 1], sine * y[:, 0] + cosine * y[:, 1]], axis=1)


def darmois_laws(measured: Measurements) -> list[Law]:
    """The Darmois decoder of a Gaussian in closed form, and its contrast where the truth has none."""
    W, _, of_factor = linear_truths(measured)
    rng, count = measured.rng("spurious-solutions", "darmois"), len(W)
    instances = Instances(("Darmois",) * count, (2,) * count, (2,) * count, ("normal",) * count)
    x = np.einsum("nab,nb->na", W, rng.standard_normal((count, 2)))
    gaussian = darmois_contrast(gaussian_density(W), x)
    angle, bend = rng.uniform(0.3, 1.2, count), rng.uniform(0.4, 0.9, (count, 2))
    curved = []
    for _ in range(DARMOIS_POINTS):
        y = np.sinh(bend * rng.standard_normal((count, 2))) / bend
        curved.append(darmois_contrast(rotated_density(angle, bend), rotated(y, angle)))
    excess = np.mean(curved, axis=0)[:, None] - DARMOIS_TOLERANCE
    tolerance = np.full((count, 1), DARMOIS_TOLERANCE)
    return [
        IdentityLaw("Darmois of a Gaussian", instances, gaussian[:, None], of_factor[:, None], tolerance),
        # Strictly above the truth's zero: what quadrature could invent has been taken off.
        BoundLaw("mean c of Darmois > 0 = c of the truth", instances, excess, np.full((count, 1), EPS64)),
    ]


def laws(measured: Measurements) -> list[Law]:
    """Equal likelihoods and equal slopes L1; the ELBO moves by the contrasts' difference; Darmois decoders."""
    found = _measure(measured)
    slopes = [_predict(found, "likelihood_slope", variant) for variant in VARIANTS.values()]
    base = np.concatenate([_predict(found, "likelihood_slope", BASE)] * len(VARIANTS))
    left = np.concatenate(slopes)
    tolerance = SLOPE_TOLERANCE * (1 + np.abs(left))
    slope_law = IdentityLaw(
        "L1 of f o a = L1 of f", _instances(len(slopes[0])), left[:, None], base[:, None], tolerance[:, None]
    )
    return [
        *darmois_laws(measured),
        slope_law,
        _likelihood_law("log p of f o a = log p of f", measured, VARIANTS),
        _elbo_law("ELBO* difference", measured, -_difference(found, "contrast"), _difference(found, "elbo_slope")),
    ]


def controls(measured: Measurements) -> list[Control]:
    """Its false variants."""
    found = _measure(measured)
    contrast, slope = _difference(found, "contrast"), _difference(found, "elbo_slope")
    misplaced = _difference(found, "contrast", jacobian="J at a(g)")
    _, of_truth, of_factor = linear_truths(measured)
    count = len(of_truth)
    instances = Instances(("Darmois",) * count, (2,) * count, (2,) * count, ("normal",) * count)
    margin = BoundLaw("c", instances, (of_factor - of_truth)[:, None], np.full((count, 1), DARMOIS_TOLERANCE))
    return [
        Control("rotation-invariant", "the ELBO does not see a", _elbo_law("ELBO*", measured, 0 * contrast, slope)),
        Control("sign", "the ELBO gains c(f o a) - c(f)", _elbo_law("ELBO*", measured, contrast, slope)),
        Control("misplaced", "f o a evaluated at a(g)", _elbo_law("ELBO*", measured, -misplaced, slope)),
        Control("slope-sign", "the slope's sign flipped", _elbo_law("ELBO*", measured, -contrast, -slope)),
        Control(
            "volume-preserving",
            "any volume-preserving a keeps the likelihood",
            _likelihood_law("log p", measured, {"squeeze": SQUEEZE}),
        ),
        Control("darmois-always", "a Darmois decoder has a larger contrast than any truth", margin),
    ]


CLAIM = Claim(
    id="spurious-solutions",
    order=18,
    title="spurious solutions: equal likelihood, other ELBO",
    statement="Remixing the latents by a map that preserves the prior leaves the likelihood unchanged at every noise, "
    "but moves the ELBO by the difference of the contrasts; Darmois decoders pay where the truth has contrast zero.",
    latex=r"a_\# p_0 = p_0 \Rightarrow p_\varepsilon^{f\circ a} = p_\varepsilon^{f},\quad "
    r"\mathrm{ELBO}^*(f\circ a) - \mathrm{ELBO}^*(f) = c(f) - c(f\circ a) + \varepsilon\,\Delta E_1 + O(\varepsilon^2)",
    source="Hyvarinen and Pajunen 1999 (Neural Networks 12); Gresele et al. 2021 (arXiv:2106.05200); "
    "Reizinger et al. 2022 (arXiv:2206.02416); what the ELBO adds: new here",
    assumptions=(
        "the assumptions of elbo-limit",
        "a preserves the prior",
        "Darmois: d = 2, the first coordinate first",
    ),
    derivation="spurious-solutions",
    laws=laws,
    controls=controls,
    trained=(
        ("small-case", "mcc"),
        ("moebius-gamma", "mcc"),
        ("moebius-gamma", "contrast"),
        ("moebius-linear", "correlation"),
        ("affine-flow", "correlation"),
        ("likelihood-vs-vae", "mcc"),
        ("likelihood-vs-vae", "contrast"),
        ("likelihood-vs-vae", "well-fitted"),
        ("sprites", "mcc"),
        ("sprites", "mean-jacobian"),
        ("sprites", "drop"),
    ),
)
