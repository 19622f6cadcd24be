"""The maximiser (m, v) of the profiled ELBO F(m, v; eps) of a shear, enclosed by Krawczyk's method.

Notation of `shear`: mu_d = g_d + eps m, sigma_d^2 = eps v. The stationarity equations

    r_1 = (1/eps) dF/dm = Phi_mu - kappa m = 0,    r_2 = dF/dv = Phi_v - kappa/2 + 1/(2 v) = 0

are regular at eps = 0, so eps may be a ball that contains 0. For a box X about x0 and a matrix Y ~ r'(x0)^-1,
if K(X) = x0 - Y r(x0) + (1 - Y r'(X))(X - x0) lies inside X then, for every eps of the ball, X holds exactly
one stationary point, and it lies in K(X). Derivatives of Phi come from second-order series over balls.
Centres are exact midpoints of balls; nothing is a float. Claim `enclosure`.
"""

from dataclasses import dataclass

from flint import arb, ctx, fmpq

from ..theory.series.truncated import Series, variables
from .balls import BALLS, inside
from .shear import HALF, ShearInstance, response, smooth_part

MAXIMAL_STEPS = 60
SMALLEST_STEP = 10_000  # of eps, as a divisor


class EnclosureError(ArithmeticError):
    """An enclosure could not be proved: the piece is too wide, the precision too low or the claim false."""


@dataclass(frozen=True)
class Box:
    """The set mean x variance of pairs (m, v)."""

    mean: arb
    variance: arb


@dataclass(frozen=True)
class Jet:
    """Phi and its first and second derivatives in (mu, v, eps); the derivative v_mu is `mu_v`."""

    value: arb
    mu: arb
    v: arb
    mu_mu: arb
    mu_v: arb
    v_v: arb
    eps: arb
    mu_eps: arb
    v_eps: arb
    eps_eps: arb


def jet(instance: ShearInstance, box: Box, eps: arb) -> Jet:
    """Phi's second-order jet in (mu, v, eps) at mu = g_d + eps m."""
    point = [arb(instance.driver) + eps * box.mean, box.variance, eps]
    mean, variance, noise = variables(BALLS, point, 2)
    step = noise.without_constant()
    expansions = response(instance, eps, 2)
    size = range(instance.dimension - 1)
    responses = [
        [step * expansions[1][a][b] + step * step * expansions[2][a][b] + expansions[0][a][b] for b in size]
        for a in size
    ]
    phi: Series = smooth_part(instance, mean, variance, noise, responses)
    c = phi.coefficient
    return Jet(
        phi.constant, c(1, 0, 0), c(0, 1, 0), 2 * c(2, 0, 0), c(1, 1, 0), 2 * c(0, 2, 0),
        c(0, 0, 1), c(1, 0, 1), c(0, 1, 1), 2 * c(0, 0, 2),
    )  # fmt: skip


def _residual(instance: ShearInstance, box: Box, at: Jet) -> tuple[arb, arb]:
    curvature = arb(instance.curvature)
    return at.mu - curvature * box.mean, at.v - curvature * HALF + HALF / box.variance


def _jacobian(instance: ShearInstance, box: Box, at: Jet, eps: arb) -> tuple[arb, arb, arb, arb]:
    """r'(m, v) by rows."""
    corner = at.v_v - HALF / (box.variance * box.variance)
    return eps * at.mu_mu - arb(instance.curvature), at.mu_v, eps * at.mu_v, corner


def _solve(matrix: tuple[arb, arb, arb, arb], right: tuple[arb, arb]) -> tuple[arb, arb]:
    a, b, c, d = matrix
    determinant = a * d - b * c
    return (d * right[0] - b * right[1]) / determinant, (a * right[1] - c * right[0]) / determinant


def objective(instance: ShearInstance, box: Box, eps: arb) -> arb:
    """F(m, v; eps) over a box and a ball eps."""
    mean = arb(instance.driver) + eps * box.mean
    phi = smooth_part(instance, mean, box.variance, eps, response(instance, eps, 0)[0])
    return phi - arb(instance.curvature) * HALF * (eps * box.mean * box.mean + box.variance) + box.variance.log() * HALF


def limit_start(instance: ShearInstance) -> Box:
    """The stationary point at eps = 0: v = 1/A_dd, then m solves the linear equation r_1 = 0."""
    variance = arb(1 / instance.latent_precision[-1])
    trial = Box(arb(0), variance)
    slope = jet(instance, trial, arb(0)).mu
    return Box((slope / arb(instance.curvature)).mid(), variance.mid())


