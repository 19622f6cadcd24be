"""Predicted numbers: `theory`'s expressions, turned into NumPy functions by machine.

No formula is typed here, and numbers come from theory this way only. `evaluate` compiles the named terms of a
`Prediction` once and applies them to a batch of instances at a time; `total` adds the terms up, `predict` does both. A
control weights a term differently, `total(terms, prior=0)`, which is the same as weighting it in the SymPy expression.
`Batch.predict` names the arguments of measured rows, and `batch_laws.predicted` puts it off until there is a batch.

Compilation walks the expression as the graph that it is: one assignment a distinct node. `sympy.lambdify` with `cse`
gives the same function, but takes several times longer to find the sharing that the expressions already have (d = 3).
Above d = 3 the same index formulas are summed in floats, an instance at a time.

The code is kept between runs where `verify` keeps its verdicts (`kept_in`), under the hash of theory's sources and of
this file: building the expressions takes longer than everything that is done with them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp
from jaxtyping import Float
from scipy import special
from sympy.printing.numpy import SciPyPrinter

from ..errors import RequestError
from ..shell.kept import kept_json
from ..theory.formulas.closed_forms import CLOSED_FORMS
from ..theory.predictions import argument_shapes, in_numbers, prediction
from ..theory.verdicts import source_hash

LARGEST_COMPILED = 3
"""Above this d the index formulas are summed in floats: cofactors would not end."""

Values = Float[np.ndarray, "..."] | float | int
Terms = dict[str, Float[np.ndarray, "..."]]
Blocks = tuple[tuple[int, ...], ...] | None
Factors = Mapping[str, float] | None
Shape = tuple[int, ...]
Function = Callable[..., list[np.ndarray]]

_FOLDER: ContextVar[Path | None] = ContextVar("folder", default=None)


def predict(
    name: str,
    d: int,
    data_dim: int | None = None,
    /,
    *,
    blocks: Blocks = None,
    factors: Factors = None,
    **arguments: Values,
) -> np.ndarray:
    """A predicted quantity: the `total` of its terms, weighted by `factors`; everything else as in `evaluate`."""
    return total(evaluate(name, d, data_dim, blocks=blocks, **arguments), **(factors or {}))


def evaluate(name: str, d: int, data_dim: int | None = None, /, blocks: Blocks = None, **arguments: Values) -> Terms:
    """The named terms of a prediction for many instances at once.

    `arguments` are the prediction's own (J, H, T, l1, l2, ...) after leading axes, which are broadcast together:
    instances, noise variances, whatever the caller has. Further ones are ignored.
    """
    given = _given(name, argument_shapes(name, d, data_dim), arguments)
    lead = np.broadcast_shapes(*(columns.shape[1:] for columns, _ in given.values()))
    if d > LARGEST_COMPILED and name not in CLOSED_FORMS:
        return _summed(name, given, lead, blocks)
    # D matters where an argument's shape has it: general formulas are compiled once for all D.
    of_data = argument_shapes(name, d, data_dim) != argument_shapes(name, d)
    shapes, function = _compiled(name, d, data_dim if of_data and data_dim is not None else d, blocks)
    found = function(*(column for columns, _ in given.values() for column in columns))
    flat = iter([np.broadcast_to(np.asarray(entry, dtype=float), lead) for entry in found])
    return {
        term: np.stack([next(flat) for _ in range(int(np.prod(shape)))], axis=-1).reshape((*lead, *shape))
        for term, shape in shapes.items()
    }


def _given(
    name: str, shapes: Mapping[str, Shape], arguments: Mapping[str, Values]
) -> dict[str, tuple[np.ndarray, Shape]]:
    """Each argument's entries (k, ...) before its leading axes, and its shape."""
    missing = [argument for argument in shapes if argument not in arguments]
    if missing:
        raise RequestError(f"prediction {name!r}: expected arguments {sorted(shapes)}, missing {missing}")
    given = {}
    for argument, shape in shapes.items():
        values = np.asarray(arguments[argument], dtype=float)
        leading = values.ndim - len(shape)
        if leading < 0 or values.shape[leading:] != shape:
            raise RequestError(f"{name!r}, {argument}: expected shape (n, *{shape}), got {values.shape}")
        flat = values.reshape(*values.shape[:leading], int(np.prod(shape)))
        given[argument] = np.moveaxis(flat, -1, 0), shape
    return given


def _summed(name: str, given: Mapping[str, tuple[np.ndarray, Shape]], lead: Shape, blocks: Blocks) -> Terms:
    """The terms by `in_numbers`, an instance at a time."""
    every = {key: np.broadcast_to(columns, (len(columns), *lead)) for key, (columns, _) in given.items()}
    rows = []
    for index in np.ndindex(*lead):
        instance = {key: every[key][(slice(None), *index)].reshape(shape) for key, (_, shape) in given.items()}
        rows.append(in_numbers(name, instance, blocks))
    return {term: np.stack([row[term] for row in rows]).reshape(*lead, *rows[0][term].shape) for term in rows[0]}


