"""What the literature says loosely, said precisely: each statement with its readings, and the verdict on each.

A reading that is claimed to be true is a law, one that is claimed to be false a control; both are judged on the
measurements of the claims that they belong to, nothing is measured here. Readings are in the words of the field:
"O(1/gamma^3)" may be an upper bound (true) or the sharp rate (false). Source: the claims that are imported here,
Reizinger et al. 2022 and its public code, Gresele et al. 2021.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from ..batch import Batch
from ..batch_laws import EPS64, LIMIT_ROUND_OFF, limit_law, rows
from ..claim import Claim, Control, ControlOutcome
from ..draws import Draws
from ..laws import BoundLaw, FactLaw, IdentityLaw, Law, LawResult
from ..measurements import Measurements
from ..own import run_of
from . import (
    assumptions,
    contrast,
    decoder_variance,
    encoder_mean,
    encoder_variance,
    folds,
    kinks,
    mean_slope,
    pareto_k,
    posterior_collapse,
    priors,
    seams,
    spurious_solutions,
)

CLEAR = 1e-6
"""Two numbers that differ by this differ: a million times the round-off of either."""

AFFINE, BENT = 0, 1
"""Of a plane shear M (z_1 + q(z_2), z_2): f is affine in z_1, with a constant column, and not in z_2."""


@dataclass(frozen=True)
class Reading:
    """One way to read a statement, and the law that it amounts to; `true` is what is claimed of it."""

    topic: str
    words: str
    true: bool
    law: Callable[[Measurements], Law]

    @property
    def name(self) -> str:
        """Topic and words: the name of the law, or the id of the control."""
        return f"{self.topic}: {self.words}"


def _bounded_rate(measured: Measurements) -> Law:
    """abs(variance - formula) / eps^(3/2) falls with eps over the last two decades: an upper bound of that order."""
    law = encoder_variance.paper_law("bound", measured, encoder_variance.paper_error, 2.0)
    ratio = np.abs(law.measured) / law.eps**1.5
    noise = law.floor / law.eps**1.5
    first, last = (slice(-5, -4), slice(-1, None))
    return BoundLaw("bound", law.instances, ratio[:, first] - ratio[:, last], noise[:, first] + noise[:, last])


def _prior_term_helps(measured: Measurements) -> Law:
    """abs(variance - eps s) >= abs(variance - formula) at the smallest noise of every instance."""
    plain = encoder_variance.correction_law("plain", measured, encoder_variance.correction())
    formula = encoder_variance.paper_law("formula", measured, encoder_variance.paper_error, 2.0)
    gained = (np.abs(plain.measured) - np.abs(formula.measured)) / plain.eps**2
    return BoundLaw("prior term", plain.instances, gained, 2 * plain.floor / plain.eps**2)


def _shears(measured: Measurements) -> Batch:
    (plane,) = [batch for batch in measured.of_families("shear") if batch.latent_dim == 2]
    return plane.where(prior="normal")


def _formula_error(measured: Measurements, coordinate: int) -> tuple[Batch, np.ndarray, np.ndarray]:
    batch = _shears(measured)
    tolerance = batch.eps * (encoder_variance.SEARCH_TOLERANCE + encoder_variance.CURVATURE_FACTOR * batch.gap_error)
    return batch, (batch.variance - encoder_variance.paper_variance(batch))[..., coordinate], tolerance


def _exact(coordinate: int) -> Callable[[Measurements], Law]:
    def law(measured: Measurements) -> Law:
        batch, error, tolerance = _formula_error(measured, coordinate)
        return IdentityLaw("exact", batch.instances, error, np.zeros_like(error), tolerance)

    return law


def _never_exact(measured: Measurements) -> Law:
    """A decoder that is not linear leaves an error in every coordinate."""
    batch, error, tolerance = _formula_error(measured, AFFINE)
    return BoundLaw(
        "error", batch.instances, np.abs(error[:, :1]) - 2 * tolerance[:, :1], EPS64 * np.ones_like(error[:, :1])
    )


def _odd_priors(measured: Measurements, prior: str) -> Batch:
    return priors.measure(measured).where(prior=prior)


def _limit_with(prior: str) -> Callable[[Measurements], Law]:
    return lambda measured: limit_law("limit", [_odd_priors(measured, prior)])


def _moved_limit(measured: Measurements) -> Law:
    """The contrast of M - l'': the prior's curvature beside the likelihood's, as at noise variance 1."""
    batch = _odd_priors(measured, "correlated normal")

    def limit(batch: Batch) -> np.ndarray:
        A = batch.derivatives["M"] - batch.derivatives["l2"]
        return 0.5 * (np.sum(np.log(np.einsum("naa->na", A)), axis=1) - np.linalg.slogdet(A)[1])

    return limit_law("limit", [batch], limit=limit)


def _average(name: str) -> Callable[[Measurements], Law]:
    def law(measured: Measurements) -> Law:
        means = mean_slope.data_means(measured)
        own = -means.mean("elbo_slope")
        sampled = means.mean("gap_slope") + 0.5 * means.mean("contrast_laplacian")
        values, slope = {
            "data": (means.gap, own),
            "model": (means.sampled_gap, sampled),
            "same": (means.sampled_gap, own),
        }[name]
        return mean_slope.average_law(name, means, values, slope, limit=means.mean("contrast"))

    return law


def _darmois_always(measured: Measurements) -> Law:
    (control,) = [one for one in spurious_solutions.controls(measured) if one.id == "darmois-always"]
    return control.law


def _outside(measured: Measurements) -> tuple[Batch, np.ndarray]:
    """The mass that the best Gaussian encoder of a uniform prior's latents, in z, has outside the unit square."""
    batch = _odd_priors(measured, priors.PRIORS[priors.UNIFORM])
    z = 1 / (1 + np.exp(-batch.mean))
    std = np.sqrt(batch.variance) * z * (1 - z)
    largest = np.argmax(batch.eps)
    mass = ndtr(-z / std) + ndtr(-(1 - z) / std)
    return batch, np.sum(mass[:, largest], axis=-1)


