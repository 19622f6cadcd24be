"""The main theorem as a property: for random decoders the gap closes in on the contrast at its rate and constant."""

import equinox as eqx
import jax
import numpy as np
import pytest
from elbogap import LatentModel, expansion, ima_contrast
from elbogap.numerics.families.registry import FAMILIES
from elbogap.numerics.gap import measure_gap
from elbogap.numerics.priors import Choice, Logistic, Normal
from elbogap.proofs_checks.laws import ConvergenceLaw, Instances
from hypothesis import given, settings
from hypothesis import strategies as st

LADDER = 10.0 ** -np.arange(1.5, 5.25, 0.5)
D = 2


@eqx.filter_jit
def measure(decoder, prior, point):
    """Gap along the ladder, its error bound, contrast and slope at one point of one decoder."""
    model = LatentModel(decoder, D, prior=Choice((Normal(), Logistic()), prior))
    found = jax.vmap(lambda eps: measure_gap(model.with_noise(eps), decoder(point), start=point))(LADDER)
    return found.gap, found.gap_error, found.converged, ima_contrast(decoder, point), expansion(model, point).gap_slope


# A rotation's gap is zero at every eps, which leaves nothing to converge; a Darmois map takes minutes to compile.
LEFT_OUT = {"rotation", "darmois"}
SMOOTH = [
    name
    for name, family in FAMILIES.items()
    if family.injective and family.smooth and D in family.latent_dims and name not in LEFT_OUT
]


# Each family compiles a program of its own, ten seconds: the default run takes four that differ most.
DEFAULT = {"mlp", "shear", "moebius_linear", "swirled_mlp"}


@pytest.mark.parametrize(
    "family", [name if name in DEFAULT else pytest.param(name, marks=pytest.mark.slow) for name in SMOOTH]
)
def test_the_gap_shrinks_to_the_contrast_with_order_one_and_its_constant(family: str) -> None:
    """For any decoder, prior and point: gap - c_IMA goes to zero like a1 eps, with the a1 of the expansion."""
    conclusive = []

    @settings(max_examples=20)
    @given(st.integers(0, 2**32 - 1), st.integers(0, 1))
    def check(seed: int, prior: int) -> None:
        rng = np.random.default_rng(seed)
        decoder, point = FAMILIES[family].draw(rng, D), FAMILIES[family].point(rng, D)
        gap, error, converged, contrast, slope = map(np.asarray, measure(decoder, np.asarray(prior), point))
        assert converged.all()
        distance = np.abs(gap - contrast)
        floor = error + 1e-14
        assert np.all(distance[1:] <= distance[:-1] + floor[1:] + floor[:-1]) or distance[0] < 0.1
        assert distance[-1] <= 2 * np.abs(slope) * LADDER[-1] + 1e4 * LADDER[-1] ** 2 + floor[-1]
        row = Instances((family,), (D,), (D,), ("normal",))
        law = ConvergenceLaw("gap", row, LADDER, gap[None], contrast[None], 1.0, slope[None], floor[None])
        verdict = law.judge().verdict
        assert verdict != "fails", law.judge().reason
        conclusive.append(verdict == "holds")

    check()
    assert np.mean(conclusive) > 0.8  # a property that is mostly inconclusive would test nothing


def test_the_property_can_fail() -> None:
    """The same judgement rejects a contrast taken of the Jacobian's rows, and a slope that is off by a factor 1.1."""
    rng = np.random.default_rng(3)
    decoder, point = FAMILIES["mlp"].draw(rng, D), FAMILIES["mlp"].point(rng, D)
    gap, error, _, contrast, slope = map(np.asarray, measure(decoder, np.asarray(0), point))
    row = Instances(("mlp",), (D,), (D,), ("normal",))

    def verdict(limit: np.ndarray, constant: np.ndarray) -> str:
        law = ConvergenceLaw("gap", row, LADDER, gap[None], limit[None], 1.0, constant[None], error[None] + 1e-14)
        return law.judge().verdict

    J = np.asarray(jax.jacfwd(decoder)(point))
    rows = np.sum(np.log(np.linalg.norm(J, axis=1))) - np.linalg.slogdet(J)[1]
    assert verdict(contrast, slope) == "holds"
    assert verdict(np.asarray(rows), slope) == "fails"
    assert verdict(contrast, 1.1 * slope) == "fails"
