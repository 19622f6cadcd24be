"""The theorem about the best encoder (steps 2 and 3 of `encoders`), and the statements that follow from it.

With Y = y'Ry/eps, rho = B/h, gamma^2 = (tau g)'R^-1(tau g) and y = E_q Y: E_q Y^2 <= 3 y^2, so E_q min(Y, rho^2) >=
y - 3 y^2/(4 rho^2) up to y = 2 rho^2/3, and >= rho^2/3 beyond. Hence G <= -theta/2 E_q min(Y, rho^2) + h gamma sqrt(y)
+ d/2 log(y/d) - 1/2 sum log R_kk, less what is left of the prior.
"""

from typing import Any, no_type_check

from flint import arb, ctx, fmpq

from .boxes import ball, least
from .encoders import INFINITY, RADII, RING_CELLS, Model, barrier, beyond, encoder, likelihood, tail
from .lines import Growth
from .reading import Deadline, holds, listed, number, pair, require

STEPS = 16


@no_type_check
def expectation_limit(model, level, theta, reach, prior, all_smaller=False):
    """y_plus: encoders with G >= level have E_q Y <= y_plus; `all_smaller`: at every smaller eps too.

    As eps falls rho^2 grows. Then both bounds still meet if the one with y/2 falls below the level at some y that is
    left of 2 rho^2/3, and `wide`, in which only d/2 log(1/eps) grows, falls if theta rho^2 >= 3 d.
    """
    d, h, rho2, theta = model.d, model.h, arb(reach) ** 2 / model.eps, arb(theta)
    shift, entropy = h * gamma(model), -sum((model.r[k][k].log() for k in range(d)), arb(0)) / 2
    left = model.eps * (1 - prior) * min(model.tau) ** 2
    rate = left / (2 * sum((abs(entry) for row in model.r for entry in row), arb(0)))
    wide = -theta * rho2 / 6 + shift**2 / (2 * rate) + arb(d) / 2 * ((1 / rate).log() - 1) + entropy
    require(wide < level, "encoders much wider than the posterior are not excluded")
    top = (2 * rho2 / 3).lower().fmpq()

    def bound(y):
        return -theta / 2 * y * (1 - 3 * y / (4 * rho2)) + shift * y.sqrt() + arb(d) / 2 * (y / d).log() + entropy

    # From `late` on y (1 - 3 y/(4 rho^2)) >= y/2 suffices, since the bound with y/2 falls there.
    late = max(fmpq(2), (8 * (d + 1 + shift**2 / theta) / theta).ceil().upper().fmpq())
    falls = -theta / 4 + shift / (2 * arb(late).sqrt()) + arb(d) / (2 * arb(late)) < 0
    small = -theta / 4 * late + shift * arb(late).sqrt() + arb(d) / 2 * (arb(late) / d).log() + entropy < level
    lasting = falls and small and late <= top and theta * rho2 >= 3 * d
    require(lasting or not all_smaller, "encoders wider than the posterior are not excluded at every smaller eps")
    reached = min(late, top) if falls and small else top
    start = reached
    while reached > d and bound(ball((reached * fmpq(40, 41), reached))) < level:
        model.deadline.ask()
        reached = reached * fmpq(40, 41)
    require(reached < start or start < top, "encoders wider than the posterior are not excluded")
    return arb(reached)


@no_type_check
def gamma(model):
    """gamma."""
    shifts = [arb(t * g) for t, g in zip(model.tau, model.g, strict=True)]
    total = arb(0)
    for k, left in enumerate(shifts):
        for j, right in enumerate(shifts):
            total += left * right * model.inverse[k, j]
    return total.nonnegative_part().sqrt()


@no_type_check
def confined(model, level, theta, reach, prior, all_smaller=False):
    """Pairs (largest |w|_R, largest s) that together cover every encoder with G >= level.

    They satisfy theta'/2 |w|^2 + h (tau g).w + sum psi(s_k sqrt(theta' R_kk)) <= slack, psi(t) = t^2/2 - 1/2 - log t: a
    convex set.
    """
    d, shift = model.d, model.h * gamma(model)
    limit = expectation_limit(model, level, theta, reach, prior, all_smaller)
    theta = (theta * (1 - 3 * limit * model.eps / (4 * arb(reach) ** 2))).lower()
    require(theta > 0, "encoders wider than the posterior are not excluded")
    slack = -level - arb(d) / 2 - sum(((theta * model.r[k][k]).log() for k in range(d)), arb(0)) / 2
    width = (shift + (shift**2 + 2 * theta * (slack + shift**2 / (2 * theta)).nonnegative_part()).sqrt()) / theta
    width, least_r = width.upper() + arb(2) ** -20, arb(1)
    for k in range(d):
        least_r = least_r.min(model.r[k][k])
    pairs = []
    for n in range(STEPS):
        low, high = width * fmpq(n, STEPS), width * fmpq(n + 1, STEPS)
        budget, t = (slack - theta / 2 * low**2 + shift * high).nonnegative_part().upper(), fmpq(1)
        while not arb(t) ** 2 / 2 - arb(fmpq(1, 2)) - arb(t).log() > budget:
            t *= fmpq(21, 20)
            require(t < 10**6, "the encoder's deviations are not confined")
        pairs.append((high.upper(), (t / (theta * least_r).sqrt()).upper()))
    return pairs