def _mass(positive: bool) -> Callable[[Measurements], Law]:
    def law(measured: Measurements) -> Law:
        batch, mass = _outside(measured)
        return FactLaw("mass", batch.instances, (mass > 0) == positive, f"mass up to {mass.max():.1e} outside")

    return law


def _mean_jacobian(measured: Measurements) -> Law:
    """The contrast of the mean Jacobian differs from the mean contrast."""
    instances, found = contrast.measure(measured)
    average = 0.5 * (found["contrast"] + found["at the other point"])
    distance = np.abs(found["mean Jacobian"] - average)[:, None]
    return BoundLaw("distance", instances, distance - CLEAR, np.full_like(distance, EPS64))


def _same_contrast(measured: Measurements) -> Law:
    instances, found = contrast.measure(measured)
    average = 0.5 * (found["contrast"] + found["at the other point"])
    return contrast.equal_law("contrast", instances, found["mean Jacobian"], average)


def _mean_bound(measured: Measurements) -> Law:
    """abs(mu* - g) / sqrt(eps) falls with eps."""
    batches = measured.of_families("mlp")
    ratio = [np.linalg.norm(b.mean - b.point[:, None], axis=-1) / np.sqrt(b.eps) for b in batches]
    noise = [b.mean_error / np.sqrt(b.eps) for b in batches]
    left, right = np.concatenate(ratio), np.concatenate(noise) + LIMIT_ROUND_OFF
    return BoundLaw("bound", rows(batches), left[:, -5:-4] - left[:, -1:], right[:, -5:-4] + right[:, -1:])


