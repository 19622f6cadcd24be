"""Rows measured for models of any kind, with the derivatives of their potential, which the general limit needs.

Joint density C exp(-V/eps + ell), g the minimiser of V, M, V3, V4 the second to fourth derivatives of V at g, l1 and l2
gradient and Hessian of ell there (claim `general-limit`). `along_ladder` runs inside a claim's one program and measures
an instance at every noise variance; `batch_of` makes a `Batch` of what it found, so that `batch_laws` puts laws about
decoders, noises and observations of every kind together alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..numerics.derivatives import prior_derivatives, tower
from ..numerics.ladders import SHARED
from ..numerics.model import LatentModel
from .batch import Batch
from .batch import batch_of as rows_of
from .measurements import each, measure_at

POTENTIAL = ("M", "V3", "V4", "l0", "l1", "l2", "J")

ModelAt = Callable[[Any], tuple[LatentModel, Any]]
"""eps -> model and observation; the observation may grow with 1/eps (counts), the potential may not change."""


def potential_derivatives(model: LatentModel, x: Any, point: Any) -> dict[str, Any]:
    """M, V3, V4, l0, l1, l2 at g = point, and the decoder's Jacobian."""
    _, _, M, V3, V4 = tower(lambda z: model.potential(z, x), point, 4)
    l1, l2 = prior_derivatives(model, point)
    jacobian = jax.jacfwd(model.decoder)(point)
    return {"M": M, "V3": V3, "V4": V4, "l0": model.log_prior(point), "l1": l1, "l2": l2, "J": jacobian}


def along_ladder(model_at: ModelAt, point: Any, ladder: Any, *, encoder: bool = False) -> dict[str, Any]:
    """Gap and both its sides at each eps of the ladder, and the derivatives at g = point.

    encoder: also how exact the mean and variance of the mean-field encoder are, for laws about these.
    """

    def at(eps: Any) -> dict[str, Any]:
        return measure_at(*model_at(eps), point, encoder=encoder)

    return each(at)(ladder) | potential_derivatives(*model_at(jnp.ones(())), point)


def normal_vector(jacobian: Any, vector: Any, length: Any) -> Any:
    """The part of a vector (D,) normal to the columns of J (D, d), scaled to the given length; needs D > d."""
    along = jnp.linalg.solve(jacobian.T @ jacobian, jacobian.T @ vector)
    normal = vector - jacobian @ along
    # Projecting twice makes it normal to round-off.
    normal = normal - jacobian @ jnp.linalg.solve(jacobian.T @ jacobian, jacobian.T @ normal)
    return length * normal / jnp.linalg.norm(normal)


def metric(columns: Float[np.ndarray, "n D d"]) -> Float[np.ndarray, "n d d"]:
    """J'J of each instance."""
    return np.einsum("nia,nib->nab", columns, columns)


def batch_of(
    found: dict[str, np.ndarray],
    rng: np.random.Generator,
    points: Float[np.ndarray, "n d"],
    families: Sequence[str],
    priors: Sequence[str],
    eps: Float[np.ndarray, " e"] = SHARED,
    also: Sequence[str] = (),
) -> Batch:
    """The rows that a program found; `rng` draws the direction in which vectors are looked at.

    also: the names of further arrays that its derivatives keep.
    """
    kept = [name for name in (*POTENTIAL, *also) if name in found]
    return rows_of(found, rng, points, families, priors, eps=eps, derivatives=kept)
