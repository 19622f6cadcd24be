"""log p, the best ELBO and the gap of an elementary decoder at one eps, proved anew.

f is analytic, x = f(g) + nu with nu normal to the image, prior N(0, I), z = g + h tau x, h = sqrt(eps), and V =
|f - x|^2/2 - |nu|^2/2. U = V/eps + (|z|^2 - |g|^2)/2, J = int exp(-U), G(w, s) = -E U(w + s u) + sum log s. For the
pair (w, s) of the file the checker encloses J, G and grad G, then proves that G has no greater value anywhere than
G + |grad G|^2/(2 mu):

1. V(g + tau y) + prior eps/2 |tau y|^2 >= theta/2 min(y'Ry, B^2) for all y  (R = Hess V at y = 0),
2. so that encoders with G >= L have E y'Ry/eps <= y_plus, and lie in a convex set (w small, s neither large nor small),
3. on which -Hess G >= mu: Hess V is at least l on |y|_oo <= r, and what lies outside has little weight.
"""

from itertools import product
from typing import Any, no_type_check

from flint import arb, arb_mat, fmpq

from .boxes import ball, everywhere, integral
from .formulas import formulas, jets, lines, raised, shown, values
from .lines import INFINITY, Growth, Line
from .reading import Deadline, listed, number, require

HALF = fmpq(1, 2)
RADII = tuple(fmpq(n, 8) for n in (1, 2, 3, 4, 5, 6, 8, 10, 14, 20, 32))
RING_CELLS = 120
BARRIER_CELLS = 12_000
MAXIMAL_OUTPUTS = 64
BITS = 56


@no_type_check
def tail(limit):
    """P(u > limit), u standard normal."""
    return (limit / arb(2).sqrt()).erfc() / 2


@no_type_check
class Model:
    """What the file says about a decoder, a point and a noise variance; and V with its Hessian, range and growth."""

    def __init__(self, entry: Any, deadline: Deadline) -> None:
        self.deadline = deadline
        self.g = [number(value) for value in listed(entry["point"], "latents", 2, 1)]
        self.d = len(self.g)
        outputs = listed(entry["outputs"], "outputs", MAXIMAL_OUTPUTS, self.d)
        self.code, self.count = formulas(outputs, self.d), len(outputs)
        offset = listed(entry["offset"], "entries of the offset", self.count)
        require(len(offset) in (0, self.count), f"expected no offset or one of {self.count} entries, got {len(offset)}")
        self.tau = [number(value) for value in listed(entry["scale"], "scales", self.d, self.d)]
        require(all(scale > 0 for scale in self.tau), "expected positive scales")
        self.eps = number(entry["eps"])
        require(0 < self.eps <= 100, f"expected a noise variance above 0 and at most 100, got {self.eps}")
        self.h = arb(self.eps).sqrt()
        at = jets(self.code, [arb(value) for value in self.g])
        self.image, self.nu = [value for value, _, _ in at], [arb(0)] * self.count
        if offset:
            jacobian = arb_mat([[slope for slope in first] for _, first, _ in at])
            vector = arb_mat([[arb(number(value))] for value in offset])
            inside = jacobian * (jacobian.transpose() * jacobian).solve(jacobian.transpose() * vector)
            self.nu = [vector[i, 0] - inside[i, 0] for i in range(self.count)]
        self.r = self.hessian([arb(0)] * self.d)
        require(eigenvalue(self.r) > 0, "the Hessian at the point is not positive definite")
        self.inverse = arb_mat(self.r).inv()
        point = f"({', '.join(map(str, self.g))})"
        moved = f", moved by the normal part of ({', '.join(str(number(v)) for v in offset)})" if offset else ""
        self.where = f"f = ({', '.join(shown(text) for text in outputs)}), g = {point}{moved}"
        self.name = f"{self.where}, eps = {self.eps}"

    def place(self, y):
        """z = g + tau y."""
        return [value * arb(scale) + arb(start) for value, scale, start in zip(y, self.tau, self.g, strict=True)]

    def potential(self, z):
        """V at real or complex balls."""
        total = None
        for value, at, nu in zip(values(self.code, z), self.image, self.nu, strict=True):
            step = value - at
            term = step * (step / 2 - nu)
            total = term if total is None else total + term
        return total

    def hessian(self, y):
        """Hess of V(g + tau y) in y, by rows."""
        rows = [[arb(0)] * self.d for _ in range(self.d)]
        for (value, first, second), at, nu in zip(jets(self.code, self.place(y)), self.image, self.nu, strict=True):
            for k, j in second:
                square = raised(first[k], 2, 1) if k == j else first[k] * first[j]
                rows[k][j] += (square + (value - at - nu) * second[k, j]) * (self.tau[k] * self.tau[j])
        for k in range(self.d):
            for j in range(k):
                rows[k][j] = rows[j][k]
        return rows

    def scaled(self, x):
        """U at scaled latents."""
        moves = [entry * (self.h * scale) for entry, scale in zip(x, self.tau, strict=True)]
        total = self.potential([move + arb(start) for move, start in zip(moves, self.g, strict=True)]) / self.eps
        for move, start in zip(moves, self.g, strict=True):
            total = total + move * (move / 2 + arb(start))
        return total

    def bend(self, box):
        """The smallest curvature on a box."""
        return eigenvalue(self.hessian([ball(side) for side in box]))

    def growths(self):
        """Growth bounds of V and of the largest entry of its Hessian."""
        d = self.d
        v = bend = Growth.number(arb(0), d)
        for (value, first, second), at, nu in zip(
            jets(self.code, [Growth.latent(k, d) for k in range(d)], True), self.image, self.nu, strict=True
        ):
            step = value + Growth.number(-at, d)
            away = step + Growth.number(-nu, d)
            v = v + step * (step * Growth.number(arb(HALF), d) + Growth.number(-nu, d))
            for k, j in second:
                bend = bend + plain(first[k] * first[j]) + plain(away * second[k, j])
        return v, bend


