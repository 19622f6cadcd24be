"""The hypotheses of the limit theorems: bounds that are true at every distance, and counterexamples that are found."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.numerics.conditions import NAMES, check_conditions
from elbogap.numerics.families.automorphisms import draw_swirl
from elbogap.numerics.families.linear import Linear
from elbogap.numerics.families.registry import FAMILIES
from elbogap.numerics.families.separation import separation
from elbogap.numerics.model import LatentModel
from elbogap.numerics.priors import Laplace, Normal
from elbogap.theory.steps.concentration import CONDITIONS

ROUND_OFF = 1e-9
"""Relative: squared distances of values of size up to 1e3 in float64."""
BOUNDED = ("linear", "mlp", "orthogonal_mlp", "triangular_mlp", "shear", "moebius", "moebius_linear")


def distances(decoder, point: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """|f(z) - f(g)|^2 and |z - g|^2 at 600 points z from .001 to 100 away from g."""
    direction = rng.standard_normal((600, len(point)))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    away = direction * np.geomspace(1e-3, 1e2, 600)[:, None]
    values = np.asarray(jax.jit(jax.vmap(lambda z: decoder(z)))(jnp.asarray(np.vstack([point, point + away]))))
    return np.sum((values[1:] - values[0]) ** 2, axis=1), np.sum(away**2, axis=1)


@pytest.mark.parametrize("name", BOUNDED)
def test_the_bound_of_a_family_holds_at_every_distance(name: str) -> None:
    """|f(z) - f(g)|^2 >= kappa min(|z-g|^2, rho^2) near and far; kappa is at most the squared slope."""
    family, rng = FAMILIES[name], np.random.default_rng(0)
    for d in family.latent_dims[:2]:
        decoder, point = family.draw(rng, d), family.point(rng, d)
        found = separation(decoder, point)
        assert found is not None and found.kappa > 0
        square, away = distances(decoder, point, rng)
        assert np.all(square >= found.kappa * np.minimum(away, found.rho**2) * (1 - ROUND_OFF))
        jacobian = jax.jit(jax.jacfwd(lambda z, decoder=decoder: decoder(z)))(jnp.asarray(point))
        smallest = np.linalg.svd(np.asarray(jacobian), compute_uv=False)[-1]
        assert found.kappa <= smallest**2 * (1 + ROUND_OFF)


def test_a_larger_bound_is_refuted() -> None:
    """Along the shortest column a linear decoder has exactly its kappa: one per cent more does not hold."""
    decoder = Linear(np.diag([0.5, 2.0]), np.zeros(2))
    found = separation(decoder, np.zeros(2))
    assert found == (0.25, np.inf)
    (value,) = np.sum(np.asarray(jax.vmap(decoder)(jnp.asarray([[3.0, 0.0]]))) ** 2, axis=1)
    assert not value >= 1.01 * found.kappa * 9.0


def answers(decoder, point: np.ndarray, **given) -> dict[str, str]:
    """The answer of each condition."""
    prior = given.pop("prior", None)
    model = LatentModel(decoder, len(point), prior=prior, noise_var=given.pop("noise_var", 1e-3))
    return {one.name: one.answer for one in check_conditions(model, point, **given)}


def test_the_conditions_are_those_that_the_argued_steps_name() -> None:
    """`theory` and `numerics` speak of the same five conditions, in the same order."""
    assert tuple(condition.id for condition in CONDITIONS) == NAMES
    assert all(condition.text.startswith(f"{condition.id}: ") for condition in CONDITIONS)


@pytest.mark.parametrize("name", BOUNDED)
def test_every_condition_holds_for_the_families_of_the_table(name: str) -> None:
    """The decoders that the claims are measured on satisfy what the argued steps assume."""
    family, rng = FAMILIES[name], np.random.default_rng(1)
    d = family.latent_dims[0]
    assert set(answers(family.draw(rng, d), family.point(rng, d)).values()) == {"holds"}


def test_a_second_preimage_refutes_separation() -> None:
    """z and -z have the same square: found where it is looked for, else nothing is said."""
    point = np.array([0.7])
    assert answers(lambda z: z**2, point, others=[np.array([-0.7])])["separation"] == "fails"
    assert answers(lambda z: z**2, point, others=[np.array([0.2])])["separation"] == "not checkable"


def test_what_cannot_be_known_is_said_so() -> None:
    """Of a function that is only evaluated the curvature is computed, the rest is not checkable; a kink refutes."""
    point = np.array([0.3, -0.2])
    found = answers(lambda z: jnp.sinh(z), point)
    assert found.pop("curvature") == "holds" and found.pop("density") == "holds"
    assert set(found.values()) == {"not checkable"}
    assert answers(lambda z: jnp.abs(z), point, kinked=True)["smoothness"] == "fails"
    assert answers(draw_swirl(np.random.default_rng(0), 2), point)["separation"] == "not checkable"


def test_a_flat_direction_has_no_curvature() -> None:
    """A latent that does nothing leaves M singular; a prior with a kink and noise by outputs are not known."""
    point = np.array([0.3, -0.2])
    assert answers(lambda z: jnp.stack([z[0], 2 * z[0]]), point)["curvature"] == "fails"
    decoder = Linear(np.eye(2), np.zeros(2))
    assert answers(decoder, point, prior=Laplace(1.0))["smoothness"] == "not checkable"
    by_output = answers(decoder, point, prior=Normal(), noise_var=np.array([1e-3, 2e-3]))
    assert by_output["separation"] == by_output["density"] == "not checkable"
