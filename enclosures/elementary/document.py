"""The certificate of an elementary decoder: formulas in prefix form, intervals, and hints for the checker.

A formula is a symbol "z1", a rational "1/2", or a list ["+", a, b, ...], ["*", a, b, ...], ["^", a, "3/2"], ["pi"] or
[name, a] for an elementary function. `mean`, `deviation`, `scale`, `theta`, `reach` and `prior` are hints: the checker
proves what it needs about them. Intervals are widened, so that a checker with other errors can confirm them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy
from flint import ctx, fmpq

from ...errors import RequestError
from ..balls import EXACT_BITS, rational
from ..certificate import Document, empty_certificate, seal, written_interval
from .fixed import FixedEnclosure
from .instance import Instance
from .uniform import UniformElementary

SLACK = fmpq(1, 10**14)
UNIFORM_SLACK = fmpq(1, 1000)


def prefix(expression: sympy.Expr, symbols: Sequence[sympy.Symbol]) -> Any:
    """A formula in prefix form."""
    if expression in symbols:
        return f"z{list(symbols).index(expression) + 1}"
    if expression.is_Rational:
        return str(expression)
    if expression is sympy.pi:
        return ["pi"]
    if expression is sympy.E:
        return ["exp", "1"]
    if expression.is_Add or expression.is_Mul:
        return ["+" if expression.is_Add else "*", *(prefix(argument, symbols) for argument in expression.args)]
    if expression.is_Pow and expression.args[0] is not sympy.E:
        return ["^", prefix(expression.args[0], symbols), str(expression.args[1])]
    return [type(expression).__name__, prefix(expression.args[-1], symbols)]


def described(instance: Instance) -> Document:
    """The decoder, the point and the scale of the latents."""
    return {
        "outputs": [prefix(output, instance.decoder.symbols) for output in instance.decoder.outputs],
        "point": [str(value) for value in instance.point],
        "offset": [str(value) for value in instance.offset],
        "scale": [str(value) for value in instance.scale],
    }


def fixed_entry(found: FixedEnclosure, slack: fmpq = SLACK) -> Document:
    """One noise variance; the supremum must have been proved."""
    best = found.supremum
    if best is None:
        raise RequestError("a certificate needs the proof that no encoder is better")
    return described(found.instance) | {
        "eps": str(found.eps),
        "log_likelihood": written_interval(found.log_likelihood, slack),
        "elbo": written_interval(found.elbo, slack),
        "gap": written_interval(found.gap, slack),
        "mean": [str(value) for value in found.encoder.mean],
        "deviation": [str(value) for value in found.encoder.deviation],
        "theta": str(best.barrier.theta),
        "reach": str(best.barrier.reach),
        "prior": str(best.barrier.prior),
    }


def uniform_entry(found: UniformElementary) -> Document:
    """Every noise variance of (0, eps0]."""
    pieces = [
        {"start": str(start), "end": str(end), "slope": written_interval(slope, UNIFORM_SLACK)}
        for start, end, slope in found.parts
    ]
    # The hull of what is written, so that no piece exceeds it.
    lower = min((piece["slope"][0] for piece in pieces), key=rational)
    upper = max((piece["slope"][1] for piece in pieces), key=rational)
    return described(found.instance) | {
        "eps0": str(found.eps0),
        "slope": [lower, upper],
        "pieces": pieces,
        "theta": str(found.barrier.theta),
        "reach": str(found.barrier.reach),
        "mean": [[str(value) for value in row] for row in found.path.mean],
        "deviation": [[str(value) for value in row] for row in found.path.deviation],
    }


def build_certificate(
    fixed: Sequence[FixedEnclosure], version: str, uniform: Sequence[UniformElementary] = ()
) -> Document:
    """The certificate of enclosures at fixed noise variances, and for all of a range."""
    with ctx.workprec(EXACT_BITS):
        document = empty_certificate(version)
        document["elementary"] = [fixed_entry(found) for found in fixed]
        if uniform:
            document["elementary_uniform"] = [uniform_entry(found) for found in uniform]
        return seal(document)
