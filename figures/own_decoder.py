"""The convergence of the gap for a decoder of the reader's own: `figures convergence --decoder FILE.py:NAME`.

Latents g are drawn from the prior N(0, I) towards its centre, x = f(g); the gap is measured there along a ladder of
noise variances, and c and a1 come from theory's formulas on the decoder's derivatives at g. What is left after a1 eps
is shown beside it; a2 is not predicted for decoders that are not polynomial. Sources: `elbo-limit`, `general-limit`.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import numpy as np

from ..auditing.inputs.decoder import as_decoder
from ..auditing.inputs.loading import named_object
from ..numerics.derivatives import decoder_derivatives, prior_derivatives
from ..numerics.gap import measure_gap
from ..numerics.ladders import SHARED
from ..numerics.model import LatentModel
from ..proofs_checks.formulas import predict
from ..results import Table
from . import convergence
from .data import Data

POINTS = 4
TOWARDS_CENTRE = 0.6
ROUND_OFF = 1e-15
"""The predicted limit is a sum of a few logarithms of size one."""


def own_tables(text: str, latent_dim: int, seed: int) -> Data:
    """The tables of the decoder at "FILE.py:NAME"."""
    return compute(named_object(text, "--decoder"), text.rpartition(":")[2], latent_dim, seed)


def compute(function: Any, name: str, latent_dim: int, seed: int) -> Data:
    """Table "law" as that of `convergence`, for the decoder `function` (any that `audit` takes) called `name`."""
    decoder = as_decoder(function, latent_dim)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(5,)))
    points = TOWARDS_CENTRE * rng.standard_normal((POINTS, latent_dim))
    found = {key: np.asarray(value) for key, value in eqx.filter_jit(_measure)(decoder, points, SHARED).items()}
    derivatives: dict[str, Any] = {key: found[key] for key in ("J", "H", "T", "l1", "l2")}
    contrast, slope = (
        predict(quantity, latent_dim, decoder.size, **derivatives) for quantity in ("contrast", "gap_slope")
    )
    floor = found["gap_error"] + np.where(found["converged"], 0.0, np.inf) + ROUND_OFF
    first = found["gap"] - contrast[:, None]
    second = first - slope[:, None] * SHARED
    rows = []
    for quantity, difference, order, constants in (
        (convergence.FIRST, first, 1.0, slope),
        (convergence.SECOND, second, 2.0, np.full(POINTS, np.nan)),
    ):
        for i in range(POINTS):
            for e, eps in enumerate(SHARED):
                rows.append(
                    {"quantity": quantity, "family": name, "d": latent_dim, "D": decoder.size, "prior": "normal"}
                    | {"instance": i, "eps": float(eps), "limit": float(contrast[i])}
                    | {"difference": float(difference[i, e]), "floor": float(floor[i, e]), "order": order}
                    | {"constant": float(constants[i]), "predicted": float(constants[i] * eps**order)}
                )
    return Data({"law": Table.of(rows)}, {"decoder": name, "latent_dim": latent_dim, "points": points.tolist()}, seed)


def _measure(decoder: Any, points: Any, ladder: Any) -> dict[str, Any]:
    def one(g: Any) -> dict[str, Any]:
        model = LatentModel(decoder, g.shape[0], noise_var=1.0)
        x = decoder(g)
        found = jax.vmap(lambda eps: measure_gap(model.with_noise(eps), x, start=g))(ladder)
        _, J, H, T = decoder_derivatives(decoder, g, 3)
        l1, l2 = prior_derivatives(model, g)
        measured = {"gap": found.gap, "gap_error": found.gap_error, "converged": found.converged}
        return measured | {"J": J, "H": H, "T": T, "l1": l1, "l2": l2}

    return jax.lax.map(one, points)
