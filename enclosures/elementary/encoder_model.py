"""G(w, s) and its gradient along a path of encoders, as Taylor models in eps, for every eps of (0, eps0].

The path: w_k = h sum_j m_kj eps^j and s_k = R_kk^(-1/2) (1 + sum_{j>=1} sigma_kj eps^j), rationals m and sigma, j <= n.
Then z = g + tau y(h) with y = h (w + s u) a polynomial in h, and Taylor's theorem in h for psi(h) = V(z)/h^2 gives

    E_u[p psi] = sum_{k<m} E[p psi_k] h^k + at most C h^m,   p in {1, u_k, u_k^2 - 1},

with exact Gaussian moments; odd k vanish for even p, even k for odd p. Stein: s_k dG/dw_k = -E[u_k U] and s_k dG/ds_k =
1 - E[(u_k^2 - 1) U]. At eps = 0, G = -d/2 - (sum log R_kk)/2 and dG/ds = 0 exactly. Notation of `small_noise`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import no_type_check

from flint import arb, arb_mat, arb_poly, fmpq

from ..balls import dyadic
from ..growth import Growth
from .eps_model import EpsModel
from .integrals import outer_moment
from .rays import from_the_point, gaussian_mean
from .small_noise import Ground, TooWideError

HINT_BITS = 40
Rows = tuple[tuple[fmpq, ...], ...]


@dataclass(frozen=True)
class Path:
    """m_k0, m_k1, ... and sigma_k1, sigma_k2, ... by k."""

    mean: Rows
    deviation: Rows


@dataclass(frozen=True)
class EncoderModel:
    """G - G(0) along the path, and bounds of |dG/dw_k|/h and |dG/ds_k|/eps on (0, eps0]."""

    value: EpsModel
    by_mean: tuple[arb, ...]
    by_deviation: tuple[arb, ...]


@no_type_check
@dataclass(frozen=True)
class Walk:
    """A path on the ground of an instance, with what its curves are made of."""

    ground: Ground
    path: Path

    @cached_property
    def start(self) -> list[arb]:
        """R_kk^(-1/2)."""
        return [1 / self.ground.matrix[k][k].sqrt() for k in range(self.ground.instance.latents)]

    def steps(self, u: list[arb]) -> list[list[arb]]:
        """The coefficients of h, h^2, ... in y(h) = h (w + s u), up to h^(2 n + 1)."""
        result = []
        for k, place in enumerate(u):
            odd = [self.start[k] * place * entry for entry in (fmpq(1), *self.path.deviation[k])]
            even = [arb(entry) for entry in self.path.mean[k]]
            even += [arb(0)] * (len(odd) - len(even))
            result.append([value for both in zip(odd, even, strict=True) for value in both])
        return [list(column) for column in zip(*result, strict=True)]

    @cached_property
    def moments(self) -> list[list[arb]]:
        """E[p psi_k] for k < m; rows p = 1, u_1, ..., u_d, u_1^2 - 1, ..., u_d^2 - 1."""
        m, d = self.ground.derivatives, self.ground.instance.latents

        def terms(u: list[arb]) -> list[arb]:
            psi = from_the_point(self.ground.instance, self.steps(u), m + 1)[2:]
            factors = [arb(1), *u, *(entry**2 - 1 for entry in u)]
            return [factor * value for factor in factors for value in psi]

        found = gaussian_mean(terms, d, m + 3)
        return [found[row * m : (row + 1) * m] for row in range(1 + 2 * d)]

    def sizes(self, h: arb) -> list[arb_poly]:
        """|[s^k] V(g + tau y(xi + s))| <= these polynomials in |u|_oo, 0 <= xi <= h and |y(xi)|_oo <= r; k <= m + 2."""
        m = self.ground.derivatives
        curve = [arb_poly([0])] * (m + 3)
        for k in range(self.ground.instance.latents):
            ones = [arb(entry) for entry in (fmpq(1), *self.path.deviation[k])]
            terms = {2 * j + 1: arb_poly([0, self.start[k] * abs(entry)]) for j, entry in enumerate(ones)}
            terms |= {2 * j + 2: arb_poly([abs(arb(entry))]) for j, entry in enumerate(self.path.mean[k])}
            for j in range(1, m + 3):
                moved = arb_poly([0])
                for exponent, term in terms.items():
                    if exponent >= j:
                        moved += term * (arb(exponent).bin(j) * h ** (exponent - j))
                curve[j] = _larger(curve[j], moved)
        total, power = [arb_poly([self.ground.sizes[0]])] + [arb_poly([0])] * (m + 2), [arb_poly([1])]
        for p in range(1, m + 3):
            power = _product(power, curve, m + 3)
            total = [a + b * self.ground.sizes[p] for a, b in zip(total, power, strict=True)]
        return total

    @cached_property
    def left(self) -> arb:
        """C: a bound of the remainder of every E[p psi], relative to h^m, for all h <= h0."""
        ground, h = self.ground, self.ground.h0
        m, d = ground.derivatives, ground.instance.latents
        inside = _moment(self.sizes(h)[m + 2], d, arb(0))
        means = [sum((abs(arb(v)) * h ** (2 * j + 1) for j, v in enumerate(row)), arb(0)) for row in self.path.mean]
        swings = [self.start[k] * (1 + drift) for k, drift in enumerate(self.drifts)]
        limit = arb("inf")
        for mean, swing in zip(means, swings, strict=True):
            limit = limit.min((ground.reach / h - mean) / swing)
        kept = arb_poly([0])
        for k, size in enumerate(self.sizes(arb(0))[2 : m + 2]):
            kept += size * h**k
        ground.flat(limit * limit - (kept.degree() + 2))
        scale, point = ground.instance.scale, ground.instance.point
        spread = [h * t * swing for t, swing in zip(scale, swings, strict=True)]
        centre = [abs(arb(g)) + h * t * mean for g, t, mean in zip(point, scale, means, strict=True)]
        bound = ground.instance.growth
        for rate, deviation in zip(bound.rates, spread, strict=True):
            ground.flat(limit * (limit - 1 - rate * deviation) - 2)
        far = outer_moment(Growth(bound.factor / ground.eps0, bound.rates), centre, spread, [limit] * d)
        return (inside + (_moment(kept, d, limit) + far) / h**m).upper()

    @cached_property
    def drifts(self) -> list[arb]:
        """Bounds of |s_k/s_k(0) - 1|; EnclosureError unless they are below 1/2."""
        eps = arb(self.ground.eps0)
        found = [
            sum((abs(arb(value)) * eps ** (j + 1) for j, value in enumerate(row)), arb(0))
            for row in self.path.deviation
        ]
        if not all(drift < fmpq(1, 2) for drift in found):
            raise TooWideError("the best encoder changes too much over the noise variances asked for")
        return found

    def models(self) -> tuple[EpsModel, list[EpsModel], list[EpsModel]]:
        """G - G(0), s_k (dG/dw_k)/h and s_k dG/ds_k, without the remainders C h^m of the moments."""
        ground, n = self.ground, self.ground.order
        scale, point = ground.instance.scale, ground.instance.point

        def model(values: list[arb]) -> EpsModel:
            return EpsModel.polynomial(values, n, ground.eps0)

        moments, d, eps = self.moments, ground.instance.latents, model([arb(0), arb(1)])
        value = model([arb(0), *moments[0][2::2]]).scaled(arb(-1))
        by_mean, by_deviation = [], []
        for k in range(d):
            ratio = model([arb(0), *(arb(entry) for entry in self.path.deviation[k])])
            s = (model([arb(1)]) + ratio).scaled(self.start[k])
            m = model([arb(entry) for entry in self.path.mean[k]])
            square, t2 = s * s, arb(scale[k] ** 2)
            value += ratio.log1p() + (eps * (m.scaled(arb(scale[k] * point[k])))).scaled(arb(-1))
            value += (eps * (eps * m * m + square)).scaled(-t2 / 2)
            prior = s * (model([arb(scale[k] * point[k])]) + (eps * m).scaled(t2))
            by_mean.append((model(moments[1 + k][1::2]) + prior).scaled(arb(-1)))
            # E[(u^2 - 1) psi_0] = R_kk s_k(0)^2 = 1.
            by_deviation.append(
                (model([arb(0), *moments[1 + d + k][2::2]]) + (eps * square).scaled(t2)).scaled(arb(-1))
            )
        return value, by_mean, by_deviation

    def enclosed(self) -> EncoderModel:
        """The models with all remainders."""
        ground, (value, by_mean, by_deviation) = self.ground, self.models()
        least = [start * (1 - drift) for start, drift in zip(self.start, self.drifts, strict=True)]
        over = self.left * ground.h0 ** (ground.derivatives - 1)
        means = tuple(((a.range().abs_upper() + over) / s).upper() for a, s in zip(by_mean, least, strict=True))
        over = self.left * arb(ground.eps0) ** ground.order
        deviations = tuple(
            ((a.over_eps().abs_upper() + over) / s).upper() for a, s in zip(by_deviation, least, strict=True)
        )
        both = self.left.union(-self.left)
        return EncoderModel(EpsModel(value.coefficients, value.remainder + both, value.eps0), means, deviations)


@no_type_check
def _larger(a: arb_poly, b: arb_poly) -> arb_poly:
    size = max(len(a), len(b))
    return arb_poly([a[k].max(b[k]) for k in range(size)])


@no_type_check
def _product(a: list[arb_poly], b: list[arb_poly], size: int) -> list[arb_poly]:
    result = [arb_poly([0])] * size
    for i, left in enumerate(a):
        for j in range(size - i):
            result[i + j] = result[i + j] + left * b[j]
    return result


@no_type_check
def _moment(polynomial: arb_poly, latents: int, limit: arb) -> arb:
    """A bound of E[(1 + t^2) P(t); t > limit] for t = |u|_oo, P with coefficients >= 0: t^j <= sum_k |u_k|^j."""
    total = arb(0)
    for k, coefficient in enumerate((polynomial * arb_poly([1, 0, 1])).coeffs()):
        half = arb(fmpq(k + 1, 2))
        moment = arb(2) ** arb(fmpq(k, 2)) / arb.pi().sqrt() * (limit * limit / 2).gamma_upper(half)
        total += coefficient * latents * moment
    return total.upper()


@no_type_check
def best_path(ground: Ground) -> Path:
    """A path along which the gradient of G vanishes to order eps^n, up to rounding: order by order, no proof needed."""
    d, n = ground.instance.latents, ground.order
    unit, inverse = fmpq(2) ** HINT_BITS, arb_mat(ground.matrix).inv()
    mean = [[fmpq(0)] * n for _ in range(d)]
    deviation = [[fmpq(0)] * n for _ in range(d)]

    def short(value: arb) -> fmpq:
        return fmpq((dyadic(value) * unit).floor()) / unit

    def walk() -> Walk:
        return Walk(ground, Path(tuple(map(tuple, mean)), tuple(map(tuple, deviation))))

    for j in range(n):
        here = walk()
        slopes = arb_mat([[a.coefficients[j] / here.start[k]] for k, a in enumerate(here.models()[1])])
        for k in range(d):
            mean[k][j] += short((inverse * slopes)[k, 0])
        for k, model in enumerate(walk().models()[2]):
            last = model.coefficients[j + 1] if j + 1 <= n else model.remainder
            deviation[k][j] += short(last / 2)
    return Path(tuple(map(tuple, mean)), tuple(map(tuple, deviation)))
