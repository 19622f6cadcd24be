"""log p, the best ELBO and the gap of an elementary decoder, enclosed at one rational noise variance.

J is `integrals`, an encoder near the best one is found by Newton's method and its G and grad G are enclosed; that no
encoder does better than |grad G|^2/(2 mu) above it, and that the best one is that near, is `maximality`. Where this
last proof does not go through, the enclosures of log p and of the encoder found still stand, and they bound the gap
from above.
"""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb, ctx, fmpq

from ...errors import RequestError
from ..maximiser import EnclosureError
from .instance import Instance
from .integrals import Encoder, approximate_encoder, likelihood_integral, moments
from .landscape import THETAS, Barrier, curvature_rings, find_barrier
from .maximality import concavity, setting

GUARD_BITS = 40
SIGN_BITS = 64
DIGITS = 14


@dataclass(frozen=True)
class Supremum:
    """No encoder is better than the one found by more than `excess`; the best one is within `distance` in (w, s)."""

    barrier: Barrier
    concavity: arb
    excess: arb
    distance: arb


@dataclass(frozen=True)
class FixedEnclosure:
    """Enclosures at one eps. `elbo` and `gap` are those of the encoder found; those of the best one if `supremum`.

    `mean` and `variance` enclose mu_k and sigma_k^2 of the best encoder if `supremum`, else those of the one found.
    `unproved` says why there is no `supremum`.
    """

    instance: Instance
    eps: fmpq
    log_likelihood: arb
    elbo: arb
    gap: arb
    encoder: Encoder
    mean: tuple[arb, ...]
    variance: tuple[arb, ...]
    supremum: Supremum | None
    unproved: str = ""

    @property
    def slope(self) -> arb:
        """(gap - c)/eps."""
        return (self.gap - self.instance.contrast()) / self.eps


def supremum(instance: Instance, eps: fmpq, value: arb, gradient: tuple[arb, ...]) -> Supremum:
    """The supremum of G near an encoder with the value and gradient given; EnclosureError if it is not proved."""
    with ctx.workprec(SIGN_BITS):
        curvature = curvature_rings(instance)
        reason = EnclosureError("no growth of the misfit away from the point is proved: x may have another preimage")
        for theta in THETAS:
            barrier = find_barrier(instance, theta, eps)
            if barrier is None:
                continue
            try:
                mu = concavity(setting(instance, eps, barrier), curvature, value.lower())
            except EnclosureError as error:
                reason = error
                continue
            square = sum((entry * entry for entry in gradient), arb(0)).upper()
            return Supremum(barrier, mu, (square / (2 * mu)).upper(), (square.sqrt() / mu).upper())
    raise reason


def enclose(instance: Instance, eps: fmpq, digits: int = DIGITS) -> FixedEnclosure:
    """Enclose log p, the best ELBO and the gap at a rational eps > 0.

    Raises EnclosureError if no encoder is found or an integral does not settle, RequestError (UnsupportedError) for
    functions without a rule and for eps <= 0.
    """
    if not eps > 0:
        raise RequestError(f"the noise variance: expected a number > 0, got {eps}")
    with ctx.workprec(int(digits * fmpq(10, 3).ceil()) + GUARD_BITS):
        encoder = approximate_encoder(instance, eps)
        if encoder is None:
            raise EnclosureError(f"Newton's method found no best encoder at eps = {eps}")
        found = moments(instance, eps, encoder, digits)
        integral = likelihood_integral(instance, eps, digits)
        if not integral > 0:
            raise EnclosureError("the likelihood is not proved to be positive")
        best, unproved = None, ""
        try:
            best = supremum(instance, eps, found.value, found.gradient)
        except EnclosureError as error:
            unproved = str(error)
        return _assembled(instance, eps, encoder, integral, found.value, best, unproved)


def _assembled(
    instance: Instance, eps: fmpq, encoder: Encoder, integral: arb, value: arb, best: Supremum | None, unproved: str
) -> FixedEnclosure:
    d, ball, h = instance.latents, arb(eps), arb(eps).sqrt()
    _, normal = instance.at_point()
    common = -(2 * arb.pi() * ball).log() * instance.outputs / 2
    common -= sum((nu * nu for nu in normal), arb(0)) / (2 * ball)
    common -= sum((arb(g) ** 2 for g in instance.point), arb(0)) / 2
    common += sum(((h * scale).log() for scale in instance.scale), arb(0))
    log_likelihood = common + integral.log() - (2 * arb.pi()).log() * d / 2
    top = value if best is None else value + arb(0).union(best.excess)
    elbo = common + top + arb(d) / 2
    radius = arb(0) if best is None else best.distance
    around = radius.union(-radius)
    mean = tuple(
        arb(g) + h * t * (arb(w) + around) for g, t, w in zip(instance.point, instance.scale, encoder.mean, strict=True)
    )
    variance = tuple(
        ball * arb(t) ** 2 * (arb(s) + around) ** 2 for t, s in zip(instance.scale, encoder.deviation, strict=True)
    )
    gap = integral.log() - top - (2 * arb.pi() * arb(1).exp()).log() * d / 2
    return FixedEnclosure(instance, eps, log_likelihood, elbo, gap, encoder, mean, variance, best, unproved)
