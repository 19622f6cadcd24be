"""What the theorem assumes, in an audit: what was found decides, and what cannot be known is said so."""

import jax.numpy as jnp
import numpy as np
from elbogap.auditing.account import Entry
from elbogap.auditing.hypotheses import hypotheses
from elbogap.numerics.families.linear import Linear
from elbogap.numerics.model import LatentModel

POINTS = np.array([[0.1, -0.4], [0.8, 0.3]])


def seen(multimodal: bool) -> Entry:
    """An entry of the account of which only this is looked at."""
    return Entry._make(0.0 for _ in Entry._fields)._replace(multimodal=multimodal)


def answers(decoder, contrast=(0.1, 0.2), several=(False, False), kinked: bool = False) -> dict[str, str]:
    """The answer of each condition."""
    entries = [seen(flag) for flag in several]
    found = hypotheses(LatentModel(decoder, 2), POINTS, np.array(contrast), entries, kinked)
    return {one.name: one.answer for one in found}


def test_each_finding_refutes_its_own_condition() -> None:
    """Several modes refute the separation, dependent columns the curvature, a kink the smoothness: nothing else."""
    usual = answers(jnp.sinh)
    assert usual == {
        **{"separation": "not checkable", "curvature": "holds", "smoothness": "not checkable"},
        **{"density": "holds", "integrability": "not checkable"},
    }
    assert answers(jnp.sinh, several=(False, True)) == usual | {"separation": "fails"}
    assert answers(jnp.sinh, contrast=(0.1, np.inf)) == usual | {"curvature": "fails"}
    assert answers(jnp.sinh, contrast=(0.1, np.nan)) == usual | {"curvature": "fails"}
    assert answers(jnp.sinh, kinked=True) == usual | {"smoothness": "fails"}


def test_of_a_known_family_everything_is_known() -> None:
    """A linear decoder satisfies all five, unless a posterior with several modes says that something is wrong."""
    decoder = Linear(np.array([[1.0, 0.3], [0.0, 0.8]]), np.zeros(2))
    assert set(answers(decoder).values()) == {"holds"}
    assert answers(decoder, several=(True, False))["separation"] == "fails"
