"""Is a decoder a polynomial shear? Then all noise variances down to zero are within reach of the exact reduction.

f(z) = M (z_1 + p_1(z_d), ..., z_{d-1} + p_{d-1}(z_d), z_d): f is affine in z_1..z_{d-1} with constant columns, and what
is not linear in z_d lies in their span. A constant in f does not change gap or contrast and is dropped.
"""

from __future__ import annotations

import sympy

from ..theory.series.decoders import SymbolicDecoder
from .shear import ShearInstance, shear_instance


def as_shear(decoder: SymbolicDecoder, point: tuple) -> ShearInstance | None:
    """The shear instance that equals the decoder up to a constant, or None if it is no polynomial shear."""
    symbols, outputs = decoder.symbols, sympy.Matrix(list(decoder.outputs))
    size, last = len(symbols), symbols[-1]
    if size < 2 or outputs.rows != size or not all(output.is_polynomial(*symbols) for output in outputs):
        return None
    columns = outputs.jacobian(symbols[:-1])
    if columns.free_symbols:
        return None
    rest = sympy.expand(outputs - columns * sympy.Matrix(list(symbols[:-1])))
    if rest.free_symbols - {last}:
        return None
    polynomials = [sympy.Poly(entry, last) for entry in rest]
    if not all(c.is_Rational for p in polynomials for c in p.all_coeffs()) or not all(c.is_Rational for c in columns):
        return None
    linear = sympy.Matrix([p.coeff_monomial(last) for p in polynomials])
    matrix = columns.row_join(linear)
    if matrix.det() == 0:
        return None
    profiles = [["0", "0"] for _ in range(size - 1)]
    for power in range(2, max(p.degree() for p in polynomials) + 1):
        parts = matrix.solve(sympy.Matrix([p.coeff_monomial(last**power) for p in polynomials]))
        if parts[size - 1] != 0:
            return None
        for a in range(size - 1):
            profiles[a].append(str(parts[a]))
    rows = [[str(matrix[i, j]) for j in range(size)] for i in range(size)]
    return shear_instance(rows, profiles, point)
