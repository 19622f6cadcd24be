"""Shears f(z) = M (z_1 + p_1(z_d), ..., z_d), proved anew: python-flint only, none of the code that made a certificate.

Notation of the claim `enclosure`: G the leading block of M'M, kappa = det(M'M)/det(G), c(z) the conditional mean of
the sheared latents, R = G (G + eps I)^-1, phi(z) = -z^2/2 - c'R c/2, Phi the part of the ELBO that depends on mu = g_d
+ eps m and v = sigma_d^2/eps through c, h^2 = eps. Derivatives are taken along lines, by series in t truncated after
t^2. What is proved: the maximiser of the ELBO by Krawczyk's method and branch and bound, log p by Arb's quadrature with
incomplete Gamma tails, and gap'' on each piece; then Taylor's theorem about a rational centre.
"""

from functools import partial
from typing import Any

from flint import acb, acb_poly, arb, arb_mat, arb_poly, arb_series, ctx, fmpq

from .reading import MAXIMAL_PIECES, CertificateError, holds, listed, number, pair, quoted, require
from .shear_model import HALF, Point, Shear, line


def solve(a: arb, b: arb, c: arb, d: arb, right: Point) -> Point:
    """The solution of a 2 x 2 system."""
    determinant = a * d - b * c
    return (d * right[0] - b * right[1]) / determinant, (a * right[1] - c * right[0]) / determinant


class Stationarity:
    """r = ((1/eps) dF/dm, dF/dv), its Jacobian, and h', h'' of h(eps) = max F, over balls (m, v, eps)."""

    def __init__(self, shear: Shear, m: arb, v: arb, eps: arb) -> None:
        self.shear, self.m, self.v, self.eps, self.kappa = shear, m, v, eps, arb(shear.kappa)
        self.first, self.second = self.along(1, 0, 0), self.along(0, 1, 0)
        both = self.along(1, 1, 0)[2] - self.first[2] - self.second[2]
        self.residual = (self.first[1] - self.kappa * m, self.second[1] - self.kappa / 2 + 1 / (2 * v))
        corner = 2 * self.second[2] - 1 / (2 * v * v)
        self.jacobian = (2 * eps * self.first[2] - self.kappa, both, eps * both, corner)

    def along(self, mu: Any, v: Any, eps: Any, bend: Any = 0) -> arb_series:
        """Phi on the line (or parabola, in mu) through the point, to second order in t."""
        start = arb(self.shear.g) + self.eps * self.m
        return self.shear.phi(line(start, mu, bend), line(self.v, v), line(self.eps, eps))

    def elbo_slopes(self) -> Point:
        """h' and h'': F is expanded along (m + m_1 t, v + v_1 t, eps + t), (m_1, v_1) the maximiser's velocity."""
        m, forward = self.m, self.along(self.m, 0, 1)
        mean_rate = self.along(m + 1, 0, 1)[2] - forward[2] - self.first[2]
        m1, v1 = solve(*self.jacobian, (-mean_rate, forward[2] + self.second[2] - self.along(m, 1, 1)[2]))
        mean, variance, eps = line(m, m1), line(self.v, v1), line(self.eps, 1)
        value = self.along(m + self.eps * m1, v1, 1, m1) - (eps * mean * mean + variance) * (self.kappa / 2)
        return forward[1] - self.kappa * m * m / 2, 2 * (value + variance.log() * HALF)[2]


