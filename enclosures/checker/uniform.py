"""(gap - c)/eps of an elementary decoder for every eps of (0, eps0], proved anew; notation of `small_noise`.

J: exp(-U(x; h)) = sum_{k<m} E_k(0; x) h^k + h^m int m (1 - s)^(m-1) E_m(s h; x) ds with E_k the k-th Taylor coefficient
in h; odd k integrate to 0, and int |E_m(xi; x)| dx is summed over boxes for xi on pieces of [0, h0].
G: along w_k = h sum m_kj eps^j, s_k = R_kk^(-1/2)(1 + sum sigma_kj eps^j), with m and sigma of the file, E[p psi] for
psi = V(g + tau h (w + s u))/eps and p = 1, u_k, u_k^2 - 1 is expanded alike; psi's Taylor coefficient of order m lies
in the hull of that of V(z(h)) of order m + 2. At eps = 0, gap = c and dG/ds = 0 exactly.
"""

from heapq import heappop, heappush
from typing import Any, no_type_check

from flint import arb, arb_mat, arb_poly, arb_series, ctx, fmpq

from .boxes import ball, cut
from .encoders import Model, barrier, beyond
from .gaps import concavity, confined
from .lines import Growth
from .reading import MAXIMAL_STATEMENTS, Deadline, holds, listed, number, pair, require
from .series import expected, exponential, log1p, misfit, most, over, padded, plus, slices, times
from .small_noise import FARTHEST, Ground, gauss_moment, outside

PIECES = 8
ORDERS = (8, 1)
"""The most and the fewest powers of eps that a file may ask for."""
CUTS = 6_000
ACCURACY = fmpq(1, 1500)


@no_type_check
def form(ground, x):
    """x'Rx."""
    r, d = ground.model.r, ground.d
    total = arb(0)
    for k in range(d):
        size = x[k].abs_upper()
        total += r[k][k] * (arb(0).union(size * size) if x[k].contains(0) else x[k] * x[k])
    return total if d == 1 else total + 2 * r[0][1] * (x[0] * x[1])


@no_type_check
def terms(ground, x, xi):
    """[s^k] U(x; xi + s), k = 0..m: phi's Taylor polynomial about 0, and hulls over [0, xi], intersected."""
    at_zero = ground.ray([arb(0)] * ground.d, x, ground.m + 1)
    segment = arb(0).union(xi.upper())
    hulls = ground.ray([segment * entry for entry in x], x, ground.m + 2)[2:]
    about_zero = arb_poly([form(ground, x) / 2, *at_zero[3:], hulls[ground.m]])(arb_poly([xi, 1]))
    found = []
    for k in range(ground.m + 1):
        a, b = about_zero[k], hulls[k]
        found.append(a.intersection(b) if a.is_finite() and b.is_finite() else b)
    steps = [arb(t) * entry for t, entry in zip(ground.model.tau, x, strict=True)]
    slope = sum((arb(g) * step for g, step in zip(ground.model.g, steps, strict=True)), arb(0))
    square = sum((step * step for step in steps), arb(0))
    found[0] += xi * slope + xi * xi * square / 2
    found[1] += slope + xi * square
    found[2] += square / 2
    return found


@no_type_check
def size(ground, x, xi):
    """A bound of |E_m(xi; x)| for balls, where |xi x|_oo <= r."""
    first, *rest = terms(ground, x, xi)
    before, ctx.cap = ctx.cap, ground.m + 1
    try:
        last = arb_series([arb(0), *(-term for term in rest)], ground.m + 1).exp()[ground.m]
    finally:
        ctx.cap = before
    low = (form(ground, x) * ground.theta / 2 - ground.half).lower()
    if first.is_finite() and first.lower() > low:
        low = first.lower()
    return ((-low).exp() * abs(last)).upper()


