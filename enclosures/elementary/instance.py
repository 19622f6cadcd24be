"""A decoder given by elementary functions at a point: its potential, its scaled latents and what they need.

Notation of the package. Off the manifold x = f(g) + nu with nu = (I - J A^-1 J') v, the part of a rational vector v
that is normal to the manifold at g; then grad V(g) = 0 exactly, and M = Hess V(g) = A - nu.H takes the place of A. V is
always meant up to V(g) = |nu|^2/2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, no_type_check

import sympy
from flint import arb, arb_mat, ctx, fmpq

from ...theory.series.coefficients import GapSeries, gap_series
from ...theory.series.decoders import SymbolicDecoder, decoder_series, standard_normal_series
from ..balls import BALLS, dyadic, square
from ..growth import Growth, growth
from ..maximiser import EnclosureError
from .program import Program, compiled

SCALE_BITS = 24
MAXIMAL_LATENTS = 2


@dataclass(frozen=True)
class Instance:
    """f, the rational point g, and v, empty on the manifold."""

    decoder: SymbolicDecoder
    point: tuple[fmpq, ...]
    offset: tuple[fmpq, ...] = ()

    @property
    def latents(self) -> int:
        """d."""
        return len(self.point)

    @property
    def outputs(self) -> int:
        """D."""
        return len(self.decoder.outputs)

    @cached_property
    def function(self) -> Program:
        """f."""
        return compiled(self.decoder.outputs, self.decoder.symbols)

    @cached_property
    def derivatives(self) -> Program:
        """f, then d_k f_i by k and i, then d_kl f_i by k <= l and i."""
        f, z = self.decoder.outputs, self.decoder.symbols
        first = [sympy.diff(output, symbol) for symbol in z for output in f]
        second = [sympy.diff(output, z[k], z[j]) for k, j in self.pairs for output in f]
        return compiled([*f, *first, *second], z)

    @cached_property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """(k, l) with k <= l < d."""
        return tuple((k, j) for k in range(self.latents) for j in range(k, self.latents))

    @cached_property
    def _at_point(self) -> dict[int, tuple[list[arb], list[arb]]]:
        return {}

    @no_type_check
    def at_point(self) -> tuple[list[arb], list[arb]]:
        """(f(g), nu) at the working precision."""
        if ctx.prec not in self._at_point:
            values = self.derivatives([arb(value) for value in self.point])
            image = values[: self.outputs]
            self._at_point[ctx.prec] = image, self._normal_part(values)
        return self._at_point[ctx.prec]

    def _normal_part(self, values: list[arb]) -> list[arb]:
        if not self.offset:
            return [arb(0)] * self.outputs
        size = self.outputs
        jacobian = arb_mat([[values[size + k * size + i] for k in range(self.latents)] for i in range(size)])
        vector = arb_mat([[arb(entry)] for entry in self.offset])
        tangent = jacobian * (jacobian.transpose() * jacobian).solve(jacobian.transpose() * vector)
        return [vector[i, 0] - tangent[i, 0] for i in range(size)]

    @no_type_check
    def potential(self, z: Sequence[Any]) -> Any:
        """V(z) - V(g) at real or complex balls."""
        image, normal = self.at_point()
        total: Any = None
        for value, at, nu in zip(self.function(z), image, normal, strict=True):
            step = value - at
            term = step * step / 2 - step * nu if self.offset else step * step / 2
            total = term if total is None else total + term
        return total

    @no_type_check
    def hessian(self, z: Sequence[Any]) -> list[list[Any]]:
        """Hess V(z) at balls."""
        image, normal = self.at_point()
        values, size = self.derivatives(z), self.outputs
        matrix: list[list[Any]] = [[arb(0)] * self.latents for _ in range(self.latents)]
        for place, (k, j) in enumerate(self.pairs):
            bent = size * (1 + self.latents + place)
            total = arb(0)
            for i in range(size):
                left, right = values[size * (1 + k) + i], values[size * (1 + j) + i]
                both = square(left) if k == j else left * right
                total += both + (values[i] - image[i] - normal[i]) * values[bent + i]
            matrix[k][j] = matrix[j][k] = total
        return matrix

    @cached_property
    def scale(self) -> tuple[fmpq, ...]:
        """tau_k, rationals near M_kk^(-1/2); EnclosureError if M is not positive definite or f is singular at g."""
        with ctx.workprec(64):
            matrix = self.hessian([arb(value) for value in self.point])
            if not all(entry.is_finite() for row in matrix for entry in row):
                raise EnclosureError("the decoder is singular at the point")
            if not all(matrix[k][k] > 0 for k in range(self.latents)) or not _determinant(matrix) > 0:
                raise EnclosureError("the Hessian of the misfit is not positive definite at the point")
            unit = fmpq(2) ** SCALE_BITS
            return tuple(fmpq((dyadic(1 / matrix[k][k].sqrt()) * unit).ceil()) / unit for k in range(self.latents))

    def correlation(self) -> list[list[arb]]:
        """R = tau M tau at the working precision."""
        return self.scaled_hessian([arb(0)] * self.latents)

    @no_type_check
    def scaled_hessian(self, y: Sequence[arb]) -> list[list[arb]]:
        """Hess of V(g + tau y) in y."""
        matrix = self.hessian(self.place(y))
        return [
            [matrix[k][j] * (self.scale[k] * self.scale[j]) for j in range(self.latents)] for k in range(self.latents)
        ]

    @no_type_check
    def place(self, y: Sequence[Any]) -> list[Any]:
        """z = g + tau y."""
        return [value * arb(scale) + arb(start) for value, scale, start in zip(y, self.scale, self.point, strict=True)]

    def contrast(self) -> arb:
        """c = (sum log M_kk - log det M)/2."""
        matrix = self.correlation()
        total = -_determinant(matrix).log()
        for k in range(self.latents):
            total += matrix[k][k].log()
        return total / 2

    def coefficients(self, order: int) -> GapSeries:
        """L_n, E_n and a_n, n = 1..order, in balls at the working precision (claim `higher-orders`)."""
        degree, g = 2 * order + 2, [arb(value) for value in self.point]
        total = None
        _, normal = self.at_point()
        half = BALLS.rational(1, 2)
        for output, nu in zip(decoder_series(self.decoder, g, degree, BALLS), normal, strict=True):
            step = output.without_constant()
            term = step * step * half - step * nu if self.offset else step * step * half
            total = term if total is None else total + term
        assert total is not None
        # The gradient at g is zero: exactly on the manifold, and off it because nu is normal.
        potential = total.like([{}, {}, *total.parts[2:]])
        prior = standard_normal_series(g, degree, BALLS)
        return gap_series(potential, prior.without_constant(), order)

    @cached_property
    def growth(self) -> Growth:
        """|V(z) - V(g)| <= C exp(sum b_k |z_k|)."""
        symbols, total = self.decoder.symbols, None
        image, normal = self.at_point()
        for output, at, nu in zip(self.decoder.outputs, image, normal, strict=True):
            step = growth(output, symbols) + Growth(abs(at), (arb(0),) * self.latents)
            term = step * (step + Growth(abs(nu), (arb(0),) * self.latents))
            total = term if total is None else total + term
        assert total is not None
        return total

    @cached_property
    def hessian_growth(self) -> Growth:
        """Every |V_kl(z)| <= C exp(sum b_k |z_k|)."""
        f, z = self.decoder.outputs, self.decoder.symbols
        image, normal = self.at_point()
        total = Growth(arb(0), (arb(0),) * self.latents)
        for output, at, nu in zip(f, image, normal, strict=True):
            level = growth(output, z) + Growth(abs(at) + abs(nu), (arb(0),) * self.latents)
            firsts = [growth(sympy.diff(output, symbol), z) for symbol in z]
            steepest = Growth(arb(0), (arb(0),) * self.latents)
            for bound in firsts:
                steepest = steepest + bound
            total = total + steepest * steepest
            for k, j in self.pairs:
                total = total + level * growth(sympy.diff(output, z[k], z[j]), z)
        return total


def _determinant(matrix: list[list[arb]]) -> arb:
    if len(matrix) == 1:
        return matrix[0][0]
    return matrix[0][0] * matrix[1][1] - square(matrix[0][1])