def _of(claim: Claim, name: str) -> Callable[[Measurements], Law]:
    """A law, or the law of a control, of a claim that has its own instances."""

    def law(measured: Measurements) -> Law:
        run = measured.once((_of, claim.id), lambda: run_of(claim, Draws(measured.seed)))
        for statement in claim.statements:
            if statement.name == name:
                return statement.law(run)
        (planted,) = [one for one in claim.planted if one.statement == name]
        statement = planted.law or claim.statements[planted.of].vary(**planted.changes)
        return statement.law(run)

    return law


def _variance(order: float) -> Callable[[Measurements], Law]:
    return lambda measured: encoder_variance.paper_law("rate", measured, encoder_variance.paper_error, order)


_FORMULA = "the paper's variance formula"
_EXACT = "exactness of the variance formula"
_MEAN = "self-consistency, |mu* - g| = O(1/gamma)"
_PRIOR = "which priors"
_PIECES = "leaky-ReLU decoders and folds"
_AVERAGES = "the average gap"
_DARMOIS = "Darmois solutions have a positive contrast"
_UNIFORM = "a uniform prior with a Gaussian encoder"
_CONTRAST = "the contrast over a data set"
_UNIQUE = "a unique preimage"
_COLLAPSE = "a discontinuity of the KL at posterior collapse"
_AXES = "diagonal posteriors lock the axes"
_PARETO = "a Pareto k below .7 means a good approximation"
_ERROR = "the mean squared error is the maximum-likelihood noise"

READINGS: tuple[Reading, ...] = (
    Reading(_FORMULA, "error O(gamma^-3), as an upper bound", True, _bounded_rate),
    Reading(_FORMULA, "error of the exact rate gamma^-3", False, _variance(1.5)),
    Reading(_FORMULA, "error of the exact rate gamma^-4", True, _variance(2.0)),
    Reading(
        _FORMULA,
        "without its prior term the error has the same rate",
        True,
        lambda m: encoder_variance.correction_law("t", m, encoder_variance.correction()),
    ),
    Reading(_FORMULA, "its prior term always helps", False, _prior_term_helps),
    Reading(_EXACT, "in a coordinate in which f is affine, the decoder being nonlinear", True, _exact(AFFINE)),
    Reading(_EXACT, "for linear decoders and Gaussian priors only", False, _never_exact),
    Reading(_EXACT, "in every coordinate of a nonlinear decoder", False, _exact(BENT)),
    Reading(_MEAN, "as an upper bound", True, _mean_bound),
    Reading(_MEAN, "as a sharp rate", False, lambda m: encoder_mean.mean_law("rate", m, encoder_mean.MEAN_SHIFT, 0.5)),
    Reading(_MEAN, "O(gamma^-2), sharp", True, lambda m: encoder_mean.mean_law("rate", m, encoder_mean.MEAN_SHIFT)),
    Reading(_PRIOR, "the limit needs no factorised prior", True, _limit_with("correlated normal")),
    Reading(_PRIOR, "the limit needs no log-concave prior", True, _limit_with("bimodal")),
    Reading(_PRIOR, "a dependent prior's curvature moves the limit", False, _moved_limit),
    Reading(_PIECES, "averages converge at gamma^-2", False, lambda m: kinks.expected_law("E", m, order=1.0)),
    Reading(_PIECES, "kinks: averages converge at 1/gamma", True, lambda m: kinks.expected_law("E", m)),
    Reading(_PIECES, "folds: averages converge at gamma^(-1/2)", True, lambda m: folds.expected_law("E", m)),
    Reading(_AVERAGES, "over the data: slope -E[E1]", True, _average("data")),
    Reading(_AVERAGES, "over the model's samples: slope E[a1] + 1/2 E[Laplacian c]", True, _average("model")),
    Reading(_AVERAGES, "the two slopes agree", False, _average("same")),
    Reading(_DARMOIS, "where the truth has contrast zero", True, lambda m: spurious_solutions.darmois_laws(m)[-1]),
    Reading(_DARMOIS, "and always a larger one than the truth", False, _darmois_always),
    Reading(_UNIFORM, "has mass outside the support: ELBO = -infinity", True, _mass(positive=True)),
    Reading(_UNIFORM, "has a finite ELBO", False, _mass(positive=False)),
    Reading(
        _UNIFORM,
        "what the public code trains is a logistic prior with f o sigmoid",
        True,
        lambda m: priors.same_elbo("ELBO", _odd_priors(m, priors.PRIORS[priors.UNIFORM])),
    ),
    Reading(_CONTRAST, "the mean of the contrasts is not the contrast of the mean Jacobian", True, _mean_jacobian),
    Reading(_CONTRAST, "the mean Jacobian's contrast is the mean contrast", False, _same_contrast),
    Reading(
        _UNIQUE,
        "is not enough: f must stay away from x elsewhere",
        True,
        lambda m: assumptions.limit_of_gap(assumptions.INFINITY, m),
    ),
    Reading(_UNIQUE, "is enough", False, lambda m: assumptions.theorem(assumptions.INFINITY, "gap", m)),
    Reading(_COLLAPSE, "of its slope: a kink", True, _of(posterior_collapse.CLAIM, "KL_1 above the threshold")),
    Reading(_COLLAPSE, "of its value: a jump", False, _of(posterior_collapse.CLAIM, "the KL jumps")),
    Reading(_AXES, "ask for no more than orthogonal columns in the limit", True, _of(seams.CLAIM, "gap without")),
    Reading(
        _AXES,
        "and make the density factorise",
        False,
        _of(seams.CLAIM, "a zero contrast makes seams: the density factorises"),
    ),
    Reading(_PARETO, "it bounds the gap from below", True, _of(pareto_k.CLAIM, "the gap is at least")),
    Reading(_PARETO, "gaps below .2 nats", False, _of(pareto_k.CLAIM, "k < .7 means good: gaps below .2")),
    Reading(_ERROR, "the error of samples", True, _of(decoder_variance.CLAIM, "slope in eps")),
    Reading(
        _ERROR,
        "the error of the means",
        False,
        _of(decoder_variance.CLAIM, "the error of means is that of maximum likelihood"),
    ),
)