@no_type_check
def box_sum(ground, width, xi, farthest, goal):
    """int |E_m(xi; x)| dx over |x|_oo <= min(width, farthest): the boxes that add most are cut until it is small."""
    heap, count = [], 0

    def add(box):
        nonlocal count
        count += 1
        ground.model.deadline.ask()
        if any(low > farthest or -high > farthest for low, high in box):
            return
        area = arb(1)
        for low, high in box:
            area *= high - low
        found = size(ground, [ball(side) for side in box], xi) * area
        order = found.max(arb(2) ** -1000).min(arb(2) ** 1000) if found.is_finite() else arb(2) ** 1000
        heappush(heap, (-order.mid().fmpq(), count, box, found))

    add(((-width, width),) * ground.d)
    while True:
        total = sum((entry[3] for entry in heap), arb(0))
        if total < goal or count > 2 * CUTS:
            return total.upper()
        for _ in range(min(100, len(heap))):
            for half in cut(heappop(heap)[2]):
                add(half)


@no_type_check
def likelihood_remainder(ground, goal):
    """A bound of the remainder of J over h^m. The s-integral weighs small xi most, for smaller h still more."""
    last, rate = ground.majorants()[ground.m], arb(ground.theta) * ground.stiff
    for width in range(6, FARTHEST, 3):
        lost = ground.half.exp() * ground.cube_tail(last, rate, arb(width))
        if lost < fmpq(1, 1000):
            break
    else:
        require(False, "the likelihood's derivatives are not bounded far from the point")
    total, highest = arb(0), arb(0)
    for k in range(PIECES):
        low, high = fmpq(k, PIECES), fmpq(k + 1, PIECES)
        weight, xi = (1 - low) ** ground.m - (1 - high) ** ground.m, (ground.h0 * low).union(ground.h0 * high)
        farthest = ground.r / xi.lower() if k else arb("inf")
        found = box_sum(ground, fmpq(width), xi, farthest, goal / (PIECES * weight))
        highest = highest.max(found + lost)
        total += weight * highest
    return total.upper()


@no_type_check
def log_likelihood(ground):
    """log(J/J(0)) as a model."""
    d, inverse = ground.d, ground.model.inverse
    corner = inverse[0, 0].sqrt()
    side = inverse[1, 0] / corner if d == 2 else arb(0)
    rest = (inverse[1, 1] - side * side).sqrt() if d == 2 else arb(0)

    def even(u):
        x = [corner * u[0]] if d == 1 else [corner * u[0], side * u[0] + rest * u[1]]
        return exponential([-term for term in terms(ground, x, arb(0))[1:]])[2 : ground.m : 2]

    start = (2 * arb.pi()) ** arb(fmpq(d, 2)) / arb_mat(ground.model.r).det().sqrt()
    goal = start * ACCURACY / arb(ground.model.eps) ** ground.n
    left = ((likelihood_remainder(ground, goal) + outside(ground)) / start).upper()
    return log1p([arb(0), *expected(even, d, 3 * (ground.m - 2)), left.union(-left)], ground.model.eps)


