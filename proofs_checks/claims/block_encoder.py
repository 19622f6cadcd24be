"""block-encoder: Gaussian encoders with a full or block-diagonal covariance.

Random polynomial shears with three latents, the fewest for which covariance blocks and precision blocks differ;
encoders with the blocks {1, 2}, {3}, and with a full covariance, whose gap closes whatever the prior, like
eps/12 C_abc C_def A^ad A^be A^cf (C = V3 on the manifold). Mean field is the shared table's (linear decoders, d = 3).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...numerics.blocks import Blocks
from ...numerics.encoder import best_optimum
from ...numerics.families.registry import FAMILIES
from ...numerics.ladders import SHARED
from ...numerics.likelihood import evidence, find_modes, highest
from ...numerics.model import LatentModel
from ...numerics.priors import Choice
from ..batch import Batch
from ..batch_laws import PerBatch, convergence, flipped, gap_law, predicted, zeros
from ..claim import Claim, Control
from ..laws import ConvergenceLaw, Law
from ..measurements import PRIORS, Measurements, each, once, shared_priors, stack
from ..potential import batch_of, metric, potential_derivatives

DECODERS, LATENT_DIM = "shear", 3
FULL: Blocks = ((0, 1, 2),)
PAIR: Blocks = ((0, 1), (2,))
PARTITIONS = {"pair": PAIR, "full": FULL}
LARGEST, SMALLEST = 1, 9
"""The part of the ladder that is measured, 3e-2 to 1e-5: eight noise variances determine an order."""

COVARIANCE_TOLERANCE = 1e-9
CURVATURE_FACTOR = 4.0 * 10**2
"""As for the mean-field variances: the search stops within 1e-11 standard deviations; a rule of n nodes that misses the
gap by delta misses its curvature by (2n)^2 delta, n = 10 at d = 3."""


def _measure(decoders: Any, priors: Any, points: Any, ladder: Any) -> dict[str, Any]:
    def one(decoder: Any, index: Any, point: Any) -> dict[str, Any]:
        plain = LatentModel(decoder, LATENT_DIM, prior=Choice(shared_priors(LATENT_DIM)[:2], index), noise_var=1.0)
        x = decoder(point)

        def at(eps: Any) -> dict[str, Any]:
            model = plain.with_noise(eps)
            modes = find_modes(model, x, point[None])
            reference = highest(modes)
            likelihood = evidence(model, x, modes, reference)
            found = {"log_likelihood": likelihood.value, "log_likelihood_error": likelihood.error}
            for name, family in PARTITIONS.items():
                _, best = best_optimum(model, x, modes, family, reference)
                found |= {f"{name} {field}": value for field, value in best._asdict().items()}
            return found

        return each(at)(ladder) | potential_derivatives(plain, x, point)

    return each(one)(decoders, priors, points)


@once
def measure(measured: Measurements) -> dict[str, Batch]:
    """A batch for each partition, of the same decoders and points; covariance[n, e] beside the derivatives."""
    rng, family, count = measured.rng("block-encoder"), FAMILIES[DECODERS], measured.effort.instances
    decoders = stack([family.draw(rng, LATENT_DIM) for _ in range(count)])
    points = np.stack([family.point(rng, LATENT_DIM) for _ in range(count)])
    priors = np.arange(count) % 2
    ladder = SHARED[LARGEST:SMALLEST]
    found = measured.programs.run(_measure, decoders, priors, points, ladder)
    names = [PRIORS[i] for i in priors]
    batches = {}
    for name in PARTITIONS:
        own = {key.removeprefix(f"{name} "): value for key, value in found.items()}
        covariance = np.einsum("neij,nekj->neik", own["factor"], own["factor"])
        relative = own | {
            "elbo": own["value"],
            "gap": own["log_likelihood"] - own["value"],
            "gap_error": own["log_likelihood_error"] + own["error"],
            "std": np.sqrt(np.einsum("neii->nei", covariance)),
            "covariance": covariance,
        }
        labels = [f"{DECODERS}, {name}"] * count
        batches[name] = batch_of(relative, rng, points, labels, names, ladder, also=("covariance",))
    return batches


def _limit_law(
    name: str,
    batch: Batch,
    blocks: Blocks,
    *,
    limit: PerBatch | None = None,
    slope: PerBatch | None = None,
    order: float = 1.0,
) -> ConvergenceLaw:
    """gap - contrast_B has order 1 and constant a1."""
    return gap_law(
        name,
        [batch],
        limit=limit or predicted("general_contrast", blocks),
        constant=slope or predicted("general_gap_slope", blocks),
        order=order,
    )


def _covariance_law(name: str, batch: Batch, blocks: Blocks, factors: dict[str, float] | None = None) -> ConvergenceLaw:
    """v'(Sigma* - eps S)v = eps^2 v'T v + O(eps^3) along a random direction v."""

    def along(matrices: np.ndarray) -> np.ndarray:
        return np.einsum("n...ab,na,nb->n...", matrices, batch.direction, batch.direction)

    leading = np.outer(along(predicted("general_variance", blocks)(batch)), batch.eps)
    return convergence(
        name,
        [batch],
        measured=lambda batch: along(batch.derivatives["covariance"]) - leading,
        floor=lambda batch: batch.eps * (COVARIANCE_TOLERANCE + CURVATURE_FACTOR * batch.gap_error),
        constant=lambda batch: along(predicted("general_variance_correction", blocks, factors)(batch)),
        order=2.0,
    )


def _three_blocks(measured: Measurements) -> list[Batch]:
    return [batch for batch in measured.of_families("linear") if batch.latent_dim == LATENT_DIM]


def _mean_field_law(name: str, measured: Measurements, limit: PerBatch) -> ConvergenceLaw:
    return gap_law(name, _three_blocks(measured), limit=limit, constant=predicted("gap_slope"))


def laws(measured: Measurements) -> list[Law]:
    """Full covariance: no limit, a1 without the prior; blocks: contrast and slope; both covariances; mean field."""
    batches = measure(measured)
    pair, full = batches["pair"], batches["full"]
    return [
        _mean_field_law("mean field: gap - contrast", measured, predicted("contrast")),
        _covariance_law("full: covariance - eps S", full, FULL),
        _covariance_law("pair: covariance - eps S", pair, PAIR),
        _limit_law("full: a1 without the prior", full, FULL, slope=_skewness_alone),
        _limit_law("full: gap", full, FULL),
        _limit_law("pair: gap - contrast of blocks", pair, PAIR),
    ]


def _skewness_alone(batch: Batch) -> np.ndarray:
    """1/12 V3 V3 N N N: the likelihood's term that a full covariance cannot match; the others cancel."""
    others = {name: 0.0 for name in flipped("general_likelihood_slope", batch) if name != "skewness"}
    return predicted("general_likelihood_slope", factors=others)(batch)


