"""higher-orders: gap = c + a_1 eps + a_2 eps^2 + ..., coefficients by power series, none of them at half orders.

The measured side is the shared table's polynomial shears under a normal or a logistic prior. The predicted side
is theory's series engine on the same decoders, built again as exact expressions from their parameters; its first-order
coefficients are computed apart from those of `general_limit`. Laws are about what is left after the first order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from ...errors import RequestError
from ...theory.series.coefficients import GapSeries
from ...theory.series.decoders import SymbolicDecoder, gap_coefficients, latent_symbols, shear
from ...theory.series.ring import FLOATS
from ..batch import Batch
from ..batch_laws import EPS64, PerBatch, convergence, identity
from ..claim import Claim, Control
from ..laws import ConvergenceLaw, Law
from ..measurements import Measurements, once

ORDER = 2
PRIORS = ("normal", "logistic")
SERIES_TOLERANCE = 1e4 * EPS64
"""The engine sums some thousand products of Taylor coefficients of size one."""


def _symbolic(decoder: Any) -> SymbolicDecoder:
    """The table's shear, its float parameters taken as the exact rationals that they are."""
    quadratic, cubic = (np.atleast_1d(np.asarray(values)) for values in (decoder.quadratic, decoder.cubic))
    pairs = [(_exact(q), _exact(r)) for q, r in zip(quadratic, cubic, strict=True)]
    if hasattr(decoder, "matrix"):
        profiles = [lambda t, q=q, r=r: q * t**2 + r * t**3 for q, r in pairs]
        return shear([[_exact(entry) for entry in row] for row in np.asarray(decoder.matrix)], profiles)
    (z,) = latent_symbols(1)
    (q, r), slope = pairs[0], _exact(decoder.slope)
    return SymbolicDecoder("cubic", (z,), (slope * (z + q * z**2 + r * z**3),))


def _exact(value: Any) -> sp.Rational:
    return sp.Rational(float(value))


def _log_prior(name: str, symbols: Sequence[sp.Symbol]) -> sp.Expr | None:
    """The log-density of one of `PRIORS` but for a constant; None is the series engine's standard normal prior."""
    if name not in PRIORS:
        raise RequestError(f"prior: expected one of {', '.join(PRIORS)}, got {name!r}")
    return None if name == "normal" else sum(-z - 2 * sp.log(1 + sp.exp(-z)) for z in symbols)


def _with_series(batch: Batch) -> Batch:
    """The batch with its coefficients: L_n, E_n and a_n as arrays (n, order), the mean's as (n, d, order)."""
    rows = zip(batch.decoders, batch.point, batch.instances.prior, strict=True)
    found = [_row_series(_symbolic(decoder), point, prior) for decoder, point, prior in rows]
    names = ("log_likelihood", "elbo", "gap", "mean")
    series = {f"series {name}": np.array([getattr(row, name) for row in found], dtype=float) for name in names}
    return replace(batch, derivatives=batch.derivatives | series)


def _row_series(decoder: SymbolicDecoder, point: np.ndarray, prior: str) -> GapSeries:
    where = [_exact(value) for value in point]
    return gap_coefficients(decoder, where, ORDER, FLOATS, _log_prior(prior, decoder.symbols))


@once
def _batches(measured: Measurements) -> tuple[Batch, ...]:
    shears = measured.of_families("shear")
    kept = [[i for i, prior in enumerate(batch.instances.prior) if prior in PRIORS] for batch in shears]
    return tuple(_with_series(batch.take(rows)) for batch, rows in zip(shears, kept, strict=True))


def _coefficient(name: str, order: int) -> PerBatch:
    """L_n, E_n or a_n of each row: name "log_likelihood", "elbo" or "gap"."""
    return lambda batch: batch.derivatives[f"series {name}"][:, order - 1]


def _second(name: str, factor: float = 1.0) -> PerBatch:
    return lambda batch: factor * _coefficient(name, 2)(batch)


def _shift(batch: Batch, order: int) -> np.ndarray:
    """Coefficient of eps^(order + 1) in the encoder's mean."""
    return batch.derivatives["series mean"][..., order]


def _normal_second(batch: Batch) -> np.ndarray:
    """a_2 for a standard normal prior in every row."""
    rows = zip(batch.decoders, batch.point, strict=True)
    return np.array([_row_series(_symbolic(decoder), point, "normal").gap[1] for decoder, point in rows])


def _gap_law(
    name: str, batches: Sequence[Batch], *, second: PerBatch | None = None, order: float = 2.0, first: float = 1.0
) -> ConvergenceLaw:
    """gap - c - a_1 eps = a_2 eps^2 + O(eps^3)."""
    return convergence(
        name,
        batches,
        measured=lambda batch: batch.gap - first * np.outer(_coefficient("gap", 1)(batch), batch.eps),
        floor=lambda batch: batch.gap_error,
        limit=lambda batch: batch.predict("contrast"),
        constant=second or _second("gap"),
        order=order,
    )


