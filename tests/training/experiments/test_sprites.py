"""The sprites experiment, made small, and what is recorded of it at full size."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elbogap.results import FOLDER, Table, recorded
from elbogap.training.experiments import experiment, sprites
from elbogap.training.experiments.runs import Batches


@pytest.mark.slow
def test_the_experiment_runs_and_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every variant is trained and measured; a second call reads what is kept and gives the same result."""
    small: dict[str, Any] = {"TRAIN": 400, "HELD_OUT": 400, "ELBO_POINTS": 50, "CURVE_POINTS": 100, "COMPONENTS": 24}
    small |= {"PATCH_STARTS": 1, "PATCH_STEPS": 24, "PATCH_TRAIN": 200, "PATCH_HELD_OUT": 100, "HIDDEN": (16,)}
    for name, value in small.items():
        monkeypatch.setattr(sprites, name, value)
    monkeypatch.setitem(sprites.SIZES, "full", (2, 1, 24))
    total = sprites.batch_count("full")
    results = [sprites.compute("full", 0, Batches(sprites.NAME, total, tmp_path / "kept")) for _ in range(2)]
    assert results[0].tables == results[1].tables
    assert results[0].tried == 3 * 2 + 2 + 1
    assert results[0].write(tmp_path).is_file()
    with np.load(tmp_path / "sprites.npz") as arrays:
        assert arrays["traversal_cosine"].shape == (4, sprites.STEPS_SHOWN, 32, 32, 3)
        assert arrays["curve_mcc"].shape == (9, 12)


def test_the_experiment_is_registered() -> None:
    """`elbogap record sprites` finds it."""
    assert experiment("sprites") is sprites


def test_the_recorded_runs_support_the_findings() -> None:
    """Recovery, contrast and the drop outside the class hold with their whole intervals, and no control passes."""
    found = sprites.findings()
    assert len(found) == 3
    for finding in found:
        assert finding.holds and finding.control_rejected, finding
        assert finding.runs >= 5


def test_the_findings_can_fail() -> None:
    """With the palettes inside and far outside the class exchanged, no finding holds."""
    result = recorded("sprites")
    runs = result.tables["runs"]
    index, exchange = runs.columns.index("palette"), {"cosine": "heat", "heat": "cosine", "hsv": "hsv"}
    rows = tuple((*row[:index], exchange[row[index]], *row[index + 1 :]) for row in runs.rows)
    swapped = replace(result, tables=result.tables | {"runs": Table(runs.columns, rows)})
    assert not any(finding.holds for finding in sprites.findings(swapped))


def test_the_recorded_arrays_fit_the_table() -> None:
    """One curve a run; traversals of every palette, in which each factor moves its own quantity."""
    result = recorded("sprites")
    with np.load(FOLDER / "sprites.npz") as arrays:
        assert len(arrays["curve_mcc"]) == len(arrays["curve_elbo"]) == len(result.tables["runs"].rows) == result.tried
        x, y, scale, hue = arrays["traversal_cosine"].astype(float)
    opaque = np.abs(scale - 127.5).sum(axis=-1)  # the distance from grey
    size = opaque.sum(axis=(1, 2))
    assert (np.diff(size) > 0).all() and size[-1] > 2 * size[0]
    for line, axis in ((x, 2), (y, 1)):
        weight = np.abs(line - 127.5).sum(axis=-1)
        centre = (weight.sum(axis=3 - axis) * np.arange(32)).sum(axis=1) / weight.sum(axis=(1, 2))
        assert (np.diff(centre) > 0).all()
    assert hue[0, 16, 16, 0] > 200 > 100 > hue[-1, 16, 16, 0]  # from red to cyan
