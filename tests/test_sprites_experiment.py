"""The sprites experiment, made small, and what is recorded of it at full size."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elbogap.training.experiments import experiment, sprites
from elbogap.training.experiments.runs import Batches


@pytest.mark.slow
def test_the_experiment_runs_and_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every variant is trained and measured; a second call reads what is kept and gives the same result."""
    small: dict[str, Any] = {"TRAIN": 400, "HELD_OUT": 400, "ELBO_POINTS": 50, "CURVE_POINTS": 100, "COMPONENTS": 24}
    small |= {"PATCH_STARTS": 1, "PATCH_TRAIN": 200, "PATCH_HELD_OUT": 100, "HIDDEN": (16,)}
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
