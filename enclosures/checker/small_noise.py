"""What the statements about all eps of (0, eps0] rest on: bounds of Taylor coefficients and tails. The checker's own.

U(x; h) = V(g + h tau x)/h^2 + h (tau g).x + h^2 |tau x|^2/2 with U(-x; -h) = U(x; h), so that J = int exp(-U) and
G = -E U + sum log s are even in h. Taylor's theorem in h to order m = 2 n + 2 is used where |h x|_oo <= r, and there
V >= theta/2 y'Ry, since y'Ry <= B^2. The rest is smaller than h^m times what it is at h0: `vanishes` asks for that.
"""

from typing import no_type_check

from flint import arb, arb_mat, arb_poly, fmpq

from .boxes import ball, cut
from .encoders import tail
from .reading import require
from .series import exponential, misfit

CELLS = 12
FARTHEST = 42


@no_type_check
class Ground:
    """A model at eps0 with theta, B and n; r, the bounds S_p of Taylor coefficients, and the bounds of tails."""

    def __init__(self, model, theta, reach, n):
        self.model, self.theta, self.B, self.h0, self.n, self.m = model, theta, reach, model.h, n, 2 * n + 2
        self.d, widest = model.d, arb(0)
        for k in range(self.d):
            widest = widest.max(model.inverse[k, k])
        self.stiff = (1 / widest).lower()  # y'Ry >= stiff |y|_oo^2
        total = sum((abs(entry) for row in model.r for entry in row), arb(0))
        self.r = fmpq(0)
        for k in range(1, 65):
            radius = fmpq(k, 16)
            if not total * radius * radius <= arb(reach * reach):
                break
            self.r = radius
            if theta * self.stiff * radius * radius / (2 * model.eps) > 11 - self.m * self.h0.log():
                break
        require(self.r > 0, "the misfit is not proved to grow far enough around the point")
        self.S = self._sizes()
        self.drift = sum((abs(arb(t * g)) for t, g in zip(model.tau, model.g, strict=True)), arb(0))
        self.spread = sum((arb(t * t) for t in model.tau), arb(0))
        self.half = sum((arb(g * g) for g in model.g), arb(0)) / 2

    def ray(self, base, direction, order):
        """[t^k] V(g + tau (base + t direction))."""
        scaled = zip(self.model.place(base), self.model.tau, direction, strict=True)
        return misfit(self.model, [[start, arb(t) * step] for start, t, step in scaled], order)

    def _sizes(self):
        """S_p: |[t^p] V(g + tau (y + t v))| <= S_p |v|_oo^p on |y|_oo <= r."""
        cells = [((-self.r, self.r),) * self.d]
        while len(cells) < CELLS**self.d:
            cells = [half for cell in cells for half in cut(cell)]
        worst = [arb(0)] * (self.m + 3)
        for cell in cells:
            self.model.deadline.ask()
            found = self.ray([ball(side) for side in cell], [arb(0, 1)] * self.d, self.m + 2)
            worst = [a.max(b.abs_upper()) for a, b in zip(worst, found, strict=True)]
        require(all(size.is_finite() for size in worst), "the decoder's Taylor coefficients are not bounded")
        return worst

    def majorants(self):
        """P_k: |[s^k] exp(U(x; xi) - U(x; xi + s))| <= P_k(|x|_oo) where |xi x|_oo <= r and xi <= h0."""
        terms = [arb_poly([0] * (k + 2) + [self.S[k + 2]]) for k in range(1, self.m + 1)]
        terms[0] += arb_poly([0, self.drift, self.h0 * self.spread])
        terms[1] += arb_poly([0, 0, self.spread / 2])
        return exponential(terms)

    def cube_tail(self, poly, rate, start):
        """int P(|x|_oo) exp(-rate |x|_oo^2/2) dx beyond |x|_oo = start: the cube's surface is d 2^d s^(d-1)."""
        total = arb(0)
        for k, value in enumerate(poly.coeffs()):
            power = arb(fmpq(k + self.d, 2))
            total += value * (2 / rate) ** power * (rate * start * start / 2).gamma_upper(power)
        return (total * self.d * 2 ** (self.d - 1)).upper()

    def vanishes(self, rate):
        """`rate` bounds d log(tail)/d log(h) from below at h0, and grows as h falls: tail/h^m is largest at h0."""
        require(rate >= self.m, "what lies far from the point is not proved to vanish fast enough")


@no_type_check
def gauss_moment(poly, d, limit):
    """E[(1 + t^2) P(t); t > limit], t = |u|_oo: t^k is at most the sum of |u_j|^k."""
    total = arb(0)
    for k, value in enumerate((poly * arb_poly([1, 0, 1])).coeffs()):
        power = arb(fmpq(k + 1, 2))
        total += value * d * arb(2) ** (power - fmpq(1, 2)) * (limit * limit / 2).gamma_upper(power)
    return (total / arb.pi().sqrt()).upper()


@no_type_check
def outside(ground):
    """What |x|_oo > r/h adds to J, over h^m: exp(-U) itself, and the terms of its series."""
    model, h, d = ground.model, ground.h0, ground.d
    limit, kept, near = arb(ground.r) / h, arb_poly([0]), arb(0)
    for k in range(d):
        a = limit * (ground.theta / model.inverse[k, k]).sqrt()
        ground.vanishes(a * a)
        near += 2 * tail(a)
    near *= (2 * arb.pi() / ground.theta) ** arb(fmpq(d, 2)) / arb_mat(model.r).det().sqrt()
    deep = ground.theta * arb(ground.B * ground.B) / (2 * model.eps)
    ground.vanishes(2 * deep - d)
    far = (-deep).exp()
    for scale in model.tau:
        far *= (2 * arb.pi()).sqrt() / (h * scale)
    for k, poly in enumerate(ground.majorants()[: ground.m : 2]):
        kept += poly * h ** (2 * k)
    ground.vanishes(ground.stiff * limit * limit - kept.degree() - d)
    return (((near + far) * ground.half.exp() + ground.cube_tail(kept, ground.stiff, limit)) / h**ground.m).upper()