def approximate_maximiser(instance: ShearInstance, eps: fmpq, start: Box | None = None) -> Box:
    """A point near the stationary point at eps, by Newton's method; steps in eps are halved where it fails.

    Nothing is proved about the result: it is the centre that the proofs start from.
    """
    if start is not None:
        found = _newton(instance, start, arb(eps))
        if found is not None:
            return found
    here, step, point = fmpq(0), eps, limit_start(instance)
    while True:
        target = min(eps, here + step)
        found = _newton(instance, point, arb(target))
        if found is not None and target == eps:
            return found
        if found is not None:
            here, point = target, found
        elif step * SMALLEST_STEP <= eps:
            raise EnclosureError(f"Newton's method found no stationary point at eps = {target}")
        else:
            step = step / 2


def _newton(instance: ShearInstance, start: Box, eps: arb) -> Box | None:
    box, tolerance = start, arb(2) ** (-(ctx.prec * 3) // 4)
    for _ in range(MAXIMAL_STEPS):
        at = jet(instance, box, eps)
        step = _solve(_jacobian(instance, box, at, eps), _residual(instance, box, at))
        new = Box((box.mean - step[0]).mid(), (box.variance - step[1]).mid())
        if not (new.mean.is_finite() and new.variance > box.variance / 4 and new.variance < box.variance * 4):
            return None
        box = new
        if abs(step[0].mid()) < tolerance * (1 + abs(box.mean)) and abs(step[1].mid()) < tolerance:
            return box
    return None


def enclose_maximiser(instance: ShearInstance, eps: arb, centre: Box) -> Box:
    """A box that contains, for every point of the ball eps, exactly one stationary point of F.

    Raises EnclosureError if Krawczyk's test fails on all the boxes tried. That the stationary point is the
    global maximum is another proof, in `global_maximum`.
    """
    middle = arb(eps.mid())
    inverse = _jacobian(instance, centre, jet(instance, centre, middle), middle)
    a, b, c, d = (entry.mid() for entry in inverse)
    determinant = (a * d - b * c).mid()
    y = tuple((entry / determinant).mid() for entry in (d, -b, -c, a))
    r = _residual(instance, centre, jet(instance, centre, eps))
    offset = (y[0] * r[0] + y[1] * r[1], y[2] * r[0] + y[3] * r[1])
    floor = arb(2) ** (-(ctx.prec * 7) // 8)
    radius = [(entry.abs_upper() + floor) * arb(fmpq(9, 8)) for entry in offset]
    for _ in range(12):
        spread = [arb(0).union(entry).union(-entry) for entry in radius]
        box = Box(centre.mean + spread[0], centre.variance + spread[1])
        if box.variance > 0:
            jm, jv, km, kv = _jacobian(instance, box, jet(instance, box, eps), eps)
            image = Box(
                centre.mean
                - offset[0]
                + (1 - (y[0] * jm + y[1] * km)) * spread[0]
                - (y[0] * jv + y[1] * kv) * spread[1],
                centre.variance
                - offset[1]
                - (y[2] * jm + y[3] * km) * spread[0]
                + (1 - (y[2] * jv + y[3] * kv)) * spread[1],
            )
            if inside(image.mean, box.mean) and inside(image.variance, box.variance):
                return image
            radius = [
                ((image.mean - centre.mean).abs_upper() * fmpq(9, 8)).mid(),
                ((image.variance - centre.variance).abs_upper() * fmpq(9, 8)).mid(),
            ]
            if not all(entry.is_finite() for entry in radius):
                break
        else:
            break
    raise EnclosureError(f"Krawczyk's test failed for eps in {eps}: the piece is too wide or the precision too low")


def elbo_derivatives(instance: ShearInstance, box: Box, eps: arb) -> tuple[arb, arb]:
    """(h', h'') of h(eps) = F(m*(eps), v*(eps); eps), for any maximiser in the box (envelope theorem).

    h' = F_eps; h'' = F_eps,eps + F_eps,x . x', x' = -r'^-1 r_eps.
    """
    at = jet(instance, box, eps)
    m, curvature = box.mean, arb(instance.curvature)
    first = at.mu * m + at.eps - curvature * m * m * HALF
    r_eps = (at.mu_mu * m + at.mu_eps, at.mu_v * m + at.v_eps)
    solution = _solve(_jacobian(instance, box, at, eps), r_eps)
    second = at.mu_mu * m * m + 2 * at.mu_eps * m + at.eps_eps
    # F_eps,m = eps r_1,eps because r_1 = 0 at the maximiser.
    second -= eps * r_eps[0] * solution[0] + r_eps[1] * solution[1]
    return first, second