@no_type_check
def plain(bound):
    """A bound whose range is forgotten, so that sums add sizes."""
    return Growth(Line(-INFINITY, INFINITY), bound.factor, bound.rates, bound.affine)


@no_type_check
def eigenvalue(rows):
    """The smallest eigenvalue of a symmetric matrix of balls, 1 x 1 or 2 x 2."""
    if len(rows) == 1:
        return rows[0][0]
    half = (rows[0][0] - rows[1][1]) / 2
    return (rows[0][0] + rows[1][1]) / 2 - (raised(half, 2, 1) + raised(rows[0][1], 2, 1)).nonnegative_part().sqrt()


@no_type_check
def likelihood(model):
    """J: V >= 0 leaves the prior's tail beyond a box."""
    norm = sum((arb(value) ** 2 for value in model.g), arb(0))
    lift = sum((nu**2 for nu in model.nu), arb(0)) / (2 * model.eps)
    wanted = BITS + 8 + norm - arb(model.eps).log() * model.d + 2 * lift
    reach = (wanted * HALF * 3).sqrt().ceil().upper().fmpq() + 1
    # V is meant up to |nu|^2/2, which it may fall below: `lift`.
    box, lost = [], arb(0)
    for start, scale in zip(model.g, model.tau, strict=True):
        limit = ((reach + abs(start)) / (model.h * scale)).ceil().upper().fmpq()
        box.append((-limit, limit))
        lost += 2 * tail(model.h * scale * limit - abs(start))
    for scale in model.tau:
        lost *= (2 * arb.pi()).sqrt() / (model.h * scale)
    lost *= (norm / 2 + lift).exp()
    found = integral(lambda x: [(-model.scaled(x)).exp()], tuple(box), arb(2) ** -BITS, model.deadline)[0]
    return found + arb(0).union(lost.upper())


@no_type_check
def beyond(growth, centre, spread, limits):
    """A bound of E[prod 2 e^|u_k| C exp(b.|c + t u|); some |u_k| > limit_k]; 1 + u^2 <= 2 e^|u|."""
    factor, whole, far = growth.factor, [], []
    for rate, middle, deviation, limit in zip(growth.rates, centre, spread, limits, strict=True):
        factor = factor * 2 * (rate * abs(middle)).exp()
        power = 1 + rate * deviation
        whole.append(2 * (power**2 / 2).exp())
        far.append(whole[-1] * tail(limit - power))
    total = arb(0)
    for k, part in enumerate(far):
        for j, other in enumerate(whole):
            part = part * other if j != k else part
        total += part
    return (factor * total).upper()


