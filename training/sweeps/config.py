"""The TOML file of a sweep, validated before anything runs: every mistake is one line that says where it is.

    [grid]                                    # the sweep is the product of the three
    seeds = [0, 1, 2]
    gamma2 = [1e3, 1e5]                       # 1 / decoder variance
    mixings = ["moebius", "affine-flow"]      # of `mixings.MIXINGS`

    [model]                                   # everything below may be left out
    latent_dim = 3
    hidden = [64, 64]
    prior = "uniform"                         # or "normal"; the sources have the same law

    [data]
    train = 40000
    held_out = 4000

    [training]                                # of `loop.Recipe`
    steps = 5000                              # ... batch, rate, warm_up, anneal, draws, antithetic

`RunSpec` is what one run needs to know and nothing else: equal specs are the same run, whatever file they came from.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...errors import RequestError
from ...shell import requests
from ...shell.documents import read_toml

MIXINGS = ("moebius", "moebius-linear", "orthogonal-mlp", "triangular-mlp", "affine-flow")
SOURCES = ("uniform", "normal")


@dataclass(frozen=True)
class RunSpec:
    """One run: a cell of the grid and the settings that all cells share."""

    seed: int
    gamma2: float
    mixing: str
    latent_dim: int
    hidden: tuple[int, ...]
    prior: str
    train: int
    held_out: int
    steps: int
    batch: int
    rate: float
    warm_up: int
    anneal: float
    draws: int
    antithetic: bool

    def parameters(self) -> dict[str, Any]:
        """As plain values; the store's key is made of them."""
        return asdict(self) | {"hidden": list(self.hidden)}


@dataclass(frozen=True)
class _Rule:
    """What a value must be, in words and as a test; `convert` makes it uniform."""

    expected: str
    test: Callable[[Any], bool]
    default: Any = None
    convert: Callable[[Any], Any] = lambda value: value


def _is_int(value: Any, low: int, high: int | float = math.inf) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_number(value: Any, low: int | float, high: int | float = math.inf) -> bool:
    try:
        return low < requests.number("", value) <= high
    except RequestError:
        return False


def _list_of(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and bool(value) and all(map(test, value))


def _count(default: int, low: int = 1) -> _Rule:
    return _Rule(f"an integer >= {low}", lambda value: _is_int(value, low), default)


def _share(default: float) -> _Rule:
    return _Rule("a number in (0, 1]", lambda value: _is_number(value, 0, 1), default, float)


_one_of_mixings = _list_of(lambda value: value in MIXINGS)
_SCHEMA: dict[str, dict[str, _Rule]] = {
    "grid": {
        "seeds": _Rule(
            "a list of integers from 0 to 2**32 - 1",
            _list_of(lambda v: _is_int(v, 0, requests.LARGEST_SEED)),
            None,
            tuple,
        ),
        "gamma2": _Rule(
            "a list of numbers > 0", _list_of(lambda v: _is_number(v, 0)), None, lambda v: tuple(map(float, v))
        ),
        "mixings": _Rule(f"a list of names from {', '.join(MIXINGS)}", _one_of_mixings, None, tuple),
    },
    "model": {
        "latent_dim": _count(3, 2),
        "hidden": _Rule("a list of integers >= 1", _list_of(lambda v: _is_int(v, 1)), (64, 64), tuple),
        "prior": _Rule(f"one of {', '.join(SOURCES)}", lambda value: value in SOURCES, "uniform"),
    },
    "data": {"train": _count(40_000, 2), "held_out": _count(4_000, 64)},
    "training": {
        "steps": _count(5000, 10),
        "batch": _count(64),
        "rate": _Rule("a number > 0", lambda value: _is_number(value, 0), 5e-3, float),
        "warm_up": _count(200, 0),
        "anneal": _share(0.5),
        "draws": _count(2),
        "antithetic": _Rule("true or false", lambda value: isinstance(value, bool), True),
    },
}


def load(path: Path) -> list[RunSpec]:
    """The runs of a file, mixings outermost; RequestError for whatever is wrong with it."""
    document = read_toml(path)
    try:
        return specs(document)
    except RequestError as error:
        raise RequestError(f"{path}: {error}") from None


def specs(document: dict[str, Any]) -> list[RunSpec]:
    """The runs of a parsed document, mixings outermost, then gamma^2, then seeds."""
    _known("table", document, _SCHEMA)
    values = {name: _table(name, document.get(name, {}), rules) for name, rules in _SCHEMA.items()}
    grid = values.pop("grid")
    shared = {key: value for table in values.values() for key, value in table.items()}
    _require_fit(shared)
    return [
        RunSpec(seed=seed, gamma2=gamma2, mixing=mixing, **shared)
        for mixing, gamma2, seed in itertools.product(grid["mixings"], grid["gamma2"], grid["seeds"])
    ]


def _table(name: str, table: Any, rules: dict[str, _Rule]) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise RequestError(f"{name}: expected a table [{name}], got {requests.shown(table)}")
    _known("key", table, rules, f"{name}.")
    result = {}
    for key, rule in rules.items():
        if key not in table:
            if rule.default is None:
                raise RequestError(f"{name}.{key} is missing: expected {rule.expected}")
            result[key] = rule.default
            continue
        value = table[key]
        if value == []:
            raise RequestError(f"{name}.{key}: expected {rule.expected}, got an empty list")
        if not rule.test(value):
            raise RequestError(f"{name}.{key}: expected {rule.expected}, got {_culprit(value, rule)}")
        result[key] = rule.convert(value)
        if name == "grid" and len(set(result[key])) < len(result[key]):
            raise RequestError(f"{name}.{key}: expected distinct values, got {requests.shown(value)}")
    return result


def _culprit(value: Any, rule: _Rule) -> str:
    """The first item that a list is refused for, or the value itself; names get the nearest known one."""
    if isinstance(value, list):
        value = next((item for item in value if not rule.test([item])), value)
    near = requests.nearest(value, (*MIXINGS, *SOURCES))
    return requests.shown(value) + (f" (did you mean {near!r}?)" if near else "")


def _known(kind: str, given: dict[str, Any], known: dict[str, Any], prefix: str = "") -> None:
    for name in given:
        requests.known(kind, name, known, prefix=prefix)


def _require_fit(shared: dict[str, Any]) -> None:
    """What no key can be judged by alone."""
    if shared["warm_up"] >= shared["steps"]:
        raise RequestError(f"training.warm_up: expected less than steps = {shared['steps']}, got {shared['warm_up']}")
    if shared["antithetic"] and shared["draws"] % 2:
        raise RequestError(f"training.draws: expected an even number with antithetic pairs, got {shared['draws']}")
