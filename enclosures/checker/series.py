"""Power series in one variable: a decoder along a curve, Gauss's rule for N(0, I), models in eps. The checker's own.

A model in eps is a list a_0, ..., a_n, a_(n+1): a_0 + ... + a_n eps^n + t eps^(n+1) for some t of the ball a_(n+1), for
every eps of (0, eps0].
"""

from functools import lru_cache
from itertools import product
from typing import Any, no_type_check

from flint import acb, arb, arb_poly, arb_series, ctx, fmpq, fmpz_poly

from .reading import require

SLICES = 16


@no_type_check
def series_function(x, name):
    """A function of a series with cap coefficients, from f' = ...; `ctx.cap` is the number of coefficients."""
    if name in ("exp", "log", "sin", "cos", "tan", "atan", "erf", "sqrt"):
        return getattr(x, name)()
    if name in ("sinh", "cosh"):
        grown, fallen = x.exp(), (-x).exp()
        return (grown - fallen) / 2 if name == "sinh" else (grown + fallen) / 2
    slopes = [k * x[k] for k in range(ctx.cap)]
    if name == "asinh":
        rate = ((x * x + 1).sqrt()).inv()
        found = [x[0].asinh()]
        for k in range(1, ctx.cap):
            found.append(sum((slopes[j] * rate[k - j] for j in range(1, k + 1)), arb(0)) / k)
        return arb_series(found, ctx.cap)
    require(name == "tanh", f"no series of {name}")
    found, rate = [x[0].tanh()], []
    for k in range(1, ctx.cap):
        rate.append(int(k == 1) - sum((found[j] * found[k - 1 - j] for j in range(k)), arb(0)))
        found.append(sum((slopes[j] * rate[k - j] for j in range(1, k + 1)), arb(0)) / k)
    return arb_series(found, ctx.cap)


@no_type_check
def series_power(x, p, q):
    """x^(p/q)."""
    base = x if q == 1 else x.sqrt() if q == 2 else (x.log() * fmpq(p, q)).exp()
    if q > 2:
        return base
    if p == 0:
        return arb_series([1], ctx.cap)
    result = base
    for _ in range(abs(p) - 1):
        result = result * base
    return result if p > 0 else result.inv()


@no_type_check
def misfit(model, curve, order):
    """[t^k] of V along z(t), k = 0, ..., order; `curve` lists the coefficients of each latent."""
    before, ctx.cap = ctx.cap, order + 1
    try:
        slots, total = [], arb_series([0], order + 1)
        for name, *rest in model.code.steps:
            if name == "latent":
                slots.append(arb_series(curve[rest[0]], order + 1))
            elif name in ("number", "pi"):
                slots.append(arb_series([arb.pi() if name == "pi" else arb(fmpq(*rest))], order + 1))
            elif name in ("+", "*"):
                left, right = slots[rest[0]], slots[rest[1]]
                slots.append(left + right if name == "+" else left * right)
            elif name == "^":
                slots.append(series_power(slots[rest[0]], *rest[1:]))
            else:
                slots.append(series_function(slots[rest[0]], name))
        for place, at, nu in zip(model.code.outputs, model.image, model.nu, strict=True):
            away = slots[place] - at
            total = total + away * (away / 2 - nu)
        return [total[k] for k in range(order + 1)]
    finally:
        ctx.cap = before


@no_type_check
def exponential(terms):
    """[t^k] exp(terms_1 t + terms_2 t^2 + ...), k = 0, ..., len(terms)."""
    found = [terms[0] * 0 + 1]
    for k in range(1, len(terms) + 1):
        part = terms[0] * 0
        for j in range(1, k + 1):
            part = part + terms[j - 1] * found[k - j] * arb(fmpq(j, k))
        found.append(part)
    return found


@lru_cache(maxsize=4)
def _gauss(count: int, precision: int) -> list[tuple[arb, arb]]:
    """Nodes u and weights (count - 1)!/(count He_(count-1)(u)^2), He the monic Hermite polynomials."""
    with ctx.workprec(precision):
        x, chain = fmpz_poly([0, 1]), [fmpz_poly([1]), fmpz_poly([0, 1])]
        for k in range(1, count):
            chain.append(x * chain[k] - k * chain[k - 1])
        nodes: list[arb] = [acb(root).real for root, _ in chain[count].complex_roots()]  # type: ignore[misc, has-type]
        last: Any = arb_poly(chain[count - 1])
        return [(u, arb(count).gamma() / count / (last(u) * last(u))) for u in nodes]


@no_type_check
def expected(function, d, degree):
    """E of the components of a function of u ~ N(0, I) that are polynomials of at most that degree in each u_k."""
    totals = None
    for nodes in product(_gauss(degree // 2 + 1, ctx.prec), repeat=d):
        weight = arb(1)
        for _, part in nodes:
            weight *= part
        found = [weight * value for value in function([u for u, _ in nodes])]
        totals = found if totals is None else [a + b for a, b in zip(totals, found, strict=True)]
    return totals


@no_type_check
def padded(values, n):
    """A model of a polynomial in eps of degree at most n + 1."""
    return [arb(value) for value in values] + [arb(0)] * (n + 2 - len(values))


@no_type_check
def plus(*models):
    """The sum of models."""
    return [sum(column, arb(0)) for column in zip(*models, strict=True)]


@no_type_check
def times(a, b, eps0):
    """The product of two models on (0, eps0]."""
    size, eps = len(a), arb(0).union(arb(eps0))
    found = [arb(0)] * size
    for i, left in enumerate(a):
        for j, right in enumerate(b):
            extra = i + j - (size - 1)
            found[min(i + j, size - 1)] += left * right * (eps**extra if extra > 0 else 1)
    return found


@no_type_check
def over(a, eps):
    """A ball of the values for the eps of a ball in [0, eps0]."""
    total = arb(0)
    for value in reversed(a):
        total = total * eps + value
    return total


@no_type_check
def slices(eps0):
    """Balls that cover [0, eps0]."""
    return [arb(eps0 * fmpq(k, SLICES)).union(arb(eps0 * fmpq(k + 1, SLICES))) for k in range(SLICES)]


@no_type_check
def most(a, eps0):
    """The largest |value| on (0, eps0]."""
    worst = arb(0)
    for eps in slices(eps0):
        worst = worst.max(over(a, eps).abs_upper())
    return worst


@no_type_check
def log1p(a, eps0):
    """log(1 + a) of a model with a_0 = 0: what u^2, u^3, ... leave after u^(n+1) is below |u|^(n+2)/((n+2)(1-|u|))."""
    n, size, rate = len(a) - 2, most(a, eps0), most([*a[1:], arb(0)], eps0)
    require(size < 1, "a quantity changes too much over the noise variances")
    found, power = list(a), list(a)
    for k in range(2, n + 2):
        power = times(power, a, eps0)
        found = [x + y * fmpq((-1) ** (k + 1), k) for x, y in zip(found, power, strict=True)]
    left = (rate ** (n + 2) * eps0 / ((n + 2) * (1 - size))).upper()
    found[n + 1] += left.union(-left)
    return found