def total(terms: Mapping[str, np.ndarray], **factors: float) -> np.ndarray:
    """The sum of the terms, each multiplied by its factor (1 unless named; 0 drops a term, -1 flips it)."""
    unknown = factors.keys() - terms.keys()
    if unknown:
        raise KeyError(f"no term {sorted(unknown)}, expected some of {sorted(terms)}")
    return np.asarray(np.sum([factors.get(name, 1.0) * value for name, value in terms.items()], axis=0))


@contextmanager
def kept_in(folder: Path | None) -> Iterator[None]:
    """Keep the generated code in `folder` while this lasts, nowhere if it is None."""
    token = _FOLDER.set(folder)
    try:
        yield
    finally:
        _FOLDER.reset(token)


@lru_cache(maxsize=256)
def _compiled(name: str, d: int, D: int, blocks: Blocks) -> tuple[dict[str, Shape], Function]:
    """The shapes of the terms, and the function of all the arguments' entries."""
    folder = _FOLDER.get()
    if folder is None:
        made = _generated(name, d, D, blocks)
    else:
        made_from = f"{name} {d} {D} {blocks} {source_hash()} {Path(__file__).read_text()}"
        digest = hashlib.sha256(made_from.encode()).hexdigest()[:24]
        made = kept_json(folder / f"formula-{name}-{digest}.json", partial(_generated, name, d, D, blocks))
    function, first = _function(made["code"]), made["first"]
    shapes = {term: tuple(shape) for term, shape in made["terms"].items()}
    return shapes, lambda *columns: function(*[columns[i] for i in first])


def _generated(name: str, d: int, D: int, blocks: Blocks) -> dict[str, Any]:
    """A prediction as plain data: the code of its function, which entries it takes, and what its results are."""
    wanted = prediction(name, d, D, blocks)
    # Independent arguments repeat symbols where an array is symmetric; the function takes each name once.
    symbols: list[sp.Symbol] = []
    places: list[int] = []
    for array in wanted.arguments.values():
        for symbol in array.ravel():
            places.append(symbols.index(symbol) if symbol in symbols else len(symbols))
            if symbol not in symbols:
                symbols.append(symbol)
    outputs = [entry for value in wanted.terms.values() for entry in _entries(value)]
    return {
        "terms": {term: list(map(int, getattr(value, "shape", ()))) for term, value in wanted.terms.items()},
        "first": [places.index(i) for i in range(len(symbols))],
        "code": generate(symbols, outputs),
    }


def compile_graph(symbols: Sequence[sp.Symbol], outputs: Sequence[sp.Expr]) -> Function:
    """A NumPy function of `symbols` that returns `outputs`, each distinct subexpression computed once."""
    return _function(generate(symbols, outputs))


def _function(code: str) -> Function:
    scope: dict[str, Any] = {name: getattr(np, name) for name in ("log", "exp", "sqrt", "pi", "abs")}
    scope |= {"gamma": special.gamma, "psi": special.psi, "polygamma": special.polygamma}
    exec(code, scope)
    return scope["compiled"]


def generate(symbols: Sequence[sp.Symbol], outputs: Sequence[sp.Expr]) -> str:
    """The code of that function, `compiled`."""
    names: dict[sp.Basic, str] = {symbol: f"a{i}" for i, symbol in enumerate(symbols)}
    lines = [f"def compiled({', '.join(names.values())}):"]
    printer = SciPyPrinter({"fully_qualified_modules": False, "allow_unknown_functions": False})

    def name_of(node: sp.Basic) -> str:
        if node not in names:
            parts = [name_of(argument) for argument in node.args]
            if isinstance(node, sp.Add | sp.Mul):
                text = (" + " if isinstance(node, sp.Add) else " * ").join(parts)
            elif isinstance(node, sp.Pow) and node.exp.is_Integer:
                text = f"{parts[0]} ** {parts[1]}"
            else:
                # Anything else (numbers, logarithms, square roots) is printed by SymPy, its arguments by name.
                text = printer.doprint(node.func(*map(sp.Symbol, parts)) if parts else node)
            if isinstance(node, sp.Integer | sp.Rational):
                names[node] = f"({text})"
            else:
                names[node] = f"t{len(lines)}"
                lines.append(f"    {names[node]} = {text}")
        return names[node]

    lines.append(f"    return [{', '.join(name_of(sp.sympify(output)) for output in outputs)}]")
    return "\n".join(lines)


def _entries(value: sp.Expr | sp.ImmutableDenseNDimArray) -> list[sp.Expr]:
    return list(sp.flatten(value)) if isinstance(value, sp.NDimArray) else [value]
