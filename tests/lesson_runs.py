"""Runs of the lessons that tests share: one full run each, and what it shows at its presets."""

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cache, partial
from types import ModuleType

import jax
import pytest
from elbogap.lessons.catalogue import lesson, lessons

marimo = pytest.importorskip("marimo", reason='needs marimo: pip install "elbogap[teach]"')
from elbogap.lessons.export import with_exercises  # noqa: E402
from elbogap.lessons.notebook import Run, Shown, Slider, at_presets, run  # noqa: E402

LESSONS = lessons()
QUICK = {"training": {"steps": 60}}
"""Values with which a lesson runs in seconds in place of half a minute."""


def whole_run(name: str, **given: object) -> Run:
    """A run of the lesson; the one that trains mixes dtypes as Optax does, whose Adam raises a float to an int32."""
    with jax.numpy_dtype_promotion("standard" if name == "training" else "strict"):
        return run(lesson(name).path, **given)


@cache
def first_run(name: str) -> Run:
    """The one full run of a lesson that all tests share."""
    return whole_run(name, **QUICK.get(name, {}))


@cache
def shown_at_presets(name: str, most: int) -> tuple[list[Shown], list[Slider]]:
    """What the lesson shows at the start and at so many other presets of each slider, computed once."""
    begun, few = with_exercises(name, first_run(name)), ModuleType("few")
    vars(few).update(vars(begun.notebook))
    for slider, presets in few.PRESETS.items():
        start = begun.values[slider]
        others = [value for value in presets if value != start][:most]
        few.PRESETS = few.PRESETS | {slider: tuple(value for value in presets if value in (start, *others))}
    return at_presets(replace(begun, notebook=few))


HEAVY = {"rotations", "training", "latents"}
"""Lessons that take a third of the time of all ten; they run with the slow tests."""
DEAR_PRESETS = HEAVY | {"linear-vae", "self-consistency", "limit"}
"""Lessons that compile once more, half a minute together, for what they show at presets other than the first."""
heavy = pytest.mark.slow


def each_lesson(function: Callable, left_out: Collection[str] = HEAVY) -> Callable:
    """The test, once for each lesson; those left out are slow tests."""
    ones = [pytest.param(one, marks=[heavy] if one.name in left_out else [], id=one.name) for one in LESSONS]
    return pytest.mark.parametrize("one", ones)(function)


each_lesson_at_presets = partial(each_lesson, left_out=DEAR_PRESETS)
