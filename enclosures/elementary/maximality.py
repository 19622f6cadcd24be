"""The supremum of the ELBO over all encoders, from one encoder near the maximiser: no search over encoders is needed.

Let L <= G(w_0, s_0), Y = x'Rx, rho = B/h with the growth bound V >= theta/2 min(y'Ry, B^2) of `landscape`, gamma^2 =
(tau g)'R^-1(tau g). Every encoder with G >= L is confined, and where it is confined G is strongly concave:

1. For y = E_q Y, E_q Y^2 <= 3 y^2, hence E_q min(Y, rho^2) >= y - 3 y^2/(4 rho^2), which is >= y/2 up to y = 2 rho^2/3;
   beyond, E_q min(Y, rho^2) >= rho^2/3, since it grows with the scale of Y. With E_q Y = w'Rw + sum R_kk s_k^2,
   G <= -theta/2 E_q min(Y, rho^2) + h gamma sqrt(y) + d/2 log(y/d) - 1/2 sum log R_kk - (what is left of the prior),
   and this is < L for y >= y_plus.
2. With theta' = theta (1 - 3 y_plus/(4 rho^2)) and psi(t) = t^2/2 - 1/2 - log t >= 0 the encoders with G >= L lie in
   the CONVEX set  theta'/2 w'Rw + h (tau g).w + sum psi(s_k sqrt(theta' R_kk)) <= slack.
3. -Hess G >= E_q[P' Hess U P], P = (I, diag u), |P'P| = max(1 + u_k^2). With Hess U >= l_j on the rings that end at
   |x|_oo = r_j/h,
   -Hess G >= l_0 (1 - T(r_0)) - sum over negative l_j of |l_j| T(r_{j-1}) - far =: mu,
   T(r) the largest E_q[1 + sum u_k^2; |x|_oo > r/h] over the set.

If mu > 0, G is mu-strongly concave on a convex set that holds all encoders with G >= L: there is one maximiser, within
|grad G|/mu of (w_0, s_0), and sup G <= G(w_0, s_0) + |grad G|^2/(2 mu). Everything but step 1 is monotone in eps: what
is proved with the largest eps of a range holds on all of it. So does step 1 if y_plus is below a y from which on the
bound with y/2 for the expectation falls (as y(1 - 3 y/(4 rho^2)) >= y/2, whatever rho), and if theta rho^2 >= 3 d: the
bound beyond 2 rho^2/3, whose only term that grows as eps falls is d/2 log(1/eps), then falls.

Source: claim `enclosure`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flint import arb, arb_mat, fmpq

from ..balls import dyadic, interval
from ..growth import Growth
from ..maximiser import EnclosureError
from .instance import Instance
from .integrals import normal_tail, outer_moment
from .landscape import RADII, Barrier

SWEEP = 12
FIRST_BOUND = fmpq(2)
EXCLUSION_STEP = fmpq(33, 32)
MAXIMAL_EXCLUSION = 4_000


@dataclass(frozen=True)
class Confinement:
    """The convex set of step 2: |w|_R, by sweep the largest |w|_R and s on it, and theta'."""

    theta: arb
    width: arb
    sweep: tuple[tuple[arb, arb], ...]


@dataclass(frozen=True)
class Setting:
    """What the proof needs at an eps: h, R, R^-1, gamma and the growth bound; `all_smaller`: and at every eps below."""

    instance: Instance
    eps: fmpq
    barrier: Barrier
    matrix: list[list[arb]]
    inverse: arb_mat
    all_smaller: bool = False

    @property
    def h(self) -> arb:
        """sqrt(eps)."""
        return arb(self.eps).sqrt()

    def gamma(self) -> arb:
        """gamma."""
        shifts = [arb(t * g) for t, g in zip(self.instance.scale, self.instance.point, strict=True)]
        total = arb(0)
        for k, left in enumerate(shifts):
            for j, right in enumerate(shifts):
                total += left * right * self.inverse[k, j]
        return total.nonnegative_part().sqrt()