def laws(measured: Measurements) -> list[Law]:
    """The readings that are claimed to be true."""
    return [replace(one.law(measured), name=one.name) for one in READINGS if one.true]


def controls(measured: Measurements) -> list[Control]:
    """The readings that are claimed to be false."""
    return [Control(one.name, one.name, one.law(measured)) for one in READINGS if not one.true]


def table(laws: tuple[LawResult, ...], controls: tuple[ControlOutcome, ...]) -> list[dict[str, str]]:
    """One row a reading, with the verdict on it."""
    true = {law.name: f"{law.verdict}: {law.summary}" for law in laws}
    false = {one.id: f"rejected: {one.by}" if one.rejected else "survives" for one in controls}
    return [
        {"said": one.topic, "read as": one.words, "verdict": (true if one.true else false)[one.name]}
        for one in READINGS
    ]


CLAIM = Claim(
    id="loose-statements",
    order=35,
    title="what the literature says loosely, said precisely",
    statement="Fourteen statements that the literature leaves open to more than one reading, each with its verdict: "
    "upper bounds are not sharp rates, sufficient conditions are not necessary ones, and averages differ by what they "
    "are taken over.",
    latex=r"|\mu^* - g| = \Theta(\gamma^{-2}),\quad |\sigma_k^2 - (\gamma^2\|J_k\|^2 - \ell''_{kk})^{-1}| = "
    r"\Theta(\gamma^{-4}),\quad \mathbb{E}[c(J)] \ne c(\mathbb{E}[J])",
    source="readings: new here, of Reizinger et al. 2022 (arXiv:2206.02416) and its public code, and of "
    "Gresele et al. 2021 (arXiv:2106.05200)",
    assumptions=("those of the claim that each reading belongs to",),
    laws=laws,
    controls=controls,
    table=table,
)