def _side_law(name: str, batches: Sequence[Batch], side: str, limit: PerBatch, second: PerBatch) -> ConvergenceLaw:
    """log p or ELBO* without its limit and its first order."""

    def measured(batch: Batch) -> np.ndarray:
        values = batch.log_likelihood if side == "log_likelihood" else batch.elbo
        return values - np.outer(_coefficient(side, 1)(batch), batch.eps)

    return convergence(
        name,
        batches,
        measured=measured,
        floor=lambda batch: batch.log_likelihood_error + batch.gap_error,
        limit=limit,
        constant=second,
        order=2.0,
    )


def _likelihood_limit(batch: Batch) -> np.ndarray:
    # D = d for shears: the normaliser (2 pi eps)^((d - D)/2) is one, whatever eps is put in.
    return batch.predict("likelihood_limit")


def _elbo_limit(batch: Batch) -> np.ndarray:
    return _likelihood_limit(batch) - batch.predict("contrast")


def _mean_law(name: str, batches: Sequence[Batch], factor: float = 1.0) -> ConvergenceLaw:
    """mu* - g - eps m = eps^2 m_2 + O(eps^3)."""

    def measured(batch: Batch) -> np.ndarray:
        first = batch.eps[:, None] * _shift(batch, 0)[:, None, :]
        return batch.along(batch.mean - batch.point[:, None, :] - first)

    return convergence(
        name,
        batches,
        measured=measured,
        floor=lambda batch: batch.mean_error,
        constant=lambda batch: factor * batch.along(_shift(batch, 1)),
        order=2.0,
    )


def laws(measured: Measurements) -> list[Law]:
    """The engine's first order is theory's; then the second order of log p, of ELBO*, of the mean and of the gap."""
    batches = _batches(measured)
    return [
        identity(
            "a_1: series = closed form",
            batches,
            left=lambda batch: _coefficient("gap", 1)(batch)[:, None],
            right=lambda batch: batch.predict("gap_slope")[:, None],
            tolerance=lambda batch: SERIES_TOLERANCE * (1 + np.abs(batch.predict("gap_slope")))[:, None],
        ),
        _side_law("log p", batches, "log_likelihood", _likelihood_limit, _second("log_likelihood")),
        _side_law("ELBO*", batches, "elbo", _elbo_limit, _second("elbo")),
        _mean_law("mean", batches),
        _gap_law("gap - c - a_1 eps", batches),
    ]


def controls(measured: Measurements) -> list[Control]:
    """Its false variants, and mistakes with the second coefficient."""
    batches = _batches(measured)
    logistic = [batch.where(prior="logistic") for batch in batches]

    def second(key: str, statement: str, variant: PerBatch) -> Control:
        return Control(key, statement, _gap_law("gap", batches, second=variant))

    return [
        Control("half-order", "a term of order eps^(3/2) follows a_1 eps", _gap_law("gap", batches, order=1.5)),
        Control("third-order", "gap = c + a_1 eps to third order", _gap_law("gap", batches, order=3.0)),
        Control("first-sign", "a_1 with its sign flipped", _gap_law("gap", batches, first=-1.0)),
        second("sign", "a_2 with its sign flipped", _second("gap", -1.0)),
        second("derivative", "a_2 without the 1/2 of Taylor's formula", _second("gap", 2.0)),
        second("likelihood-only", "ELBO* has no second order: a_2 = L_2", _second("log_likelihood")),
        second("elbo-only", "log p has no second order: a_2 = -E_2", _second("elbo", -1.0)),
        Control("prior", "a_2 does not depend on the prior", _gap_law("gap", logistic, second=_normal_second)),
        Control("mean-linear", "the mean has no second order", _mean_law("mean", batches, 0.0)),
        Control("mean-sign", "the mean's second order with its sign flipped", _mean_law("mean", batches, -1.0)),
    ]


CLAIM = Claim(
    id="higher-orders",
    order=14,
    title="the whole expansion in the noise variance",
    statement="Gap, log-likelihood, ELBO and optimal encoder have expansions in whole powers of the noise variance, "
    "whose coefficients power series arithmetic gives to any order; no half orders occur.",
    latex=r"\mathrm{gap} = c_{\mathrm{IMA}} + a_1\varepsilon + a_2\varepsilon^2 + \dots,\quad a_n = L_n - E_n",
    source="new here; Opper and Archambeau 2009 (Neural Computation 21) for the stationary encoder",
    assumptions=(
        "f and log p0 are smooth near g; the assumptions of general-limit",
        "mean-field Gaussian encoder",
    ),
    derivation="higher-orders",
    laws=laws,
    controls=controls,
    enclosed=True,
)
