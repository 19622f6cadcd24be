"""Random matrices that are well conditioned by construction. NumPy only: nothing here compiles.

Conventions: singular values lie in a given range [low, high]; `entangling` matrices have columns that are far
from orthogonal, so that the contrast c = sum_k log |W_k| - 1/2 log det W'W is not small (claim `contrast`).
"""

import numpy as np


def orthogonal(rng: np.random.Generator, rows: int, columns: int | None = None) -> np.ndarray:
    """A matrix (rows, columns) with orthonormal columns, uniform (Haar) for a square one. rows >= columns."""
    columns = rows if columns is None else columns
    q, r = np.linalg.qr(rng.standard_normal((rows, columns)))
    return q * np.sign(np.diag(r))  # without the signs of R's diagonal the law is not Haar


def entangling(
    rng: np.random.Generator, columns: int, rows: int | None = None, *, low: float = 0.6, high: float = 1.6
) -> np.ndarray:
    """W = Q diag(s) G, shape (rows, columns), with s in [low, high] and columns that are not orthogonal.

    Q has orthonormal columns; s alternates between the upper and the lower quarter (in log scale) of its
    range; G turns the planes (1,2), (2,3), ... by angles at least pi/8 away from the multiples of pi/2. For d
    = 2 therefore |W_1 . W_2| >= (s_1^2 - s_2^2) sin(pi/4) / 2. For one column, W is a unit vector times s in
    [low, high].
    """
    rows = columns if rows is None else rows
    quarter = np.where(np.arange(columns) % 2 == 0, 0.75, 0.0) + 0.25 * rng.uniform(size=columns)
    values = np.exp(np.log(low) + np.log(high / low) * quarter)
    turn = np.eye(columns)
    for k in range(columns - 1):
        angle = rng.choice([-1.0, 1.0]) * rng.uniform(np.pi / 8, 3 * np.pi / 8)
        cosine, sine = np.cos(angle), np.sin(angle)
        turn[k : k + 2] = np.array([[cosine, -sine], [sine, cosine]]) @ turn[k : k + 2]
    return orthogonal(rng, rows, columns) @ (values[:, None] * turn)


def signed(rng: np.random.Generator, low: float, high: float, size: int | tuple[int, ...] = ()) -> np.ndarray:
    """Numbers with |value| uniform in [low, high] and a fair sign: never near zero."""
    return np.asarray(rng.choice([-1.0, 1.0], size=size) * rng.uniform(low, high, size=size))
