"""Numbers that a claim of one's own gives: as numbers, formulas in SymPy, or functions; checked when asked for.

A scalar is one for all rows. Whatever a function of the user raises becomes one line with its file and line.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from jaxtyping import Float

from ..errors import RequestError
from ..shell import requests
from .instances import Rows

Value = Any
"""A number, an array of one number a row, a SymPy expression or its text in the instances' names, or a function."""


class MeasuringError(RuntimeError):
    """A function of the user raised, or returned what is no number: one line, with file and line."""


def called(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """function(...), its exceptions turned into a `MeasuringError` that says where and for which instance."""
    try:
        return function(*arguments, **keywords)
    except Exception as error:
        raise MeasuringError(
            f"{where(error, function)}: {type(error).__name__}: {_line(error)}{_at(keywords)}"
        ) from error


def where(error: BaseException, function: Callable[..., Any]) -> str:
    """name (file, line 12): the last line of the function's own file in the traceback."""
    code = getattr(getattr(function, "__wrapped__", function), "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if code is not None and frame.filename == code.co_filename] or frames[-1:]
    place = own[-1] if own else None
    return f"{name_of(function)} ({_file(place.filename)}, line {place.lineno})" if place else name_of(function)


def name_of(function: object) -> str:
    """The function's name, as its author wrote it."""
    return str(getattr(function, "__name__", type(function).__name__)).replace("<lambda>", "lambda")


def _file(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1]


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]


def _at(row: dict[str, Any]) -> str:
    return f" (at {Rows((row,)).label(0)})" if row else ""


def number(value: Any, what: str) -> tuple[float, float]:
    """(value, error bound) of what a function returned: a number, or a pair; the error bound holds its round-off.

    Round-off is eight units in the last place of the value's own type, so that float32 is known for what it is.
    """
    bound = 0.0
    if isinstance(value, tuple):
        if len(value) < 2:
            raise MeasuringError(f"{what}: expected a number or (number, error bound), got {value!r:.80}")
        value, bound = value[0], _float(value[1], f"{what}, error bound")
        if bound < 0:
            raise MeasuringError(f"{what}: expected an error bound >= 0, got {bound:.3g}")
    found = _float(value, what)
    kind = np.asarray(value).dtype
    unit = float(np.finfo(kind).eps) if kind.kind == "f" else float(np.finfo(float).eps)
    return found, bound + 8 * unit * abs(found)


def _float(value: Any, what: str) -> float:
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "fiub":
        got = f"an array of shape {array.shape}" if array.ndim and array.dtype.kind in "fiub" else f"{value!r:.60}"
        raise MeasuringError(f"{what}: expected a real number, got {got}")
    return float(array.reshape(()))


def claimed(what: str, value: Value) -> None:
    """RequestError for what cannot be a `Value`, before anything is measured."""
    if callable(value) or hasattr(value, "free_symbols") or (isinstance(value, str) and value.strip()):
        return
    try:
        requests.numbers(what, value)
    except RequestError:
        expected = "a number, a formula or a function"
        raise RequestError(f"{what}: expected {expected}, got {requests.shown(value)}") from None


def per_row(value: Value, rows: Rows, what: str) -> Float[np.ndarray, " n"]:
    """One number a row. RequestError for a wrong length, MeasuringError for what is no number."""
    if callable(value) and not hasattr(value, "free_symbols"):
        return np.array([_float(called(value, **rows.row(i)), f"{what} {name_of(value)}") for i in range(len(rows))])
    if isinstance(value, str) or hasattr(value, "free_symbols"):
        return formula_values(value, rows, what)
    array = np.asarray(value, dtype=float)
    if array.ndim == 0:
        return np.full(len(rows), float(array))
    if array.shape != (len(rows),):
        raise RequestError(f"{what}: expected one number or {len(rows)}, one an instance, got shape {array.shape}")
    return array


def formula_values(formula: Any, rows: Rows, what: str) -> Float[np.ndarray, " n"]:
    """A SymPy expression, or its text, in the names of the instances."""
    import sympy as sp

    names = list(rows.records[0])
    expression = parsed(formula, what, names)
    unknown = sorted(str(symbol) for symbol in expression.free_symbols if str(symbol) not in names)
    if unknown:
        raise RequestError(
            f"{what}: expected a formula in {', '.join(names) or 'no symbols'}, got {unknown[0]!r} in it"
        )
    if expression.has(sp.zoo, sp.nan, sp.oo, -sp.oo):
        raise MeasuringError(f"{what}: expected a formula with finite numbers, got {str(expression)[:60]}")
    by_name = {str(symbol): symbol for symbol in expression.free_symbols}
    used = [name for name in names if name in by_name]
    function = sp.lambdify([by_name[name] for name in used], expression, "numpy")
    return np.array([_float(_at_row(function, rows.row(i), used, what), what) for i in range(len(rows))])


def _at_row(function: Callable[..., Any], row: dict[str, Any], used: list[str], what: str) -> Any:
    """A formula's value; MeasuringError where Python's own numbers have none: too large, or divided by zero."""
    try:
        with np.errstate(all="ignore"):
            return function(*(row[name] for name in used))
    except ArithmeticError as error:
        at = _at({name: row[name] for name in used})
        raise MeasuringError(f"{what}: expected a number, got {type(error).__name__}: {_line(error)}{at}") from None


def parsed(formula: Any, what: str, names: Iterable[str] = ()) -> Any:
    """The SymPy expression of a text, `names` being symbols whatever SymPy means by them."""
    import sympy as sp

    if not isinstance(formula, str):
        return sp.sympify(formula)
    try:
        expression = sp.sympify(formula, locals={name: sp.Symbol(name) for name in names})
    except (sp.SympifyError, SyntaxError, TypeError, AttributeError) as error:
        raise RequestError(
            f"{what}: expected a formula in SymPy's notation, got {formula!r} ({_line(error)[:80]})"
        ) from None
    if not isinstance(expression, sp.Expr):
        raise RequestError(f"{what}: expected a formula, got {formula!r}")
    return expression
