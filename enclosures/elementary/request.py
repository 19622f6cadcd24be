"""What a user asks for: a decoder from a file, a point, a noise variance, as exact numbers or one clear line.

The object is a function of d SymPy symbols that returns its outputs, or a sequence (or matrix) of expressions in d
symbols, which then are taken in the order of their names.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sympy
from flint import ctx, fmpq

from ...errors import RequestError
from ...shell.python_files import module_of
from ...theory.series.decoders import SymbolicDecoder, latent_symbols
from ..balls import rational
from ..maximiser import EnclosureError
from .instance import MAXIMAL_LATENTS, Instance
from .program import UnsupportedError, refusal

MAXIMAL_CHARACTERS = 60
MAXIMAL_OUTPUTS = 64
MOST_LATENTS = 4


def exact(text: str, what: str) -> fmpq:
    """A rational or a decimal such as 1/100, 0.01 or 1e-2; RequestError for anything else."""
    short = text.strip()
    if len(short) > MAXIMAL_CHARACTERS or not re.fullmatch(
        r"[-+]?(\d+/[1-9]\d*|(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?)", short, re.ASCII
    ):
        raise RequestError(
            f"{what}: expected a rational or decimal such as 1/100 or 1e-2, got {text[:MAXIMAL_CHARACTERS]!r}"
        )
    return rational(short)


def numbers(text: str, count: int, what: str) -> tuple[fmpq, ...]:
    """`count` exact numbers, separated by commas."""
    parts = text.split(",")
    if len(parts) != count:
        raise RequestError(f"{what}: expected {count} numbers separated by commas, got {len(parts)} in {text[:60]!r}")
    return tuple(exact(part, what) for part in parts)


def loaded(target: str) -> Any:
    """The object NAME of FILE.py; the file is executed."""
    path, _, name = target.rpartition(":")
    if not path or not name:
        raise RequestError(f"decoder: expected FILE.py:NAME, got {target!r}")
    file = Path(path)
    if not file.is_file():
        raise RequestError(f"decoder: expected a Python file, got {path}")
    if file.suffix != ".py":
        raise RequestError(f"decoder: expected a Python file, got {path}")
    module, loader = module_of(file, f"_elbogap_{file.stem}")
    sys.modules[module.__name__] = module
    try:
        loader.exec_module(module)
    except Exception as error:
        raise RequestError(
            f"{path} cannot be executed: {type(error).__name__} {' '.join(str(error).split())[:200]}"
        ) from error
    if not hasattr(module, name):
        names = sorted(key for key in vars(module) if not key.startswith("_"))[:12]
        raise RequestError(f"{path} has no {name!r}: expected one of {', '.join(names)}")
    return getattr(module, name)


def symbolic(thing: Any, latents: int, name: str) -> SymbolicDecoder:
    """The decoder that an object stands for; RequestError where it is none."""
    symbols = latent_symbols(latents)
    if callable(thing) and not isinstance(thing, sympy.Basic):
        try:
            thing = thing(*symbols)
        except Exception as error:
            got = f"{type(error).__name__} {' '.join(str(error).split())[:120]}"
            raise RequestError(f"{name}: expected a function of {latents} SymPy symbols, got {got}") from error
    elif isinstance(thing, sympy.MatrixBase | Sequence) and not isinstance(thing, str):
        thing = _in_our_symbols([_expression(entry, name) for entry in thing], symbols, name)
    elif isinstance(thing, sympy.Expr):
        thing = _in_our_symbols([thing], symbols, name)
    outputs = list(thing) if isinstance(thing, sympy.MatrixBase | Sequence) and not isinstance(thing, str) else [thing]
    if not 1 <= len(outputs) <= MAXIMAL_OUTPUTS:
        raise RequestError(f"{name}: expected 1 to {MAXIMAL_OUTPUTS} outputs, got {len(outputs)}")
    outputs = [_expression(output, name) for output in outputs]
    for output in outputs:
        strange = sorted(output.free_symbols - set(symbols), key=str)
        if strange:
            raise RequestError(f"{name}: {refusal(strange[0])}")
    return SymbolicDecoder(name, symbols, tuple(outputs))


def _expression(thing: Any, name: str) -> sympy.Expr:
    """A SymPy expression or number; text is never read as one."""
    try:
        found = sympy.sympify(thing, strict=True)
    except (sympy.SympifyError, TypeError, ValueError) as error:
        raise RequestError(f"{name}: expected SymPy expressions, got {type(thing).__name__}") from error
    if not isinstance(found, sympy.Expr):
        raise RequestError(f"{name}: expected SymPy expressions, got {type(thing).__name__}")
    return found


def _in_our_symbols(entries: list[sympy.Expr], symbols: tuple[sympy.Symbol, ...], name: str) -> list[sympy.Expr]:
    theirs = sorted(set().union(*(entry.free_symbols for entry in entries)), key=lambda symbol: symbol.name)
    if len(theirs) != len(symbols):
        listed = ", ".join(symbol.name for symbol in theirs) or "none"
        raise RequestError(f"{name}: expected expressions in {len(symbols)} symbols, got {len(theirs)} ({listed})")
    return [entry.subs(dict(zip(theirs, symbols, strict=True)), simultaneous=True) for entry in entries]


def decoder_of(target: str, latents: int) -> SymbolicDecoder:
    """The decoder FILE.py:NAME with that many latents."""
    if not 1 <= latents <= MOST_LATENTS:
        raise RequestError(f"--latent-dim: expected 1 to {MOST_LATENTS}, got {latents}")
    name = target.rpartition(":")[2] or target
    decoder = symbolic(loaded(target), latents, name)
    if len(decoder.outputs) < latents:
        raise RequestError(f"{name}: expected at least {latents} outputs, got {len(decoder.outputs)}")
    return decoder


def instance(decoder: SymbolicDecoder, point: tuple[fmpq, ...], offset: tuple[fmpq, ...]) -> Instance:
    """The decoder at a point; RequestError for what is not supported, and for a decoder singular at the point."""
    name, found = decoder.name, Instance(decoder, point, offset)
    if len(point) > MAXIMAL_LATENTS:
        expected = f"expected a polynomial shear for more than {MAXIMAL_LATENTS} latents"
        raise RequestError(f"{name}: {expected}, got another decoder of {len(point)}")
    try:
        with ctx.workprec(64):
            # Each raises where it does not know a function, a growth or a derivative.
            _ = found.function, found.derivatives, found.scale, found.growth, found.hessian_growth
    except UnsupportedError as error:
        raise RequestError(f"{name}: {error}") from error
    except EnclosureError as error:
        raise RequestError(f"{name} at ({', '.join(map(str, point))}): {error}") from error
    except ValueError as error:
        raise RequestError(f"{name}: unsupported: {error}") from error
    return found