def _covariance_blocks(batch: Batch) -> np.ndarray:
    """1/2 [sum_k log (A^-1)_kk - log det A^-1]."""
    return predicted("general_contrast", M=lambda batch: np.linalg.inv(metric(batch.derivatives["J"])))(batch)


def controls(measured: Measurements) -> list[Control]:
    """Its false variants."""
    batches = measure(measured)
    pair, full = batches["pair"], batches["full"]

    def slope(key: str, statement: str, batch: Batch, blocks: Blocks, variant: PerBatch) -> Control:
        return Control(key, statement, _limit_law("gap", batch, blocks, slope=variant))

    def scaled(factor: float) -> PerBatch:
        return lambda batch: factor * predicted("general_gap_slope", FULL)(batch)

    return [
        Control(
            "covariance-blocks",
            "the contrast from the blocks of the posterior's covariance (three blocks)",
            _mean_field_law("gap", measured, _covariance_blocks),
        ),
        slope("full-sixth", "V3 V3/6 for V3 V3/12", full, FULL, scaled(2.0)),
        slope("full-quarter", "V3 V3/4 for V3 V3/12", full, FULL, scaled(3.0)),
        slope("full-sign", "the full covariance's slope with its sign flipped", full, FULL, scaled(-1.0)),
        Control("full-order", "the full covariance's gap is O(eps^2)", _limit_law("gap", full, FULL, order=2.0)),
        Control(
            "full-same-limit",
            "a full covariance leaves the mean-field contrast",
            _limit_law("gap", full, FULL, limit=predicted("general_contrast")),
        ),
        Control(
            "pair-same-limit",
            "blocks leave the mean-field contrast",
            _limit_law("gap", pair, PAIR, limit=predicted("general_contrast")),
        ),
        Control(
            "pair-wrong-blocks",
            "the contrast of another partition",
            _limit_law("gap", pair, PAIR, limit=predicted("general_contrast", ((0, 2), (1,)))),
        ),
        slope("pair-mean-field", "the mean-field slope for blocks", pair, PAIR, predicted("general_gap_slope")),
        slope("pair-full", "the full covariance's slope for blocks", pair, PAIR, predicted("general_gap_slope", FULL)),
        slope("pair-no-prior", "the slope of blocks does not depend on the prior", pair, PAIR, _pair_without_prior),
        Control(
            "covariance-no-shift",
            "T without the mean shift",
            _covariance_law("covariance", full, FULL, {"mean_shift": 0.0}),
        ),
        Control(
            "covariance-quartic",
            "T with V4:S for 1/2 V4:S",
            _covariance_law("covariance", full, FULL, {"quartic": 2.0}),
        ),
    ]


def _pair_without_prior(batch: Batch) -> np.ndarray:
    return predicted("general_gap_slope", PAIR, l1=zeros("l1"), l2=zeros("l2"))(batch)


CLAIM = Claim(
    id="block-encoder",
    order=9,
    title="full and block-diagonal covariances",
    statement="An encoder with a block-diagonal covariance leaves the contrast between its blocks only; with a full "
    "covariance the gap closes at the rate gamma^-2, with a constant that the prior does not enter.",
    latex=r"\mathrm{gap} \to \tfrac12\Big[\sum_B \log\det A_{BB} - \log\det A\Big];\quad \text{full: } \mathrm{gap} = "
    r"\tfrac{\varepsilon}{12} C_{abc} C_{def} A^{ad} A^{be} A^{cf} + O(\varepsilon^2)",
    source="new here (general-limit for block-diagonal covariances)",
    assumptions=("the assumptions of general-limit", "x on the manifold, for the constant in terms of A and C"),
    derivation="block-encoder",
    laws=laws,
    controls=controls,
    trained=(("diagonal-or-full", "chance-linear"), ("diagonal-or-full", "mcc-linear")),
)
