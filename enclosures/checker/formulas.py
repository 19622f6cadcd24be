"""Formulas of a certificate: read from their prefix form, worked out with first and second derivatives.

A formula becomes a list of steps in which equal parts occur once. It is run on real or complex balls (`values`), and on
second-order jets over balls or over growth bounds (`jets`): value, gradient and Hessian by the chain rule.
"""

from dataclasses import dataclass
from typing import Any, no_type_check

from flint import acb, arb, fmpq

from .lines import Growth, Line
from .reading import CertificateError, number, quoted, require

FUNCTIONS = ("exp", "log", "sin", "cos", "tan", "tanh", "sinh", "cosh", "atan", "asinh", "erf", "sqrt")
MAXIMAL_STEPS = 1_000
MAXIMAL_DEPTH = 80
MAXIMAL_POWER = 32


@dataclass
class Formulas:
    """Steps (name, operands) in order; an operand is a place in the list. `outputs` are the places of the results."""

    latents: int
    steps: list[tuple[Any, ...]]
    outputs: list[int]


def formulas(texts: list[Any], latents: int) -> Formulas:
    """The formulas of the outputs; CertificateError for what is none, or is too large."""
    found = Formulas(latents, [], [])
    places: dict[tuple[Any, ...], int] = {}

    def place(step: tuple[Any, ...]) -> int:
        if step not in places:
            require(len(places) < MAXIMAL_STEPS, f"expected formulas of at most {MAXIMAL_STEPS} steps, got more")
            places[step] = len(found.steps)
            found.steps.append(step)
        return places[step]

    def visit(node: Any, depth: int) -> int:
        require(depth < MAXIMAL_DEPTH, f"expected formulas nested at most {MAXIMAL_DEPTH} deep, got more")
        if isinstance(node, str):
            if node in [f"z{k + 1}" for k in range(latents)]:
                return place(("latent", int(node[1:]) - 1))
            value = number(node)
            return place(("number", int(value.p), int(value.q)))
        require(isinstance(node, list) and node and isinstance(node[0], str), f"expected a formula, got {quoted(node)}")
        name, *rest = node
        if name == "pi" and not rest:
            return place(("pi",))
        if name in ("+", "*") and rest:
            first, *others = (visit(part, depth + 1) for part in rest)
            for other in others:
                first = place((name, first, other))
            return first
        if name == "^" and len(rest) == 2:
            power = number(rest[1])
            require(abs(power) <= MAXIMAL_POWER, f"expected powers of at most {MAXIMAL_POWER}, got {power}")
            return place(("^", visit(rest[0], depth + 1), int(power.p), int(power.q)))
        require(name in FUNCTIONS and len(rest) == 1, f"expected one of {', '.join(FUNCTIONS)}, got {quoted(name)}")
        return place((name, visit(rest[0], depth + 1)))

    found.outputs = [visit(text, 0) for text in texts]
    return found


def shown(node: Any) -> str:
    """A formula that was read, for people: only names and numbers that `formulas` knows can be in it."""
    if isinstance(node, str):
        return node
    name, *rest = node
    if name in ("+", "*"):
        return "(" + f" {name} ".join(shown(part) for part in rest) + ")"
    if name == "^":
        return f"{shown(rest[0])}^({shown(rest[1])})"
    return name if not rest else f"{name}({shown(rest[0])})"


@no_type_check
def elementary(x, name):
    """A function of a real or complex ball; not finite where a complex one is not analytic."""
    if isinstance(x, acb):
        if name in ("log", "sqrt"):
            return getattr(x, name)(analytic=True)
        if name == "atan":
            turned = x * acb(0, 1)
            return acb(0, fmpq(-1, 2)) * ((1 + turned) / (1 - turned)).log(analytic=True)
        if name == "asinh":
            return (x + (x * x + 1).sqrt(analytic=True)).log(analytic=True)
    return getattr(x, name)()


@no_type_check
def raised(x, p, q):
    """x^(p/q)."""
    if q == 1:
        if isinstance(x, arb) and p % 2 == 0 and p > 0 and x.contains(0):
            return (x.abs_upper() ** p).union(arb(0))
        return x**p
    return (elementary(x, "log") * fmpq(p, q)).exp() if q != 2 else elementary(x, "sqrt") ** p


@no_type_check
def values(code: Formulas, z):
    """The outputs at real or complex balls."""
    slots = []
    for name, *rest in code.steps:
        if name == "latent":
            slots.append(z[rest[0]])
        elif name == "number":
            slots.append(z[0] * 0 + arb(fmpq(*rest)))
        elif name == "pi":
            slots.append(z[0] * 0 + arb.pi())
        elif name == "+":
            slots.append(slots[rest[0]] + slots[rest[1]])
        elif name == "*":
            slots.append(slots[rest[0]] * slots[rest[1]])
        elif name == "^":
            slots.append(raised(slots[rest[0]], *rest[1:]))
        else:
            slots.append(elementary(slots[rest[0]], name))
    return [slots[k] for k in code.outputs]