def setting(instance: Instance, eps: fmpq, barrier: Barrier, all_smaller: bool = False) -> Setting:
    """The setting of a proof at one eps, or at every eps up to it."""
    matrix = instance.correlation()
    return Setting(instance, eps, barrier, matrix, arb_mat(matrix).inv(), all_smaller)


def largest_expectation(case: Setting, level: arb) -> arb:
    """y_plus of step 1; EnclosureError if some encoder far away cannot be excluded."""
    d, theta = case.instance.latents, arb(case.barrier.theta)
    rho2, gamma, h = arb(case.barrier.reach) ** 2 / case.eps, case.gamma(), case.h
    entropy = -sum((case.matrix[k][k].log() for k in range(d)), arb(0)) / 2

    def bound(y: arb) -> arb:
        inner = y * (1 - 3 * y / (4 * rho2))
        return -theta / 2 * inner + h * gamma * y.sqrt() + arb(d) / 2 * (y / d).log() + entropy

    end = dyadic((2 * rho2 / 3).lower())
    # Beyond this y the bound with y/2 for the expectation falls: its derivative is negative and stays so.
    late = max(FIRST_BOUND, dyadic((8 * (d + 1 + gamma * h * gamma * h / theta) / theta).upper().ceil()))
    falling = -theta / 4 + h * gamma / (2 * arb(late).sqrt()) + arb(d) / (2 * arb(late)) < 0
    late_value = -theta / 4 * late + h * gamma * arb(late).sqrt() + arb(d) / 2 * (arb(late) / d).log() + entropy
    far_from_late = bool(falling and late_value < level)
    share = arb(case.eps) * (1 - case.barrier.prior) * arb(min(case.instance.scale)) ** 2
    spread = max(sum(abs(entry) for entry in row) for row in case.matrix)
    kappa = share / (2 * spread)
    beyond = -theta * rho2 / 6 + h * h * gamma * gamma / (2 * kappa) + arb(d) / 2 * ((1 / kappa).log() - 1) + entropy
    if not beyond < level:
        raise EnclosureError("encoders much wider than the posterior are not excluded")
    if case.all_smaller and not (far_from_late and late <= end and theta * rho2 >= 3 * d):
        # Only then do the two bounds meet, and fall, for every smaller eps: rho^2 grows as 1/eps.
        raise EnclosureError("encoders wider than the posterior are not excluded for every smaller noise variance")
    top = min(end, late) if far_from_late else end
    y = top
    for _ in range(MAXIMAL_EXCLUSION):
        lower = y / EXCLUSION_STEP
        if lower < d or not bound(interval(lower, y)) < level:
            break
        y = lower
    if y >= end:
        raise EnclosureError("encoders wider than the posterior are not excluded")
    return arb(y)


def _deviation_limit(budget: arb) -> arb:
    """A t > 1 with t^2/2 - 1/2 - log t > budget."""
    t = fmpq(1)
    while not arb(t) ** 2 / 2 - arb(fmpq(1, 2)) - arb(t).log() > budget:
        t = t * 17 / 16
        if t > 10**6:
            raise EnclosureError("the encoder's deviations are not confined")
    return arb(t)