@no_type_check
class Path:
    """The encoders of the file."""

    def __init__(self, ground, mean, deviation):
        self.ground, self.mean = ground, mean
        self.ratio = [[fmpq(1), *row] for row in deviation]
        self.s0 = [1 / ground.model.r[k][k].sqrt() for k in range(ground.d)]
        eps = arb(ground.model.eps)
        self.swing = [sum((abs(arb(value)) * eps**j for j, value in enumerate(row)), arb(0)) - 1 for row in self.ratio]
        require(all(swing < fmpq(1, 2) for swing in self.swing), "the encoder's deviations change too much")

    def along(self, u):
        """[h^k] psi, k < m, at u."""
        curve = []
        for k, (g, t) in enumerate(zip(self.ground.model.g, self.ground.model.tau, strict=True)):
            line = [arb(g)] + [arb(0)] * (self.ground.m + 1)
            for j, value in enumerate(self.ratio[k]):
                line[2 * j + 1] += t * self.s0[k] * u[k] * value
            for j, value in enumerate(self.mean[k]):
                line[2 * j + 2] += arb(t * value)
            curve.append(line)
        return misfit(self.ground.model, curve, self.ground.m + 1)[2:]

    def bounds(self, h):
        """Polynomials in |u|_oo that bound [s^k] V(z(xi + s)) for xi <= h, k <= m + 2."""
        steps = [arb_poly([0])] * (self.ground.m + 3)
        for k in range(self.ground.d):
            for j in range(1, self.ground.m + 3):
                free = [
                    abs(arb(v)) * arb(2 * i + 2).bin(j) * h ** (2 * i + 2 - j)
                    for i, v in enumerate(self.mean[k])
                    if 2 * i + 2 >= j
                ]
                slope = [
                    abs(arb(v)) * arb(2 * i + 1).bin(j) * h ** (2 * i + 1 - j)
                    for i, v in enumerate(self.ratio[k])
                    if 2 * i + 1 >= j
                ]
                grown = [sum(free, arb(0)), sum(slope, arb(0)) * self.s0[k]]
                steps[j] = arb_poly([steps[j][0].max(grown[0]), steps[j][1].max(grown[1])])
        found, power = [arb_poly([0])] * (self.ground.m + 3), [arb_poly([1])] + [arb_poly([0])] * (self.ground.m + 2)
        for p in range(1, self.ground.m + 3):
            power = [sum((power[i] * steps[k - i] for i in range(k)), arb_poly([0])) for k in range(self.ground.m + 3)]
            found = [a + b * self.ground.S[p] for a, b in zip(found, power, strict=True)]
        return found

    def remainder(self):
        """A bound over h^m of what E[p psi] differs from its series, for every p."""
        ground, h, d = self.ground, self.ground.h0, self.ground.d
        model, limit = ground.model, arb("inf")
        shifts = [sum((abs(arb(v)) * h ** (2 * j + 1) for j, v in enumerate(row)), arb(0)) for row in self.mean]
        widths = [s * (1 + swing) for s, swing in zip(self.s0, self.swing, strict=True)]
        for shift, width in zip(shifts, widths, strict=True):
            limit = limit.min((ground.r / h - shift) / width)
        kept = sum((poly * h**k for k, poly in enumerate(self.bounds(arb(0))[2 : self.ground.m + 2])), arb_poly([0]))
        ground.vanishes(limit * limit - kept.degree() - 2)
        growth, _ = model.growths()
        spread = [h * t * width for t, width in zip(model.tau, widths, strict=True)]
        for rate, deviation in zip(growth.rates, spread, strict=True):
            ground.vanishes(limit * (limit - 1 - rate * deviation) - 2)
        centre = [abs(arb(g)) + h * t * shift for g, t, shift in zip(model.g, model.tau, shifts, strict=True)]
        far = beyond(Growth(growth.line, growth.factor / model.eps, growth.rates, None), centre, spread, [limit] * d)
        inside = gauss_moment(self.bounds(h)[self.ground.m + 2], d, arb(0))
        return (inside + (gauss_moment(kept, d, limit) + far) / h**self.ground.m).upper()

    def elbo(self):
        """G - G(0) as a model, and a bound of |grad G|^2/eps."""
        model, d, eps0 = self.ground.model, self.ground.d, self.ground.model.eps
        left = self.remainder()

        def moments(u):
            psi = self.along(u)
            return [p * value for p in (arb(1), *u, *(a * a - 1 for a in u)) for value in psi]

        found = expected(moments, d, self.ground.m + 3)
        rows = [found[k * self.ground.m : (k + 1) * self.ground.m] for k in range(2 * d + 1)]
        value, steep, eps = (
            [-v for v in padded([0, *rows[0][2::2]], self.ground.n)],
            arb(0),
            padded([0, 1], self.ground.n),
        )
        for k in range(d):
            g, t, mean = model.g[k], model.tau[k], padded(self.mean[k], self.ground.n)
            s = [v * self.s0[k] for v in padded(self.ratio[k], self.ground.n)]
            s2, m2 = times(s, s, eps0), times(mean, mean, eps0)
            prior = plus([v * (t * g) for v in mean], [v * (t * t) / 2 for v in plus(times(eps, m2, eps0), s2)])
            value = plus(
                value,
                log1p(padded([0, *self.ratio[k][1:]], self.ground.n), eps0),
                [-v for v in times(eps, prior, eps0)],
            )
            pull = times(s, plus(padded([t * g], self.ground.n), [v * (t * t) for v in times(eps, mean, eps0)]), eps0)
            by_mean = most(plus(padded(rows[1 + k][1::2], self.ground.n), pull), eps0) + left * self.ground.h0 ** (
                self.ground.m - 1
            )
            # E[(u^2 - 1) psi] starts with R_kk s_k(0)^2 = 1, which the entropy's slope cancels.
            widening = plus(
                padded([0, *rows[1 + d + k][2::2]], self.ground.n), times(eps, [v * (t * t) for v in s2], eps0)
            )
            by_deviation = most([*widening[1:], arb(0)], eps0) + left * arb(eps0) ** self.ground.n
            least = self.s0[k] * (1 - self.swing[k])
            steep += (by_mean * by_mean + eps0 * by_deviation * by_deviation) / (least * least)
        value[self.ground.n + 1] += left.union(-left)
        return value, steep.upper()


