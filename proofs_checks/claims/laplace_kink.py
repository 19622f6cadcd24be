"""A Laplace prior at its kink (T21): gap = c + eps^(1/2) sqrt(2/pi)/b (sqrt s_1 - sqrt (A^-1)_11) + O(eps).

Random linear decoders with two latents, a Laplace prior of scale b in z_1 and a standard normal one in z_2, at
x = W g with g_1 = 0. With h = sqrt(eps) and z = g + h v everything about v_2 is Gaussian: what is left is
exp(-P v^2/2 + R v - h abs(v)/b), P = A_11 - A_12^2/(A_22 + eps), R = A_12 h g_2/(A_22 + eps); its integral is a sum of
two scaled error functions and whose ELBO needs E abs(m + s xi), an error function too. No expansion is used.
The constant: to order h the prior costs h/b E abs(v_1), under the posterior N(0, A^-1) and the encoder N(0, s).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float
from scipy.special import erf, erfcx

from ...numerics.families.draws import entangling, signed
from ..claim import Control
from ..formulas import evaluate, total
from ..laws import ConvergenceLaw, Instances
from ..measurements import LADDER, Measurements
from .from_batches import EPS64, LIMIT_ROUND_OFF
from .from_potential import metric

MEAN_MODULUS = np.sqrt(2 / np.pi)
"""E abs(xi) for a standard normal xi."""

CLOSED_FORM_ERROR = 64 * EPS64
"""The gap is a sum of a dozen terms of size one at most; Newton stops at their round-off."""

NEWTON_STEPS = 30
Array = Float[np.ndarray, "n e"]
Column = Float[np.ndarray, "n 1"]


@lru_cache(maxsize=4)
def _measure(measured: Measurements) -> tuple[Float[np.ndarray, "n 2 2"], Float[np.ndarray, " n"], Array]:
    """A = W'W, b and the gap of each instance at every noise variance of the ladder."""
    rng, count = measured.rng("priors", "kink"), measured.effort.instances
    A = metric(np.stack([entangling(rng, 2) for _ in range(count)]))
    scale, other = rng.uniform(0.6, 1.2, count), signed(rng, 0.3, 1.0, count)
    return A, scale, gap_at_kink(A, scale, other, LADDER)


def gap_at_kink(
    A: Float[np.ndarray, "n 2 2"], scale: Float[np.ndarray, " n"], other: Float[np.ndarray, " n"], eps: np.ndarray
) -> Array:
    """log p - ELBO* at g = (0, other), for A = W'W and the Laplace scale b."""
    h = np.sqrt(eps)
    first, mixed, second = (A[:, i, j, None] for i, j in ((0, 0), (0, 1), (1, 1)))
    precision = first - mixed**2 / (second + eps)
    force = mixed * h * other[:, None] / (second + eps)
    cost = h / scale[:, None]
    root = np.sqrt(2 * precision)
    halves = erfcx((cost - force) / root) + erfcx((cost + force) / root)
    evidence = np.log(halves) + 0.5 * np.log(np.pi / (2 * precision)) + 0.5 * np.log(2 * np.pi)
    return evidence - _best_encoder(precision, force, cost, first) - 0.5 - 0.5 * np.log(2 * np.pi)


def _best_encoder(precision: Array, force: Array, cost: Array, first: Column) -> Array:
    """max over m, s of -P m^2/2 + R m - A_11 s^2/2 - cost E abs(m + s xi) + log s + 1/2 log 2 pi: concave in (m, s)."""
    m, s = np.zeros_like(precision), 1 / np.sqrt(first) * np.ones_like(precision)
    for _ in range(NEWTON_STEPS):
        density = MEAN_MODULUS * np.exp(-0.5 * (m / s) ** 2)
        inside = erf(m / (s * np.sqrt(2)))
        # E abs(m + s xi) has gradient (erf, density) and Hessian density/s (1, -m/s)(1, -m/s)'.
        slope_m, slope_s = -precision * m + force - cost * inside, -first * s - cost * density + 1 / s
        bend = cost * density / s
        mm, ms, ss = precision + bend, -bend * m / s, first + bend * (m / s) ** 2 + 1 / s**2
        determinant = mm * ss - ms**2
        m = m + (ss * slope_m - ms * slope_s) / determinant
        s = np.maximum(s + (mm * slope_s - ms * slope_m) / determinant, 0.5 * s)
    modulus = s * MEAN_MODULUS * np.exp(-0.5 * (m / s) ** 2) + m * erf(m / (s * np.sqrt(2)))
    value = -0.5 * precision * m**2 + force * m - 0.5 * first * s**2 - cost * modulus + np.log(s)
    return value + 0.5 * np.log(2 * np.pi)


def kink_law(
    name: str, measured: Measurements, *, order: float = 0.5, encoder: float = 1.0, posterior: float = 1.0
) -> ConvergenceLaw:
    """The law at the kink, with the two parts of its constant weighted."""
    A, scale, gap = _measure(measured)
    count = len(A)
    s, B = (total(evaluate("general_variance", 2, blocks=blocks, M=A))[:, 0, 0] for blocks in (None, ((0, 1),)))
    constant = evaluate("kink_coefficient", 1, beta=scale, s=s, B=B)
    limit = total(evaluate("general_contrast", 2, M=A))
    return ConvergenceLaw(
        name,
        Instances(("linear",) * count, (2,) * count, (2,) * count, ("Laplace at its kink",) * count),
        eps=LADDER,
        measured=gap,
        limit=limit,
        order=order,
        constant=total(constant, encoder=encoder, posterior=posterior),
        floor=np.full_like(gap, CLOSED_FORM_ERROR) + LIMIT_ROUND_OFF * (1 + np.abs(limit[:, None])),
        spacing=0.5,
    )


def kink_controls(measured: Measurements) -> list[Control]:
    """False variants of the law at the kink."""
    encoder_only, smooth = (
        kink_law("kink", measured, posterior=0.0),
        kink_law("kink", measured, encoder=0.0, posterior=0.0),
    )
    flipped = kink_law("kink", measured, encoder=-1.0, posterior=-1.0)
    return [
        Control("kink-rate", "the rate at the kink is eps, as elsewhere", kink_law("kink", measured, order=1.0)),
        Control("kink-no-term", "the kink leaves no term of order eps^(1/2)", smooth),
        Control("kink-encoder-only", "the kink's cost to the encoder alone", encoder_only),
        Control("kink-sign", "the kink's term with its sign flipped", flipped),
    ]
