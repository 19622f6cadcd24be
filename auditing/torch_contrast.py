"""The IMA contrast as a PyTorch function, for a training loss: differentiable, batched, in any floating dtype.

c(f, z) = sum_k log |J_k| - 1/2 log det J'J by modified Gram-Schmidt of unit columns, as in `numerics.contrast`: with
rho_k^2 the squared multiple correlation of column k with those before it, c = sum_k -1/2 log(1 - rho_k^2), and
-log R_kk where rho_k^2 > 1/2. Derivatives stay finite at orthogonal columns (c = 0 is a minimum) and where a column
vanishes or columns are dependent: there the value is nan or inf, as in JAX, and the derivative of that point 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .inputs.extras import torch


def ima_contrast(decoder: Callable[[Any], Any], z: Any) -> Any:
    """c at each z (..., d), a tensor (...); decoder: one point (d,) -> outputs of any shape, D >= d in all.

    A module that wants batches is passed as `lambda z: module(z[None])[0]`. Jacobians of all points are held at once.
    ValueError where D < d or z has no axis. Batch norm must be in evaluation mode, as for any map over points.
    """
    library = torch()
    if z.ndim == 0:
        raise ValueError("z: expected shape (..., d), got a scalar")
    points = z.reshape(-1, z.shape[-1])

    def flat(point: Any) -> Any:
        return decoder(point).reshape(-1)

    jacobians = library.func.vmap(library.func.jacfwd(flat), randomness="different")(points)
    if jacobians.shape[1] < jacobians.shape[2]:
        raise ValueError(f"decoder: expected D >= d = {jacobians.shape[2]} outputs, got {jacobians.shape[1]}")
    return contrast_of_jacobian(jacobians).reshape(z.shape[:-1])


def contrast_of_jacobian(jacobian: Any) -> Any:
    """c of each matrix (n, D, d): (n,); nan where a column is zero, inf where columns are dependent."""
    library = torch()
    d = jacobian.shape[-1]
    largest = jacobian.detach().abs().amax(dim=1, keepdim=True)
    present = (largest > 0).all(dim=2).squeeze(1)
    # Points whose contrast is undefined go on with other columns, so that no derivative becomes nan.
    stand_in = library.eye(jacobian.shape[1], d, dtype=jacobian.dtype, device=jacobian.device)
    scaled = library.where(present[:, None, None], jacobian / library.where(largest > 0, largest, 1.0), stand_in)
    rest = list((scaled / scaled.norm(dim=1, keepdim=True)).unbind(dim=2))
    squares = [library.zeros_like(rest[0][:, 0]) for _ in range(d)]
    contrast, smallest = library.zeros_like(squares[0]), library.ones_like(squares[0])
    for k in range(d):
        square = (rest[k] ** 2).sum(dim=1)
        pivot = library.where(square > 0, square, 1.0).sqrt()
        smallest = library.minimum(smallest, library.where(square > 0, pivot, 0.0).detach())
        direction = rest[k] / pivot[:, None]
        small = squares[k] <= 0.5
        from_correlation = -0.5 * library.log1p(-library.where(small, squares[k], 0.0))
        from_pivot = -library.log(library.where(small, 1.0, pivot))
        contrast = contrast + library.where(small, from_correlation, from_pivot)
        for other in range(k + 1, d):
            entry = (rest[other] * direction).sum(dim=1)
            rest[other] = rest[other] - entry[:, None] * direction
            squares[other] = squares[other] + entry**2
    dependent = smallest < 4 * d * library.finfo(jacobian.dtype).eps
    infinite, undefined = float("inf"), float("nan")
    return library.where(present, library.where(dependent, infinite, contrast), undefined)