def maximiser(shear: Shear, eps: arb, near: Point) -> Point:
    """Krawczyk's method: a box that holds one stationary point for every eps of the ball; `near` is only a guess."""
    middle, (m, v) = arb(eps.mid()), near
    for _ in range(12):
        at = Stationarity(shear, m, v, middle)
        step = solve(*at.jacobian, at.residual)
        m, v = (m - step[0]).mid(), (v - step[1]).mid()
        require(m.is_finite() and v > 0, "Newton's method failed from the hint given")
    a, b, c, d = (entry.mid() for entry in Stationarity(shear, m, v, middle).jacobian)
    offset = solve(a, b, c, d, Stationarity(shear, m, v, eps).residual)
    radii = [entry.abs_upper() * 2 + arb(2) ** (-ctx.prec * 7 // 8) for entry in offset]
    for _ in range(10):
        dm, dv = ((-radius).union(radius) for radius in radii)
        require(v + dv > 0 and dm.is_finite(), "Krawczyk's test left the domain: the maximiser is not enclosed")
        ja, jb, jc, jd = Stationarity(shear, m + dm, v + dv, eps).jacobian
        column, other = solve(a, b, c, d, (ja, jc)), solve(a, b, c, d, (jb, jd))
        m_new = m - offset[0] + (1 - column[0]) * dm - other[0] * dv
        v_new = v - offset[1] - column[1] * dm + (1 - other[1]) * dv
        if (m + dm).contains_interior(m_new) and (v + dv).contains_interior(v_new):
            return m_new, v_new
        radii = [(5 * (new - old).abs_upper() / 4).mid() for new, old in ((m_new, m), (v_new, v))]
    raise CertificateError("Krawczyk's test failed: the maximiser is not enclosed")


def prove_global(shear: Shear, h: arb, box: Point) -> None:
    """Branch and bound in (w, lambda) = (h m, log v): the stationary point of the box is the global maximum."""
    value, kappa, w, rate = partial(shear.scaled_elbo, h), arb(shear.kappa), h * box[0], box[1].log()
    lower, (w0, rate0) = value(w.mid(), rate.mid()).lower(), (w.mid().fmpq(), rate.mid().fmpq())
    r, concave = fmpq(1), False
    while not concave:
        r = 3 * r / 4
        require(r > fmpq(1, 100), "the ELBO is not proved to be concave near its maximum")
        home = (w0 - r, w0 + r, rate0 - r, rate0 + r)
        sides = arb(home[0]).union(arb(home[1])), arb(home[2]).union(arb(home[3]))
        ww = value(line(sides[0], 1), line(sides[1]))[2]
        rr = value(line(sides[0]), line(sides[1], 1))[2]
        wr = value(line(sides[0], 1), line(sides[1], 1))[2] - ww - rr
        concave = ww < 0 and 4 * ww * rr > wr * wr
    require(sides[0].contains_interior(w) and sides[1].contains_interior(rate), "the maximiser left its region")
    spare = (-HALF - kappa.log() / 2 - lower).nonnegative_part() + 1
    reach, top = (2 * spare / kappa).sqrt().ceil().upper().fmpq(), (-kappa.log()).ceil().upper().fmpq()
    while not -kappa / 2 * arb(top).exp() + arb(top) / 2 < lower:
        top += 1
    cells, count = [(-reach, reach, (2 * lower).floor().lower().fmpq(), top)], 0
    while cells:
        a, b, c, d = cells.pop()
        count += 1
        require(count < 9999, "branch and bound did not end: global maximality is not proved")
        if home[0] <= a and b <= home[1] and home[2] <= c and d <= home[3]:
            continue
        x, y = arb(a).union(arb(b)), arb(c).union(arb(d))
        if value(x, y) < lower or 0 not in value(line(x, 1), line(y))[1] or 0 not in value(line(x), line(y, 1))[1]:
            continue
        if b - a > d - c:
            cells += [(a, (a + b) / 2, c, d), ((a + b) / 2, b, c, d)]
        else:
            cells += [(a, b, c, (c + d) / 2), (a, b, (c + d) / 2, d)]


def integrals(shear: Shear, eps: arb, h: arb, bits: int) -> list[arb]:
    """I, I', I'' of I(eps) = int exp(-kappa u^2/2 + phi(g + h u)) du; d/deps acts as d_zz/(2 kappa) + d_eps."""
    kappa, phi = arb(shear.kappa), [arb_poly([0, 0, -HALF]), arb_poly([0]), arb_poly([0])]
    inverse, term = arb_mat(shear.shifted(eps)).inv(), arb_mat(shear.block)
    for n in range(3):
        term = term * inverse * (1 if n == 0 else -1)
        for a, left in enumerate(shear.mean):
            for b, right in enumerate(shear.mean):
                phi[n] -= arb_poly(left) * arb_poly(right) * (term[a, b] * HALF)
    scale, slope, rate_slope = 1 / (2 * kappa), phi[0].derivative(), phi[1].derivative()
    q1 = (slope.derivative() + slope * slope) * scale + phi[1]
    q1_eps = (rate_slope.derivative() + 2 * slope * rate_slope) * scale + 2 * phi[2]
    q2 = (q1.derivative().derivative() + 2 * q1.derivative() * slope) * scale + q1_eps + q1 * q1
    path = arb_poly([arb(shear.g), h])
    exponent: Any = acb_poly(phi[0](path) - arb_poly([0, 0, kappa / 2]))
    limit, tolerance, results = (arb(2 * bits) / kappa).sqrt().ceil().mid() + 1, arb(2) ** -bits, []
    for q in (arb_poly([1]), q1, q2):
        factor, tail = acb_poly(q(path)), arb(0)

        def weighted(factor: Any, u: acb, _: bool) -> Any:
            shear.deadline.ask()
            return exponent(u).exp() * factor(u)

        body = acb.integral(
            partial(weighted, factor), acb(-limit), acb(limit), rel_tol=tolerance, abs_tol=tolerance
        ).real
        for k, coefficient in enumerate(q(path).coeffs()):
            power = arb(fmpq(k + 1, 2))
            tail += abs(coefficient) * (2 / kappa) ** power * (kappa * limit * limit / 2).gamma_upper(power)
        results.append(body + (-tail).union(tail))
    return results


def gap(shear: Shear, eps: fmpq, near: Point) -> tuple[arb, arb, Point]:
    """gap, d gap/d eps and the box of the stationary point they belong to, at one rational eps."""
    ball, box = arb(eps), maximiser(shear, arb(eps), near)
    at, (value, first, _) = Stationarity(shear, *box, ball), integrals(shear, ball, ball.sqrt(), ctx.prec)
    twice_elbo = 2 * at.first[0] - at.kappa * (ball * box[0] * box[0] + box[1]) + box[1].log()
    extra = shear.normaliser(line(ball, 1))
    total = value.log() - (twice_elbo + (2 * arb.pi()).log() + 1) / 2 + extra[0]
    return total, first / value - at.elbo_slopes()[0] + extra[1], box


def slope_on_piece(shear: Shear, start: fmpq, end: fmpq, near: Point) -> arb:
    """(gap - c)/eps for every eps of (start, end], by Taylor's theorem about 0 (where gap = c) or the middle."""
    centre = fmpq(0) if start == 0 else (start + end) / 2
    value, first, point = gap(shear, centre, near)
    eps, h = arb(start).union(arb(end)), arb(start).sqrt().union(arb(end).sqrt())
    box = maximiser(shear, eps, near)
    require(box[0].contains(point[0]) and box[1].contains(point[1]), "two stationary points on one piece")
    prove_global(shear, h, box)
    total, slope, bend = integrals(shear, eps, h, 20)
    require(total > 0, "the evidence is not proved to be positive")
    bend = bend / total - (slope / total) ** 2 - Stationarity(shear, *box, eps).elbo_slopes()[1]
    bend += 2 * shear.normaliser(line(eps, 1))[2]
    reach = end if start == 0 else max((start - centre) ** 2 / start, (end - centre) ** 2 / end)
    excess = 0 if start == 0 else (value - shear.contrast - centre * first) / arb(start).union(arb(end))
    return first + excess + bend * arb(0).union(arb(reach)) / 2


def check_value(shear: Shear, entry: Any) -> str:
    """One line for a quantity enclosed at one eps (0: its limit), or for the falsehood refuted by it."""
    quantity, eps, proved = entry["quantity"], number(entry["eps"]), pair(entry["enclosed"])
    require(quantity in ("gap", "slope", "variance"), f"expected gap, slope or variance, got {quoted(quantity)}")
    require(eps >= 0, f"expected eps >= 0, got {eps}")
    m, v = (arb(value).mid() for value in pair(entry["near"], ordered=False))
    with ctx.workprec(320):
        value, first, box = gap(shear, eps, (m, v))
        slope = first if eps == 0 else (value - shear.contrast) / eps
        found = {"gap": value, "slope": slope, "variance": box[1]}[quantity]
    prove_global(shear, arb(eps).sqrt(), box)
    if eps == 0:
        slope_on_piece(shear, eps, fmpq(1, 1000), (m, v))
    name = {"gap": "gap", "slope": "(gap - c)/eps", "variance": "variance/eps of the last latent"}[quantity]
    place = f"{name} at eps = {eps}"
    require(holds(found, proved), f"{place} is not proved to lie in [{proved[0]}, {proved[1]}]")
    fact = f"{shear.name}: {place} lies in [{', '.join(entry['enclosed'])}]"
    if "claimed" not in entry:
        return fact
    low, high = pair(entry["claimed"])
    require(high < proved[0] or proved[1] < low, f"{place} is not refuted: [{low}, {high}] is not excluded")
    return f"false: {place} lies in [{', '.join(entry['claimed'])}]; {fact}"


def check_uniform(shear: Shear, entry: Any) -> str:
    """One line for a verified statement about every eps of (0, eps0]."""
    eps0, whole, reached = number(entry["eps0"]), pair(entry["slope"]), fmpq(0)
    for piece in listed(entry["pieces"], "pieces", MAXIMAL_PIECES):
        start, end, claimed = number(piece["start"]), number(piece["end"]), pair(piece["slope"])
        m, v = (arb(value).mid() for value in pair(piece["near"], ordered=False))
        require(start == reached and end > start, f"the pieces leave a hole at eps = {reached}")
        inside = whole[0] <= claimed[0] and claimed[1] <= whole[1]
        require(inside, f"the piece from {start} exceeds [{whole[0]}, {whole[1]}]")
        parts, reached = [(start, end)], end
        while parts:
            low, high = parts.pop()
            proved = slope_on_piece(shear, low, high, (m, v))
            if not holds(proved, claimed):  # halve it: the enclosures of shorter pieces are narrower
                hopeful = 32 * (high - low) > end - start and proved.overlaps(arb(claimed[0]).union(arb(claimed[1])))
                promised = f"[{claimed[0]}, {claimed[1]}]"
                require(hopeful, f"(gap - c)/eps is not proved to lie in {promised} on ({start}, {end}]")
                parts += [(low, (low + high) / 2), ((low + high) / 2, high)]
    require(reached == eps0 and eps0 > 0, f"the pieces end at {reached}, expected {eps0}")
    order = "; the order is exactly 1" if whole[0] > 0 or whole[1] < 0 else ""
    interval = f"[{', '.join(entry['slope'])}]"
    return f"{shear.name}: (gap - c)/eps lies in {interval} for every eps in (0, {eps0}]{order}"
