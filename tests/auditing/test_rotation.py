"""Savings of rotations: exact also where the dip in the angle is narrow."""

import numpy as np
import pytest
from elbogap.auditing.rotation import best_rotations

STATED = 1e-6  # nat: what the saving may be off
GRID = 1e-9  # the brute-force grid itself misses a dip of the width used here by less


def metrics(scales: tuple[float, float], points: int) -> np.ndarray:
    """I + J'J / eps at random Jacobians with columns of these sizes, eps = 1e-2."""
    rng = np.random.default_rng(points)
    columns = rng.standard_normal((points, 4, 2)) * np.array(scales)
    return np.eye(2) + np.einsum("nik,nil->nkl", columns, columns) / 1e-2


def brute_force(metric: np.ndarray) -> float:
    """The saving on a grid of 400 000 angles, refined around its lowest."""
    mean, half = 0.5 * (metric[:, 0, 0] + metric[:, 1, 1]), 0.5 * (metric[:, 0, 0] - metric[:, 1, 1])

    def value(angle: np.ndarray) -> np.ndarray:
        turned = half * np.cos(2 * angle)[:, None] + metric[:, 0, 1] * np.sin(2 * angle)[:, None]
        return np.mean(0.5 * np.log((mean + turned) * (mean - turned)), axis=1)

    angles = np.linspace(0, np.pi / 2, 400_001)
    lowest = min((np.min(v := value(part)), part[np.argmin(v)]) for part in np.array_split(angles, 40))
    fine = lowest[1] + np.linspace(-1, 1, 4001) * (angles[1] - angles[0])
    return float(value(np.zeros(1))[0] - np.min(value(fine)))


@pytest.mark.parametrize("points", [1, 3, 40])
@pytest.mark.parametrize("scales", [(1.0, 1.0), (1.0, 1e-2), (3.0, 0.3)])
def test_the_saving_is_the_exact_minimum(scales: tuple[float, float], points: int) -> None:
    """For active and inactive latents the saving equals that of brute force over the angle to 1e-6 nat."""
    metric = metrics(scales, points)
    (found,) = best_rotations(metric)
    assert abs(found.saving - brute_force(metric)) <= STATED + GRID


def test_one_point_has_the_closed_form() -> None:
    """At a single point the best rotation makes the columns orthogonal, and saves the whole pair contrast."""
    metric = metrics((1.0, 1e-3), 1)
    (found,) = best_rotations(metric)
    exact = 0.5 * np.log(metric[0, 0, 0] * metric[0, 1, 1]) - 0.5 * np.linalg.slogdet(metric[0])[1]
    assert abs(found.saving - exact) <= STATED