@no_type_check
def lines(code: Formulas, z):
    """The ranges of the outputs on lines."""
    slots = []
    for name, *rest in code.steps:
        if name == "latent":
            slots.append(z[rest[0]])
        elif name in ("number", "pi"):
            value = arb.pi() if name == "pi" else arb(fmpq(*rest))
            slots.append(Line(value.lower(), value.upper()))
        elif name in ("+", "*"):
            left, right = slots[rest[0]], slots[rest[1]]
            slots.append(left + right if name == "+" else left * right)
        elif name == "^":
            base, p, q = slots[rest[0]], *rest[1:]
            base = base if q == 1 else base.image("sqrt") if q == 2 else base.image("log")
            if q > 2:
                slots.append((base * Line(arb(fmpq(p, q)).lower(), arb(fmpq(p, q)).upper())).image("exp"))
            else:
                slots.append(base.power(p) if p > 0 else base.inverse().power(-p))
        else:
            slots.append(slots[rest[0]].image(name))
    return [slots[k] for k in code.outputs]


@no_type_check
class Algebra:
    """Sums, products and functions of the numbers in a jet: balls, or growth bounds."""

    def __init__(self, latents, growth):
        self.latents, self.growth = latents, growth

    def number(self, value):
        """A constant."""
        return Growth.number(arb(value), self.latents) if self.growth else arb(value)

    def image(self, x, name):
        """A function of a number."""
        return x.image(name) if self.growth else elementary(x, name)

    def power(self, x, p, q):
        """x^(p/q)."""
        if not self.growth:
            return raised(x, p, q)
        if q == 2:
            x = x.image("sqrt")
        elif q > 2:
            return (x.image("log") * self.number(fmpq(p, q))).image("exp").known()
        return self.number(1) if p == 0 else x.power(p) if p > 0 else x.inverse().power(-p)

    def derivatives(self, x, name):
        """f, f' and f'' at x."""
        one, image, n = self.number(1), self.image, self.number
        f = image(x, name)
        if name in ("exp",):
            return f, f, f
        if name in ("sin", "cos"):
            other = image(x, "cos" if name == "sin" else "sin")
            return f, other if name == "sin" else other * n(-1), f * n(-1)
        if name in ("sinh", "cosh"):
            return f, image(x, "cosh" if name == "sinh" else "sinh"), f
        if name in ("tan", "tanh"):
            sign = 1 if name == "tan" else -1
            first = one + self.power(f, 2, 1) * n(sign)
            return f, first, f * first * n(2 * sign)
        if name == "log":
            inverse = self.power(x, -1, 1)
            return f, inverse, self.power(inverse, 2, 1) * n(-1)
        if name == "sqrt":
            return f, self.power(x, -1, 2) * n(fmpq(1, 2)), self.power(x, -3, 2) * n(fmpq(-1, 4))
        if name == "atan":
            first = self.power(one + self.power(x, 2, 1), -1, 1)
            return f, first, x * self.power(first, 2, 1) * n(-2)
        if name == "asinh":
            square = one + self.power(x, 2, 1)
            return f, self.power(square, -1, 2), x * self.power(square, -3, 2) * n(-1)
        if name == "erf":
            first = image(self.power(x, 2, 1) * n(-1), "exp") * n(2 / arb.pi().sqrt())
            return f, first, x * first * n(-2)
        raise CertificateError(f"no derivatives of {name}")

    def powers(self, x, p, q):
        """x^(p/q) and its two derivatives."""
        r = fmpq(p, q)
        if q == 1 and p in (1, 2):
            first = self.number(1) if p == 1 else x * self.number(2)
            return self.power(x, p, 1), first, self.number(0 if p == 1 else 2)
        first, second = r - 1, r - 2
        return (
            self.power(x, p, q),
            self.power(x, int(first.p), int(first.q)) * self.number(r),
            self.power(x, int(second.p), int(second.q)) * self.number(r * (r - 1)),
        )


@no_type_check
def jets(code: Formulas, z, growth=False):
    """For each output (value, gradient, Hessian as a dictionary of k <= l) at balls, or over growth bounds."""
    d, algebra = code.latents, Algebra(code.latents, growth)
    pairs, zero = [(k, j) for k in range(d) for j in range(k, d)], algebra.number(0)
    slots = []

    def flat(value):
        return value, [zero] * d, dict.fromkeys(pairs, zero)

    def chained(x, f):
        value, first, second = f
        bend = {(k, j): second * x[1][k] * x[1][j] + first * x[2][k, j] for k, j in pairs}
        return value, [first * slope for slope in x[1]], bend

    for name, *rest in code.steps:
        if name == "latent":
            slots.append(
                (z[rest[0]], [algebra.number(int(k == rest[0])) for k in range(d)], dict.fromkeys(pairs, zero))
            )
        elif name in ("number", "pi"):
            slots.append(flat(algebra.number(arb.pi() if name == "pi" else fmpq(*rest))))
        elif name == "+":
            a, b = slots[rest[0]], slots[rest[1]]
            slots.append(
                (a[0] + b[0], [x + y for x, y in zip(a[1], b[1], strict=True)], {p: a[2][p] + b[2][p] for p in pairs})
            )
        elif name == "*":
            a, b = slots[rest[0]], slots[rest[1]]
            bend = {
                (k, j): a[2][k, j] * b[0] + a[0] * b[2][k, j] + a[1][k] * b[1][j] + a[1][j] * b[1][k] for k, j in pairs
            }
            slots.append((a[0] * b[0], [x * b[0] + a[0] * y for x, y in zip(a[1], b[1], strict=True)], bend))
        elif name == "^":
            x = slots[rest[0]]
            slots.append(chained(x, algebra.powers(x[0], *rest[1:])))
        else:
            x = slots[rest[0]]
            slots.append(chained(x, algebra.derivatives(x[0], name)))
    return [slots[k] for k in code.outputs]
