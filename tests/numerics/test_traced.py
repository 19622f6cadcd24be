"""A program is used again only where it computes what the decoder computes now."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.numerics.contrast import ima_contrast
from elbogap.numerics.likelihood import log_likelihood
from elbogap.numerics.model import LatentModel
from elbogap.numerics.priors import Choice, Normal
from elbogap.numerics.traced import reused, traced

Z = jnp.array([0.4, -0.2])


@pytest.fixture
def value():
    """f(Z) as a reused program computes it, and how often that was traced."""
    count = []

    @reused
    def at(model, data, left_out, starts):
        count.append(1)
        return model.decoder(starts[0])

    def run(decoder, **keywords):
        return np.asarray(at(LatentModel(decoder, 2, **keywords), jnp.zeros(2), Z)), len(count)

    return run


def test_what_a_decoder_closes_over_is_read_anew(value):
    """Weights that change in place and globals that are bound again change the result, and compile nothing."""
    weights = {"W": jnp.eye(2)}
    decoder = lambda z: jnp.tanh(weights["W"] @ z)  # noqa: E731
    first, count = value(decoder)
    weights["W"] = 2 * jnp.eye(2)
    second, again = value(decoder)
    np.testing.assert_allclose(second, np.tanh(2 * np.arctanh(first)), rtol=1e-15)
    assert (count, again) == (1, 1)
    # The same words at another place: the same program.
    assert value(lambda z: jnp.tanh(weights["W"] @ z))[1] == 1


def test_a_number_in_the_code_is_part_of_the_program(value):
    """Decoders that differ in the last digit of a number are two programs."""
    scale = 1.0
    decoder = lambda z: jnp.tanh(scale * z)  # noqa: E731
    first = value(decoder)
    scale = 1.0 + 2.0**-52
    assert value(decoder)[1] == 2
    assert value(jnp.tanh)[1] == 3
    assert first[1] == 1


def test_rules_of_the_same_name_are_told_apart(value):
    """Two functions that print alike and have different derivatives are two programs, the same one is one."""

    def doubled(slope):
        rule = jax.custom_jvp(lambda z: 2 * z)
        rule.defjvp(lambda primals, tangents: (2 * primals[0], slope * tangents[0]))
        return lambda z: jnp.tanh(rule(z))

    right, wrong = doubled(2.0), doubled(3.0)
    assert [value(decoder)[1] for decoder in (right, wrong, right, wrong)] == [1, 2, 2, 2]


def test_what_cannot_be_compared_is_not_kept():
    """A prior of a user's own, also as one of several, and noise that depends on z leave the model untraced."""

    class Mine(Normal):
        """A subclass, which may hold anything."""

    def decoder(z):
        return jnp.tanh(z)

    assert traced(LatentModel(decoder, 2), decoder) is not None
    assert traced(LatentModel(decoder, 2, prior=Choice((Normal(),), 0)), decoder) is not None
    for prior in (Mine(), Choice((Normal(), Mine()), 1)):
        assert traced(LatentModel(decoder, 2, prior=prior), decoder) is None
    assert traced(LatentModel(decoder, 2, noise_var=lambda z: 0.1 + z[0] ** 2), decoder) is None


def test_gradients_go_through_the_weights(value):
    """A module under `grad` is traced with its weights: the derivative is that of the plain function."""
    decoder = eqx.nn.Linear(2, 2, key=jax.random.key(0))

    @reused
    def squared(model, data, left_out, starts):
        return jnp.sum(model.decoder(starts[0]) ** 2)

    found = jax.grad(lambda scale: squared(LatentModel(lambda z: scale * decoder(z), 2), jnp.zeros(2), Z))(1.5)
    assert float(found) == pytest.approx(2 * 1.5 * float(jnp.sum(decoder(Z) ** 2)), rel=1e-14)


@pytest.mark.parametrize("kind", [jnp.asarray, np.asarray])
def test_the_contrast_is_that_of_the_weights_now(kind):
    """A decoder that closes over weights, changed in place or bound again, has the contrast of the new ones."""
    weights = {"W": kind(np.array([[1.0, 0.5], [0.0, 1.0]]))}
    decoder = lambda z: weights["W"] @ jnp.sin(z)  # noqa: E731
    assert float(ima_contrast(decoder, Z)) == pytest.approx(0.5 * np.log(1.25), rel=1e-14)
    if kind is np.asarray:
        weights["W"][0, 1] = 0.0
    else:
        weights["W"] = jnp.eye(2)
    assert float(ima_contrast(decoder, Z)) == pytest.approx(0.0, abs=1e-15)


def test_an_affine_output_is_that_of_the_weights_now():
    """The last linear map is read anew, too: log p follows weights that are bound again."""
    weights = {"W": jnp.array([[1.0], [2.0], [2.0]])}
    model = LatentModel(lambda z: weights["W"] @ z, 1, noise_var=1.0)
    for scale in (1.0, 3.0):
        weights["W"] = scale * jnp.array([[1.0], [2.0], [2.0]])
        # x ~ N(0, I + W W'), W'W = 9 scale^2.
        expected = -1.5 * np.log(2 * np.pi) - 0.5 * np.log(1 + 9 * scale**2)
        found = log_likelihood(model, jnp.zeros(3), start=jnp.zeros(1))
        assert float(found) == pytest.approx(expected, abs=1e-12)
