"""Enclosures for any elementary decoder of one latent: f: R -> R^D, prior N(0, 1), x = f(g).

With V(z) = |f(z) - x|^2/2, mu = g + eps m, sigma^2 = eps v (h^2 = eps),

    log p_eps(x) = log J - D/2 log(2 pi eps) + log(eps)/2 - log(2 pi)/2,  J = int exp(-V(g + hu)/eps - z^2/2) du,
    F(m, v) = -E V(mu + sigma u)/eps - (mu^2 + eps v)/2 + log(v)/2,
    gap = log J - F - log(2 pi e)/2.

Expectations are Arb quadratures with proved tails (`growth`). Derivatives of E V in mu are E[He_k(u) V]/sigma^k
(Stein), so that only values of f are needed. The stationary point is enclosed by Krawczyk's method; that it
is the global maximum is NOT proved here: what is proved for the supremum is that its gap lies in
[0, upper end of `gap`]. Sources: claims `elbo-decomposition`, `block-encoder` and `higher-orders`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from flint import acb, arb, ctx, fmpq

from ..errors import RequestError
from ..theory.series.coefficients import GapSeries
from ..theory.series.decoders import SymbolicDecoder, gap_coefficients
from .balls import BALLS, inside
from .growth import Growth, gaussian_tail, growth
from .maximiser import EnclosureError
from .scalar import scalar_function

HERMITE = ((1,), (0, 1), (-1, 0, 1), (0, -3, 0, 1), (3, 0, -6, 0, 1))
NEWTON_STEPS = 40
COARSE_BITS = 48


@dataclass(frozen=True)
class OneDimensional:
    """A decoder of one latent and the point g with x = f(g)."""

    decoder: SymbolicDecoder
    point: fmpq

    def __post_init__(self) -> None:
        if len(self.decoder.symbols) != 1:
            raise RequestError(f"expected a decoder of one latent, got {len(self.decoder.symbols)}")

    @cached_property
    def growth(self) -> Growth:
        """|V(z)| <= C exp(b |z|)."""
        total = Growth(arb(0), (arb(0),))
        for output in self.decoder.outputs:
            bound = growth(output, self.decoder.symbols)
            image = Growth(bound.factor * (bound.rates[0] * abs(arb(self.point))).exp(), (arb(0),))
            total = total + (bound + image) * (bound + image)
        return Growth(total.factor / 2, total.rates)

    def potential(self) -> Callable[[acb], acb]:
        """V as a function of a complex ball, at the working precision; not finite where f is not analytic."""
        functions = [scalar_function(output, self.decoder.symbols[0]) for output in self.decoder.outputs]
        images = [acb(function(acb(arb(self.point)))) for function in functions]

        def value(z: acb) -> acb:
            total = acb(0)
            for function, image in zip(functions, images, strict=True):
                residual = function(z) - image
                total += residual * residual
            return total / 2

        return value


@dataclass(frozen=True)
class OneDimensionalGap:
    """Enclosures at one eps; `gap` is that of the stationary encoder (mean, variance) = (g + eps m, eps v)."""

    eps: fmpq
    log_likelihood: arb
    gap: arb
    m: arb
    v: arb


def coefficients(instance: OneDimensional, order: int) -> GapSeries:
    """L_n, E_n, a_n in balls at the working precision (claim `higher-orders`)."""
    return gap_coefficients(instance.decoder, [arb(instance.point)], order, BALLS)


def likelihood_integral(instance: OneDimensional, eps: fmpq) -> arb:
    """J, to about the working precision: |z| beyond Z adds at most the prior's tail, since V >= 0."""
    h, g = arb(eps).sqrt(), arb(instance.point)
    outer = (arb(2 * ctx.prec).sqrt().ceil() + 1).mid()
    left, right = ((-outer - g) / h).mid(), ((outer - g) / h).mid()
    bulk = min(arb(outer), right, -left)

    potential = instance.potential()

    def integrand(u: acb, _: bool) -> acb:
        z = h * u + g
        return (-potential(z) / eps - z * z / 2).exp()

    tolerance = arb(2) ** (-ctx.prec)
    total = arb(0)
    for start, end in ((left, -bulk), (-bulk, bulk), (bulk, right)):
        total += acb.integral(integrand, acb(start), acb(end), rel_tol=tolerance, abs_tol=tolerance).real
    # int_{|z|>Z'} exp(-z^2/2) dz / h with Z' a little below Z, since the ends were rounded.
    tail = (arb(2) * arb.pi()).sqrt() / h * ((outer - 1) / arb(2).sqrt()).erfc()
    return total + arb(0).union(tail)


