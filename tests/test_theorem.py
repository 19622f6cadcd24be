"""The main theorem as a property: for random decoders the gap closes in on the contrast at its rate and constant."""

import equinox as eqx
import jax
import numpy as np
import pytest
from budgets import budget
from elbogap import LatentModel, expansion, ima_contrast
from elbogap.numerics.families import FAMILIES, Decoder
from elbogap.numerics.gap import measure_gap
from elbogap.numerics.priors import Choice, CorrelatedNormal, Laplace, Logistic, Normal, Prior, StudentT
from elbogap.proofs_checks.laws import ConvergenceLaw, Instances, LawResult
from elbogap.testing import decoders, points, priors
from hypothesis import Phase, given, settings, target

# Under test beartype checks one random item of a tuple, which Hypothesis sees as a strategy that draws from `random`.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
LADDER = 10.0 ** -np.arange(1.5, 5.25, 0.5)
D = 2


SMOOTH_PRIORS = priors(D).filter(lambda prior: not isinstance(prior, Laplace))
"""A Laplace prior has a kink at 0: another theorem (claim `priors`)."""

DEFAULTS = (Normal(), Logistic(), StudentT(5.0), CorrelatedNormal(np.zeros(D), np.eye(D)))


def as_choice(prior: Prior) -> Choice:
    """The prior as one of a fixed choice of kinds, so that all of them share one compiled program."""
    kinds = [type(default) for default in DEFAULTS]
    index = kinds.index(type(prior))
    options = tuple(prior if i == index else default for i, default in enumerate(DEFAULTS))
    return Choice(jax.tree.map(np.asarray, options), np.asarray(index))


@eqx.filter_jit
def measure(decoder, prior, point):
    """Gap along the ladder, its error bound, contrast and slope at one point of one decoder."""
    model = LatentModel(decoder, D, prior=prior)
    found = jax.vmap(lambda eps: measure_gap(model.with_noise(eps), decoder(point), start=point))(LADDER)
    return found.gap, found.gap_error, found.converged, ima_contrast(decoder, point), expansion(model, point).gap_slope


def judged(decoder: Decoder, prior: Prior, point: np.ndarray) -> tuple[LawResult, np.ndarray, np.ndarray]:
    """The law gap = c + a1 eps + O(eps^2) at one point; what is left of the gap in units of eps^2, and its floor."""
    gap, error, converged, contrast, slope = map(np.asarray, measure(decoder, as_choice(prior), point))
    assert converged.all()
    distance, floor = np.abs(gap - contrast), error + 1e-14
    assert np.all(distance[1:] <= distance[:-1] + floor[1:] + floor[:-1]) or distance[0] < 0.1
    assert distance[-1] <= 2 * np.abs(slope) * LADDER[-1] + 1e4 * LADDER[-1] ** 2 + floor[-1]
    row = Instances((type(decoder).__name__,), (D,), (D,), (type(prior).__name__,))
    law = ConvergenceLaw("gap", row, LADDER, gap[None], contrast[None], 1.0, slope[None], floor[None])
    return law.judge(), np.abs(gap - contrast - slope * LADDER) / LADDER**2, floor / LADDER**2


# A rotation's gap is zero at every eps, which leaves nothing to converge; a Darmois map takes minutes to compile.
LEFT_OUT = {"rotation", "darmois"}
SMOOTH = [
    name
    for name, family in FAMILIES.items()
    if family.injective and family.smooth and D in family.latent_dims and name not in LEFT_OUT
]


# Each family compiles a program of its own, ten seconds: the default run takes two that differ most.
DEFAULT = {"mlp", "shear"}


@pytest.mark.parametrize(
    "family", [name if name in DEFAULT else pytest.param(name, marks=pytest.mark.slow) for name in SMOOTH]
)
def test_the_gap_shrinks_to_the_contrast_with_order_one_and_its_constant(family: str) -> None:
    """For any decoder, smooth prior and point: gap - c_IMA goes to zero like a1 eps, with the a1 of the expansion."""
    conclusive = []

    @budget(0.2)
    @given(decoders((family,), (D,)), SMOOTH_PRIORS, points(D))
    def check(decoder: Decoder, prior: Prior, point: np.ndarray) -> None:
        result, left, floor = judged(decoder, prior, point)
        # What is left is a2 eps^2: the search goes where the theorem's remainder is largest.
        seen = left > 10 * floor
        target(float(np.log(np.max(left[seen], initial=1.0))), label="remainder")
        assert result.verdict != "fails", result.reason
        conclusive.append(result.verdict == "holds")

    check()
    assert np.mean(conclusive) > 0.8  # a property that is mostly inconclusive would test nothing


def test_the_property_can_fail() -> None:
    """The same judgement rejects a contrast taken of the Jacobian's rows, and a slope that is off by a factor 1.1."""
    rng = np.random.default_rng(3)
    decoder, point = FAMILIES["mlp"].draw(rng, D), FAMILIES["mlp"].point(rng, D)
    gap, error, _, contrast, slope = map(np.asarray, measure(decoder, as_choice(Normal()), point))
    row = Instances(("mlp",), (D,), (D,), ("normal",))

    def verdict(limit: np.ndarray, constant: np.ndarray) -> str:
        law = ConvergenceLaw("gap", row, LADDER, gap[None], limit[None], 1.0, constant[None], error[None] + 1e-14)
        return law.judge().verdict

    J = np.asarray(jax.jacfwd(decoder)(point))
    rows = np.sum(np.log(np.linalg.norm(J, axis=1))) - np.linalg.slogdet(J)[1]
    assert verdict(contrast, slope) == "holds"
    assert verdict(np.asarray(rows), slope) == "fails"
    assert verdict(contrast, 1.1 * slope) == "fails"


def test_a_counterexample_is_small_and_prints_as_code() -> None:
    """A false theorem (no contrast) fails at the smallest decoder, prior and point drawn here, which print as code."""
    contrast = eqx.filter_jit(ima_contrast)

    @settings(database=None, derandomize=True, phases=[Phase.generate, Phase.shrink])
    @given(decoders(("mlp",), (D,)), SMOOTH_PRIORS, points(D))
    def no_contrast(decoder: Decoder, prior: Prior, point: np.ndarray) -> None:
        assert contrast(decoder, point) < 1e-3

    with pytest.raises(AssertionError) as failure:
        no_contrast()
    printed = "\n".join(failure.value.__notes__)
    printed = printed.replace("0.0", "0.")  # older releases of Hypothesis print as Python does
    for argument in ("decoder=member('mlp', 2, 0)", "prior=Logistic()", "point=array([0., 0.])"):
        assert argument in printed, printed