@no_type_check
def encoder(model, w, s, growth):
    """G(w, s) and |grad G|^2, by values of f only: E U_k = E[u_k U]/s_k, E[u_k U_k] = E[(u_k^2 - 1) U]/s_k."""
    normal = (2 * arb.pi()).sqrt() ** model.d

    def integrand(u):
        weight = (sum((entry * entry for entry in u), u[0] * 0) / -2).exp() / normal
        value = weight * model.scaled([a + b * c for a, b, c in zip(w, s, u, strict=True)])
        return [value, *(entry * value for entry in u), *((entry * entry - 1) * value for entry in u)]

    limit = fmpq(13)
    found = integral(integrand, ((-limit, limit),) * model.d, arb(2) ** -BITS, model.deadline)
    total = Growth(growth.line, growth.factor / model.eps, growth.rates, None)
    for k, start in enumerate(model.g):
        rates = tuple(arb(int(j == k)) for j in range(model.d))
        extra = Growth(Line(-INFINITY, INFINITY), 1 + arb(start) ** 2, rates, None)
        total = plain(total) + extra
    centre = [arb(g) + model.h * t * m for g, t, m in zip(model.g, model.tau, w, strict=True)]
    spread = [model.h * t * b for t, b in zip(model.tau, s, strict=True)]
    lost = beyond(total, centre, spread, [arb(limit)] * model.d)
    value, *slopes = (entry + lost.union(-lost) for entry in found)
    square = arb(0)
    for k in range(model.d):
        square += (slopes[k] / s[k]) ** 2 + ((1 - slopes[model.d + k]) / s[k]) ** 2
    return sum((b.log() for b in s), -value), square.upper()


@no_type_check
def barrier(model, theta, reach, prior):
    """Step 1; CertificateError if it is not proved."""
    level, r, d = arb(reach) ** 2, model.r, model.d

    def form(y):
        total = r[0][0] * raised(y[0], 2, 1)
        return total if d == 1 else total + r[1][1] * raised(y[1], 2, 1) + 2 * r[0][1] * (y[0] * y[1])

    def steep(box):
        found = model.hessian([ball(side) for side in box])
        return eigenvalue([[found[k][j] - theta * r[k][j] for j in range(d)] for k in range(d)]) > 0

    core = fmpq(0)
    for radius in RADII:
        if not everywhere(steep, [((-radius, radius),) * d], 300, model.deadline):
            break
        core = radius
    require(core > 0, "the Hessian of the misfit falls too fast near the point")

    def high(box):
        if all(-core <= low and up <= core for low, up in box):
            return True
        y = [ball(side) for side in box]
        value = model.potential(model.place(y))
        for scale, entry in zip(model.tau, y, strict=True):
            value += prior * model.eps / 2 * scale**2 * raised(entry, 2, 1)
        return bool(value.lower() >= (theta / 2 * form(y).min(level)).upper())

    width = next((w for w in (4, 16, 64, 256, 1024) if far_above(model, theta / 2 * level, arb(w))), None)
    if width is None:
        require(prior > 0, "the misfit is not proved to be large at infinity")
        # Beyond, the prior's share alone exceeds theta/2 B^2 + |nu|^2/2, and V >= -|nu|^2/2.
        lift = sum((nu**2 for nu in model.nu), arb(0))
        width = (((theta * level + lift) / (prior * model.eps)).sqrt() / min(model.tau)).ceil().upper().fmpq()
    proved = everywhere(high, [((fmpq(-width), fmpq(width)),) * d], BARRIER_CELLS, model.deadline)
    require(proved, "the misfit is not proved to grow away from the point")


@no_type_check
def far_above(model, level, width):
    """True if V > level wherever some |y_k| > width."""
    sides = (Line(-INFINITY, -width), Line(-width, width), Line(width, INFINITY))
    for pattern in product(range(3), repeat=model.d):
        if all(choice == 1 for choice in pattern):
            continue
        z = []
        for choice, scale, start in zip(pattern, model.tau, model.g, strict=True):
            one, at = arb(scale), arb(start)
            z.append(sides[choice] * Line(one.lower(), one.upper()) + Line(at.lower(), at.upper()))
        total = Line(arb(0), arb(0))
        for line, at, nu in zip(lines(model.code, z), model.image, model.nu, strict=True):
            away = line + Line((-at - nu).lower(), (-at - nu).upper())
            low = (away.power(2).low - nu**2) / 2
            total = total + Line(low.lower(), INFINITY)
        if not total.low > level:
            return False
    return True