def _expectations(instance: OneDimensional, eps: fmpq, m: arb, v: arb, highest: int) -> list[arb]:
    """[E V, E V', ..., E V^(highest)]: entry k is E[He_k(u) V(mu + sigma u)] / sigma^k."""
    mean, deviation = instance.point + eps * m, (eps * v).sqrt()
    # The tail bound shifts the normal density by the growth rate: start that much further out.
    rate = (instance.growth.rates[0] * deviation).upper() + 2
    limit = (arb(2 * ctx.prec).sqrt() + rate).ceil().mid()
    tolerance = arb(2) ** (-ctx.prec)
    potential, values = instance.potential(), []
    for k in range(highest + 1):

        def integrand(u: acb, _: bool, hermite: tuple[int, ...] = HERMITE[k]) -> acb:
            weight = acb(0)
            for coefficient in reversed(hermite):
                weight = weight * u + coefficient
            return (-u * u / 2).exp() * weight * potential(mean + deviation * u)

        body = acb.integral(integrand, acb(-limit), acb(limit), rel_tol=tolerance, abs_tol=tolerance).real
        tail = sum(
            (abs(c) * gaussian_tail(instance.growth, mean, deviation, limit, i) for i, c in enumerate(HERMITE[k])),
            arb(0),
        )
        values.append((body / (2 * arb.pi()).sqrt() + (-tail).union(tail)) / deviation**k)
    return values


def _residual(instance: OneDimensional, eps: fmpq, m: arb, v: arb, moments: list[arb]) -> tuple[arb, arb]:
    """r_1 = (1/eps) dF/dm, r_2 = dF/dv."""
    return -moments[1] / eps - instance.point - eps * m, -moments[2] / 2 - arb(eps) / 2 + 1 / (2 * v)


def _jacobian(eps: fmpq, v: arb, moments: list[arb]) -> tuple[arb, arb, arb, arb]:
    return (
        -moments[2] - eps,
        -moments[3] / 2,
        -eps * moments[3] / 2,
        -eps * moments[4] / 4 - 1 / (2 * v * v),
    )


def gap_at(instance: OneDimensional, eps: fmpq, digits: int = 20) -> OneDimensionalGap:
    """Enclose log p_eps(x) and the gap of the stationary encoder near (m, v) of the series, at a rational eps > 0.

    Raises EnclosureError if Newton's or Krawczyk's method fails, RequestError where no tail bound is known.
    """
    with ctx.workprec(digits * 10 // 3 + 32):
        m, v = _stationary_point(instance, eps)
        m_box, v_box = _krawczyk(instance, eps, m, v)
        energy = _expectations(instance, eps, m_box, v_box, 0)[0]
        mean = instance.point + eps * m_box
        elbo = -energy / eps - (mean * mean + eps * v_box) / 2 + v_box.log() / 2
        log_integral = likelihood_integral(instance, eps).log()
        gap = log_integral - elbo - (2 * arb.pi() * arb(1).exp()).log() / 2
        outputs = len(instance.decoder.outputs)
        log_likelihood = log_integral + arb(eps).log() / 2 - (2 * arb.pi()).log() / 2
        log_likelihood -= (2 * arb.pi() * eps).log() * outputs / 2
    return OneDimensionalGap(eps, log_likelihood, gap, m_box, v_box)


def _stationary_point(instance: OneDimensional, eps: fmpq) -> tuple[arb, arb]:
    """Newton's method from the series' first term, coarse at first: the centre of the proof, not a bound."""
    series = coefficients(instance, 1)
    m, v = series.mean[0][0].mid(), series.variance[0][0].mid()
    for precision in (COARSE_BITS, ctx.prec):
        with ctx.workprec(precision):
            threshold = arb(2) ** (-precision // 3)
            for _ in range(NEWTON_STEPS):
                moments = _expectations(instance, eps, m, v, 4)
                r, (a, b, c, d) = _residual(instance, eps, m, v, moments), _jacobian(eps, v, moments)
                determinant = a * d - b * c
                step = (d * r[0] - b * r[1]) / determinant, (a * r[1] - c * r[0]) / determinant
                m, v = (m - step[0]).mid(), (v - step[1]).mid()
                if not (m.is_finite() and v > 0):
                    raise EnclosureError(f"Newton's method left the domain at eps = {eps}")
                # Quadratic convergence: a step of a third of the bits leaves an error of two thirds.
                if abs(step[0].mid()) < threshold and abs(step[1].mid()) < threshold:
                    break
    return m, v


def _krawczyk(instance: OneDimensional, eps: fmpq, m: arb, v: arb) -> tuple[arb, arb]:
    moments = _expectations(instance, eps, m, v, 4)
    r, (a, b, c, d) = _residual(instance, eps, m, v, moments), _jacobian(eps, v, moments)
    determinant = (a * d - b * c).mid()
    y = [(entry / determinant).mid() for entry in (d, -b, -c, a)]
    offset = y[0] * r[0] + y[1] * r[1], y[2] * r[0] + y[3] * r[1]
    radius = [2 * entry.abs_upper() + arb(2) ** (-ctx.prec * 3 // 5) for entry in offset]
    spread = [(-entry).union(entry) for entry in radius]
    moments = _expectations(instance, eps, m + spread[0], v + spread[1], 4)
    jm, jv, km, kv = _jacobian(eps, v + spread[1], moments)
    image = (
        m - offset[0] + (1 - (y[0] * jm + y[1] * km)) * spread[0] - (y[0] * jv + y[1] * kv) * spread[1],
        v - offset[1] - (y[2] * jm + y[3] * km) * spread[0] + (1 - (y[2] * jv + y[3] * kv)) * spread[1],
    )
    if not (inside(image[0], m + spread[0]) and inside(image[1], v + spread[1])):
        raise EnclosureError(f"Krawczyk's test failed at eps = {eps}: raise the number of digits")
    return image