@no_type_check
def weight_outside(model, pairs, radius):
    """A bound of E_q[1 + sum u_k^2; some |y_k| > radius] over the confined encoders."""
    total, limit = arb(0), arb(radius) / model.h
    for k in range(model.d):
        stretch, worst = model.inverse[k, k].sqrt(), arb(0)
        for width, deviation in pairs:
            a = (limit - width * stretch) / deviation
            if not a > 0:
                return INFINITY
            # Both tails are at most the nearer one.
            near = (model.d + 1) * tail(a) + a * (-(a**2) / 2).exp() / (2 * arb.pi()).sqrt()
            worst = worst.max(2 * near)
        total += worst
    return total.upper()


@no_type_check
def concavity(model, pairs, bend):
    """mu: a lower bound of -Hess G over the confined encoders."""
    d, inner, curvature = model.d, fmpq(0), []
    for outer in RADII:
        sides, full, short = [(-outer, -inner), (inner, outer)], (-outer, outer), (-inner, inner)
        if d == 1:
            boxes = [(side,) for side in sides]
        elif inner:
            boxes = [(side, full) for side in sides] + [(short, side) for side in sides]
        else:
            boxes = [(full, full)]
        curvature.append(least(model.bend, boxes, RING_CELLS, model.deadline))
        inner = outer
    outside = [weight_outside(model, pairs, radius) for radius in RADII]
    width, deviation = max_of(w for w, _ in pairs), max_of(s for _, s in pairs)
    stretches = [model.inverse[k, k].sqrt() for k in range(d)]
    moves = [model.h * t for t in model.tau]
    centre = [abs(arb(g)) + t * width * k for g, t, k in zip(model.g, moves, stretches, strict=True)]
    limits = [(arb(RADII[-1]) / model.h - width * k) / deviation for k in stretches]
    entry = Growth(bend.line, bend.factor * d * arb(max(model.tau)) ** 2, bend.rates, None)
    lost = beyond(entry, centre, [t * deviation for t in moves], limits)
    for bound, weight in zip(curvature[1:], outside, strict=False):
        if not bound >= 0:
            lost -= bound * weight
    best, smallest = -INFINITY, INFINITY
    for bound, weight in zip(curvature, outside, strict=True):
        smallest = smallest.min(bound)
        if not smallest > 0:
            break
        mu = smallest * (1 - weight) - lost
        if mu.is_finite() and mu > best:
            best = mu.lower()
    require(best > 0, "the ELBO is not proved to be concave where the best encoder must lie")
    return best


@no_type_check
def max_of(values):
    """The largest of some balls."""
    total = arb(0)
    for value in values:
        total = total.max(value)
    return total


@no_type_check
def check_elementary(entry: Any, deadline: Deadline) -> str:
    """One line for a decoder at one noise variance: log p, best ELBO and gap, proved to lie where the file says."""
    with ctx.workprec(100):
        model = Model(entry, deadline)
        w = [arb(number(value)) for value in listed(entry["mean"], "means", model.d, model.d)]
        s = [arb(number(value)) for value in listed(entry["deviation"], "deviations", model.d, model.d)]
        require(all(value > 0 for value in s), "expected positive deviations")
        theta, reach, prior = (number(entry[key]) for key in ("theta", "reach", "prior"))
        require(0 < theta < 1 and reach > 0 and 0 <= prior < 1, "expected 0 < theta < 1, reach > 0 and 0 <= prior < 1")
        growth, bend = model.growths()
        total = likelihood(model)
        require(total > 0, "the likelihood is not proved to be positive")
        value, square = encoder(model, w, s, growth)
        barrier(model, theta, reach, prior)
        mu = concavity(model, confined(model, value.lower(), theta, reach, prior), bend)
        best = value + arb(0).union((square / (2 * mu)).upper())
        common = sum(((model.h * scale).log() for scale in model.tau), arb(0))
        common -= (2 * arb.pi() * model.eps).log() * model.count / 2 + sum((arb(g) ** 2 for g in model.g), arb(0)) / 2
        common -= sum((nu**2 for nu in model.nu), arb(0)) / (2 * model.eps)
        found = {
            "log_likelihood": common + total.log() - (2 * arb.pi()).log() * model.d / 2,
            "elbo": common + best + arb(model.d) / 2,
            "gap": total.log() - best - (2 * arb.pi() * arb(1).exp()).log() * model.d / 2,
        }
    facts = []
    for key, name in (("log_likelihood", "log p"), ("elbo", "best ELBO"), ("gap", "gap")):
        claimed = pair(entry[key])
        require(
            holds(found[key], claimed), f"{name} at eps = {model.eps} is not proved to lie in [{', '.join(entry[key])}]"
        )
        facts.append(f"{name} in [{', '.join(entry[key])}]")
    return f"{model.name}: {', '.join(facts)}"
