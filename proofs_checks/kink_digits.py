"""The gap far from a kink, of size exp(-A^2 r^2 / (2 eps)): at the digits that it takes, with mpmath.

Notation and closed forms of `numerics.special.kink`: slopes A and B, prior N(p, 1), data x = A r. Floats end where the
gap falls below their round-off, at r of a few sqrt(eps) / A.
"""

from __future__ import annotations

import mpmath as mp
import numpy as np

from ..numerics.special.kink import Pieces, beyond


def tiny_gap(r: float, eps: float, A: float, B: float, p: float) -> tuple[mp.mpf, mp.mpf]:
    """The gap, and its product with exp(A^2 r^2 / (2 eps)); the encoder near r."""
    exponent = A**2 * r**2 / (2 * eps)
    with mp.workdps(int(40 + exponent / np.log(10))):
        r, eps, A, B, p = (mp.mpf(value) for value in (r, eps, A, B, p))
        pieces = Pieces.at(r, eps, A, B, p)
        m, s = _best_encoder(pieces)
        value = pieces.elbo(m, s, mp.log(s), beyond(m, s, *_tail_and_bell(m / s)))
        evidence = _piece(A, A * r, eps, p, 1) + _piece(B, A * r, eps, p, -1)
        found = mp.log(evidence) - value - (1 + mp.log(2 * mp.pi)) / 2
        return found, found * mp.exp(A**2 * r**2 / (2 * eps))


def _best_encoder(pieces: Pieces) -> tuple[mp.mpf, mp.mpf]:
    """The conditions of a maximum, each solved for its own parameter: a contraction by the kink's tiny pull."""
    m, s = pieces.pull / pieces.precision, 1 / mp.sqrt(pieces.precision)
    for _ in range(mp.mp.dps):
        tail, bell = _tail_and_bell(m / s)
        new_m = (pieces.pull + pieces.first * tail + 2 * pieces.second * beyond(m, s, tail, bell)[0]) / pieces.precision
        new_s = mp.sqrt((1 - pieces.first * s * bell + 2 * pieces.second * s**2 * tail) / pieces.precision)
        moved = abs(new_m - m) + abs(new_s - s)
        m, s = new_m, new_s
        # The value is quadratic in what is left.
        if moved < mp.mpf(10) ** (-(mp.mp.dps // 2) - 5):
            break
    return m, s


def _piece(C: mp.mpf, x: mp.mpf, eps: mp.mpf, p: mp.mpf, sign: int) -> mp.mpf:
    """int exp( -(C z - x)^2 / (2 eps) - (z - p)^2 / 2 ) dz over z of one sign."""
    power = C**2 / eps + 1
    mean = (C * x / eps + p) / power
    peak = mp.exp(-((x - C * p) ** 2) / (2 * (eps + C**2)))
    other_side = _tail(mean * mp.sqrt(power))
    return peak * mp.sqrt(2 * mp.pi / power) * (1 - other_side if sign > 0 else other_side)


def _tail_and_bell(v: mp.mpf) -> tuple[mp.mpf, mp.mpf]:
    return _tail(v), mp.npdf(v)


def _tail(v: mp.mpf) -> mp.mpf:
    """P(xi > v) for xi ~ N(0, 1), to 60 significant digits: a tail's own digits, not those of 1."""
    with mp.workdps(60):
        return mp.ncdf(-v)
