"""What is audited, and what a reader should know of it: notes, and the parameters that the document states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..numerics.model import LatentModel
from ..numerics.precision import EPS64
from ..numerics.priors import Normal
from ..numerics.reduction import Reduction
from .inputs.decoder import ORDERS, Decoder
from .inputs.encoder import Encoder
from .inputs.observation import name_of
from .request import GAUSSIAN, AuditRequest

SECOND = 2  # derivatives that a search for modes needs


@dataclass(frozen=True)
class Subject:
    """What is audited: the model, its decoder, the data (None: drawn), the encoder (None: none), the prior's widths.

    whole: the model with fewer outputs where its decoder ends in an affine map; one for the whole audit, so that each
    of its programs is compiled once.
    """

    model: LatentModel
    whole: Reduction
    decoder: Decoder
    rows: Any
    encode: Encoder | None
    prior_std: Float[np.ndarray, " d"]


def notes_on(subject: Subject) -> tuple[str, ...]:
    """What a reader should know of the points, the prior and the decoder."""
    decoder, prior_std, notes = subject.decoder, subject.prior_std, []
    observation = subject.model.observation
    if subject.rows is None:
        drawn = "x = f(z)" if observation is None else "x ~ p(x | z)"
        notes.append(f"No data: points are drawn as z ~ prior, {drawn}, so the decoder is judged on its own samples.")
    elif tuple(subject.rows.shape[1:]) != decoder.shape:
        notes.append(
            f"The data have the shape {tuple(subject.rows.shape[1:])}, the decoder's outputs {decoder.shape}: the "
            "values are taken in the order in which they stand."
        )
    if subject.rows is not None and subject.encode is None and observation is not None:
        notes.append("No encoder: the geometry is taken at the highest mode of p(z | x), searched from several starts.")
    elif subject.rows is not None and subject.encode is None:
        notes.append("No encoder: the geometry is taken at z = argmin |f(z) - x|, searched from several starts.")
    if subject.encode is None:
        notes.append("No encoder: the amortisation gap is left out; the account is that of the best encoder.")
    if not np.allclose(prior_std, prior_std[0]) or not isinstance(subject.model.prior, Normal):
        notes.append("The prior is not N(0, I): a rotation of latents changes the model, its saving is geometry only.")
    if observation is not None:
        notes.append(
            "Contrast and columns are in the metric of the observation: J'FJ, F the Fisher information of one "
            "repetition; eps = 1/n, n the number of repetitions."
        )
    if decoder.resolution > EPS64 and observation is not None:
        notes.append(
            f"The decoder computes to {decoder.resolution:.1g} only, the audit in float64 around it: the stated errors "
            "include what that does to the likelihood."
        )
    elif decoder.resolution > EPS64:
        notes.append(
            f"The decoder computes to {decoder.resolution:.1g} only, the audit in float64 around it: at this noise "
            f"{decoder.resolution / float(subject.model.eps) ** 0.5:.1g} noise standard deviations an output of size "
            "one, which the stated errors include."
        )
    orders = decoder.derivatives.orders
    if orders < ORDERS:
        lost = "a1 is left out" if orders >= SECOND else "the account of the gap is left out, the geometry is complete"
        notes.append(f"Derivatives are right up to order {orders} only ({decoder.derivatives.problem}): {lost}.")
    return tuple(notes)


def _observation(model: LatentModel, points: Float[np.ndarray, "n d"]) -> dict[str, Any]:
    """Name and n of the observation, and the mean of x over points and entries of one repetition."""
    if model.observation is None:
        return {"name": GAUSSIAN}
    means = np.asarray(jax.lax.map(model.mean, jnp.asarray(points)))
    n = float(model.observation.n)
    return {"name": name_of(model.observation), "n": n, "mean": float(np.mean(means)) / n}


def parameters_of(
    subject: Subject, request: AuditRequest, noise: np.ndarray | None, points: Float[np.ndarray, "n d"]
) -> dict[str, Any]:
    """What was asked for, as the document states it; noise: the variances of a callable at the points."""
    decoder, model = subject.decoder, subject.model
    gaussian = model.observation is None
    variance = float(model.eps) if noise is None else float(np.mean(noise))
    return {
        "latent_dim": model.latent_dim,
        "outputs": decoder.size,
        "output_shape": list(decoder.shape),
        "decoder": decoder.origin,
        "derivatives": decoder.derivatives._asdict(),
        "resolution": decoder.resolution,
        "observation": _observation(model, points),
        "eps": variance,
        "noise_var": variance if gaussian else None,
        "noise_var_range": None if noise is None else [float(np.min(noise)), float(np.max(noise))],
        "prior": type(model.prior).__name__,
        "data": f"drawn: z ~ prior, {'x = f(z)' if gaussian else 'x ~ p(x | z)'}" if subject.rows is None else "given",
        "encoder": subject.encode is not None,
        "points": request.points,
        "account_points": request.account_points,
        "samples": request.samples,
        "seed": request.seed,
        "tolerance": {"relative": request.relative, "absolute": request.absolute},
    }
