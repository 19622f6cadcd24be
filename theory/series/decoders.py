"""Decoders written once, as SymPy expressions; their series, mpmath and array versions come from these.

A `SymbolicDecoder` holds f: R^d -> R^D in symbols z_1..z_d with exact rational coefficients.
`potential_series` gives the Taylor series at g of V(z) = |f(z) - f(g)|^2 / 2 and `standard_normal_series`
that of ell(z) = -|z|^2 / 2 (without its constant). `callable_form` lambdifies for any array module. The test
decoders are those of the tables of the theory: f2, f3, f23 and shears f(z) = M (z_1 + p(z_2), z_2). Source:
claims general-limit, higher-orders, enclosure.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy
from sympy import Rational, cos, sin, tanh

from .coefficients import GapSeries, gap_series
from .functions import expand
from .ring import Ring
from .truncated import Series, variables


@dataclass(frozen=True)
class SymbolicDecoder:
    """A decoder f: symbols -> outputs, with exact coefficients."""

    name: str
    symbols: tuple[sympy.Symbol, ...]
    outputs: tuple[sympy.Expr, ...]

    def callable_form(self, module: Any) -> Callable[..., Any]:
        """(z_1, ..., z_d) -> list of the D outputs, in `module` ("numpy", "mpmath", jax.numpy, ...)."""
        return sympy.lambdify(self.symbols, list(self.outputs), modules=module, cse=True)


def decoder_series(decoder: SymbolicDecoder, point: Sequence[Any], degree: int, ring: Ring) -> tuple[Series, ...]:
    """The Taylor series of each output at g = point (rational numbers, or elements of the ring)."""
    if len(point) != len(decoder.symbols):
        raise ValueError(
            f"point of {decoder.name} has the wrong size: expected {len(decoder.symbols)}, got {len(point)}"
        )
    elements = [ring.convert(value) if isinstance(value, int | sympy.Rational) else value for value in point]
    latents = variables(ring, elements, degree)
    return tuple(expand(output, decoder.symbols, latents) for output in decoder.outputs)


def potential_series(outputs: Sequence[Series]) -> Series:
    """V = |f - f(g)|^2 / 2 from the series of f at g."""
    half = outputs[0].ring.rational(1, 2)
    total = outputs[0].lift(0)
    for output in outputs:
        residual = output.without_constant()
        total = total + residual * residual
    return (total * half).without_constant()


def standard_normal_series(point: Sequence[Any], degree: int, ring: Ring) -> Series:
    """ell(g + t) - ell(g) for the standard normal prior: -g.t - |t|^2/2."""
    elements = [ring.convert(value) if isinstance(value, int | sympy.Rational) else value for value in point]
    total = None
    for latent in variables(ring, elements, degree):
        square = latent * latent
        total = square if total is None else total + square
    assert total is not None
    return (total * ring.rational(-1, 2)).without_constant()


def gap_coefficients(
    decoder: SymbolicDecoder,
    point: Sequence[Any],
    order: int,
    ring: Ring,
    log_prior: sympy.Expr | None = None,
) -> GapSeries:
    """L_n, E_n, a_n for n = 1..order at x = f(point), mean-field encoder.

    The prior is N(0, I) unless `log_prior` is given, an expression in the decoder's symbols; its constant
    does not matter.
    """
    degree = 2 * order + 2
    outputs = decoder_series(decoder, point, degree, ring)
    if log_prior is None:
        prior = standard_normal_series(point, degree, ring)
    else:
        prior = decoder_series(SymbolicDecoder("the log-prior", decoder.symbols, (log_prior,)), point, degree, ring)[0]
    return gap_series(potential_series(outputs), prior.without_constant(), order)


def latent_symbols(count: int) -> tuple[sympy.Symbol, ...]:
    """z_1, ..., z_d."""
    return tuple(sympy.Symbol(f"z_{k}", real=True) for k in range(1, count + 1))


def _mixed(name: str, matrix: Sequence[Sequence[Any]], inner: Sequence[sympy.Expr]) -> SymbolicDecoder:
    """B tanh(y/2) + (4/5) y for inner coordinates y."""
    squashed = sympy.Matrix([tanh(y / 2) for y in inner])
    outputs = sympy.Matrix(matrix) * squashed + Rational(4, 5) * sympy.Matrix(list(inner))
    return SymbolicDecoder(name, latent_symbols(len(inner)), tuple(outputs))


@lru_cache
def f2() -> SymbolicDecoder:
    """f2(z) = B tanh(y/2) + .8 y, y = (z1 + .5 tanh z2, 1.3 z2 + .4 sin z1); its point is (.7, -.4)."""
    z1, z2 = latent_symbols(2)
    inner = (z1 + tanh(z2) / 2, Rational(13, 10) * z2 + Rational(2, 5) * sin(z1))
    return _mixed("f2", [[1, Rational(3, 5)], [Rational(-1, 5), Rational(11, 10)]], inner)


@lru_cache
def f3() -> SymbolicDecoder:
    """f3 of the notation, three latents; its point is (.7, -.4, .3)."""
    z1, z2, z3 = latent_symbols(3)
    inner = (
        z1 + tanh(z2) / 2 + z3 / 5,
        Rational(13, 10) * z2 + Rational(2, 5) * sin(z1),
        z3 + Rational(3, 10) * z2 * cos(z1),
    )
    matrix = [
        [1, Rational(3, 5), Rational(-3, 10)],
        [Rational(-1, 5), Rational(11, 10), Rational(2, 5)],
        [Rational(1, 2), Rational(-3, 10), Rational(9, 10)],
    ]
    return _mixed("f3", matrix, inner)


@lru_cache
def f23() -> SymbolicDecoder:
    """f23: R^2 -> R^3 of the notation; its point is (.7, -.4)."""
    z1, z2 = latent_symbols(2)
    outputs = (
        z1 + Rational(3, 10) * z2 + sin(z2) / 5,
        z2 - z1 / 4 + Rational(3, 20) * z1**2,
        sin(z1) / 2 + Rational(2, 5) * cos(z2) + z1 * z2 / 5,
    )
    return SymbolicDecoder("f23", (z1, z2), outputs)


def linear(matrix: Sequence[Sequence[Any]]) -> SymbolicDecoder:
    """f(z) = W z for a rational matrix W (D, d)."""
    weights = sympy.Matrix([[Rational(entry) for entry in row] for row in matrix])
    symbols = latent_symbols(weights.cols)
    return SymbolicDecoder("linear", symbols, tuple(weights * sympy.Matrix(symbols)))


def shear(matrix: Sequence[Sequence[Any]], profiles: Sequence[Callable[[sympy.Symbol], sympy.Expr]]) -> SymbolicDecoder:
    """f(z) = M (z_1 + p_1(z_d), ..., z_{d-1} + p_{d-1}(z_d), z_d) for profiles p_1, ..., p_{d-1}."""
    symbols = latent_symbols(len(profiles) + 1)
    driver = symbols[-1]
    inner = [symbol + profile(driver) for symbol, profile in zip(symbols, profiles, strict=False)]
    outputs = sympy.Matrix([[Rational(entry) for entry in row] for row in matrix]) * sympy.Matrix([*inner, driver])
    return SymbolicDecoder("shear", symbols, tuple(outputs))


@lru_cache
def reference_shear() -> SymbolicDecoder:
    """The shear of the tables: M = [[1, 1/2], [-1/5, 6/5]], p(t) = t^2/2 + t^3/5."""
    return shear([[1, "1/2"], ["-1/5", "6/5"]], [lambda t: t**2 / 2 + t**3 / 5])