@no_type_check
def slopes(entry, deadline):
    """The model at eps0, and (gap - c)/eps as a model and what a better encoder may take off it."""
    model = Model(entry | {"eps": entry["eps0"]}, deadline)
    theta, reach = number(entry["theta"]), number(entry["reach"])
    require(0 < theta < 1 and reach > 0, "expected 0 < theta < 1 and reach > 0")
    lines = [listed(entry[key], "latents", model.d, model.d) for key in ("mean", "deviation")]
    order = len(listed(lines[0][0], "terms", *ORDERS))
    rows = [[[number(v) for v in listed(row, "terms", order, order)] for row in part] for part in lines]
    barrier(model, theta, reach, fmpq(0))
    ground = Ground(model, theta, reach, order)
    value, steep = Path(ground, *rows).elbo()
    start = -(arb(model.d) + sum((model.r[k][k].log() for k in range(model.d)), arb(0))) / 2
    worst = arb(0)
    for eps in slices(model.eps):
        worst = worst.min(over(value, eps).lower())
    _, bend = model.growths()
    mu = concavity(model, confined(model, (start + worst).lower(), theta, reach, fmpq(0), True), bend)
    gap = plus(log_likelihood(ground), [-v for v in value])
    return model, [*gap[1:], arb(0)], (steep / (2 * mu)).upper()


@no_type_check
def check_every(entry: Any, deadline: Deadline) -> str:
    """One line for a decoder at every eps of (0, eps0]: (gap - c)/eps, piece by piece, lies where the file says."""
    whole, reached = pair(entry["slope"]), fmpq(0)
    with ctx.workprec(100):
        model, slope, better = slopes(entry, deadline)
        for piece in listed(entry["pieces"], "pieces", MAXIMAL_STATEMENTS, 1):
            start, end, claimed = number(piece["start"]), number(piece["end"]), pair(piece["slope"])
            require(start == reached and end > start, f"the pieces leave a hole at eps = {reached}")
            require(whole[0] <= claimed[0] and claimed[1] <= whole[1], f"the piece from {start} exceeds the whole")
            found = over(slope, ball((start, end))) - arb(0).union(better)
            shown = ", ".join(piece["slope"])
            require(holds(found, claimed), f"(gap - c)/eps is not proved to lie in [{shown}] on ({start}, {end}]")
            reached = end
    require(reached == model.eps, f"the pieces end at {reached}, expected {model.eps}")
    order = "; the order is exactly 1" if whole[0] > 0 or whole[1] < 0 else ""
    interval = f"[{', '.join(entry['slope'])}]"
    return f"{model.where}: (gap - c)/eps in {interval} for every eps in (0, {model.eps}]{order}"