def confine(case: Setting, level: arb) -> Confinement:
    """The convex set that holds every encoder with G >= level."""
    d, h, gamma = case.instance.latents, case.h, case.gamma()
    y_plus, rho2 = largest_expectation(case, level), arb(case.barrier.reach) ** 2 / case.eps
    theta = (arb(case.barrier.theta) * (1 - 3 * y_plus / (4 * rho2))).lower()
    if not theta > 0:
        raise EnclosureError("encoders wider than the posterior are not excluded")
    diagonal = [case.matrix[k][k] for k in range(d)]
    slack = -level - arb(d) / 2 - sum(((theta * entry).log() for entry in diagonal), arb(0)) / 2
    shift = h * gamma
    spare = (slack + shift * shift / (2 * theta)).upper()
    if not spare > 0:
        spare = arb(fmpq(1, 2**20))
    width = ((shift + (shift * shift + 2 * theta * spare).sqrt()) / theta).upper()
    sweep = []
    for n in range(SWEEP):
        low, high = width * fmpq(n, SWEEP), width * fmpq(n + 1, SWEEP)
        used = theta / 2 * low * low - shift * high
        budget = (slack - used).nonnegative_part().upper()
        least = min(diagonal, key=lambda entry: dyadic(entry))
        sweep.append((high, (_deviation_limit(budget) / (theta * least).sqrt()).upper()))
    return Confinement(theta, width, tuple(sweep))


def outside(case: Setting, confined: Confinement, radius: fmpq) -> arb:
    """T(radius): a bound of E_q[1 + sum u_k^2; |x|_oo > radius/h] over the confined encoders; infinite if too near."""
    d, total = case.instance.latents, arb(0)
    limit = arb(radius) / case.h
    for k in range(d):
        stretch, worst = case.inverse[k, k].sqrt(), arb(0)
        for width, deviation in confined.sweep:
            inner = (limit - width * stretch) / deviation
            if not inner > 0:
                return arb("inf")
            both = arb(0)
            # By symmetry the mean is taken to be on the nearer side; the other tail is at most that of mean 0.
            for a in (inner, limit / deviation):
                both += (d + 1) * normal_tail(a) + a * (-a * a / 2).exp() / (2 * arb.pi()).sqrt()
            worst = worst.max(both)
        total += worst
    return total.upper()


def far_penalty(case: Setting, confined: Confinement) -> arb:
    """A bound of E_q[|Hess U| (1 + sum u_k^2); |x|_oo > r/h] beyond the last ring, from exponential growth."""
    instance, d = case.instance, case.instance.latents
    bound = instance.hessian_growth
    largest = arb(max(instance.scale)) ** 2
    # |Hess| in the scaled latents <= d tau^2 max |V_kl|; the prior only adds.
    scaled = Growth(bound.factor * d * largest, bound.rates)
    width = confined.sweep[-1][0]
    deviation = confined.sweep[0][1]
    for _, s in confined.sweep:
        deviation = deviation.max(s)
    centre = [
        abs(arb(g)) + case.h * t * width * case.inverse[k, k].sqrt()
        for k, (g, t) in enumerate(zip(instance.point, instance.scale, strict=True))
    ]
    spread = [case.h * t * deviation for t in instance.scale]
    limits = [(arb(RADII[-1]) / case.h - width * case.inverse[k, k].sqrt()) / deviation for k in range(d)]
    return outer_moment(scaled, centre, spread, limits).upper()


def concavity(case: Setting, curvature: tuple[arb, ...], level: arb) -> arb:
    """mu > 0 of step 3, or EnclosureError with what was not proved."""
    confined = confine(case, level)
    tails = [outside(case, confined, radius) for radius in RADII]
    penalty = far_penalty(case, confined)
    best = arb("-inf")
    for mu in _candidates(curvature, tails, penalty):
        if mu > best:
            best = mu
    if not best > 0:
        raise EnclosureError("the ELBO is not proved to be concave where the best encoder must lie")
    return best.lower()


def _candidates(curvature: tuple[arb, ...], tails: list[arb], penalty: arb) -> Iterator[arb]:
    """mu for every choice of the inner rings, those on which the curvature is positive."""
    lost = penalty
    for j in range(1, len(curvature)):
        if not curvature[j] >= 0:
            lost = lost - curvature[j] * tails[j - 1]
    least = arb("inf")
    for entry, tail in zip(curvature, tails, strict=True):
        least = least.min(entry)
        if not least > 0:
            return
        if tail.is_finite() and lost.is_finite():
            yield (least * (1 - tail) - lost).lower()
