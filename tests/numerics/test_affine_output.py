"""Decoders that end in an affine map: found by structure alone, and exactly what they were with fewer outputs."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.numerics.affine_output import Structure, shortened, structure
from elbogap.numerics.contrast import contrast_of_jacobian, ima_contrast
from elbogap.numerics.encoder import elbo, optimal_encoder
from elbogap.numerics.expansion import expansion
from elbogap.numerics.gap import measure_gap
from elbogap.numerics.likelihood import log_likelihood
from elbogap.numerics.model import LatentModel
from elbogap.numerics.reduction import reduction

# Sums of D products in another order: some tens of units in the last place of the largest term.
ROUND_OFF = 1e-13
# Two searches for one optimum stop within 1e-9 posterior standard deviations of it, here 0.02.
SEARCHED = 1e-10
LATENTS, HIDDEN, OUTPUTS = 2, 7, 30
NOISES = ("scalar", "diagonal", "full")

opaque = jax.custom_jvp(lambda y: y)
opaque.defjvp(lambda primals, tangents: (primals[0], tangents[0]))


def plain(decoder):
    """The same function with an end that cannot be opened: the route without the structure."""
    return lambda z: opaque(decoder(z))


def layers(seed):
    """Weights of a network 2-7-30, and a bias."""
    rng = np.random.default_rng(seed)
    first, last = rng.standard_normal((HIDDEN, LATENTS)), rng.standard_normal((OUTPUTS, HIDDEN))
    return jnp.asarray(first), jnp.asarray(last), jnp.asarray(rng.standard_normal(OUTPUTS))


def decoders(seed):
    """Ways to end in an affine map: by the name, the decoder and its number of hidden values."""
    first, last, bias = layers(seed)
    other = jnp.asarray(np.random.default_rng(seed + 1).standard_normal((OUTPUTS, LATENTS)))

    def image(z):
        hidden = jax.nn.silu(first @ z)
        return jnp.transpose(jnp.reshape((last @ hidden - bias) / 2.0, (5, 6))).reshape(-1)

    return {
        "affine": (lambda z: last @ jnp.tanh(first @ z) + bias, HIDDEN),
        "image": (image, HIDDEN),
        "jit": (jax.jit(image), HIDDEN),
        "checkpoint": (jax.checkpoint(image), HIDDEN),
        "batch of one": (lambda z: (jnp.tanh(z[None] @ first.T) @ last.T)[0], HIDDEN),
        "chain": (lambda z: last @ (first @ jnp.sin(z)) + bias, LATENTS),
        "skip": (lambda z: last @ jnp.tanh(first @ z) + other @ z + bias, HIDDEN + LATENTS),
        "linear": (lambda z: other @ z + bias, LATENTS),
        "parts": (lambda z: jnp.concatenate([last[:9] @ jnp.exp(first @ z), jnp.zeros(3), other @ z])[::-1], 9),
        "equinox": (eqx.nn.MLP(LATENTS, OUTPUTS, HIDDEN, 1, key=jax.random.key(seed)), HIDDEN),
    }


NAMES = tuple(decoders(0))


def jacobians(decoder, points):
    """The Jacobians at all points, by one program."""
    return jax.jit(jax.vmap(jax.jacfwd(lambda z: decoder(z))))(points)


@pytest.mark.parametrize("name", NAMES)
def test_the_structure_is_found_and_the_contrast_kept(name):
    """The map is found behind wrappers, reshapes, chains and skips, and R h has the contrast of f to round-off."""
    for seed in range(2):
        decoder, hidden = decoders(seed)[name]
        z = jnp.asarray(np.random.default_rng(seed).standard_normal((4, LATENTS)))
        found = structure(decoder, LATENTS)
        assert found is not None and found.hidden == hidden and found.outputs >= OUTPUTS
        short = shortened(decoder, LATENTS)
        assert short(z[0]).shape == (hidden,)
        expected, got = (contrast_of_jacobian(jacobians(f, z)) for f in (decoder, short))
        np.testing.assert_allclose(got, expected, rtol=ROUND_OFF, atol=ROUND_OFF)


def test_what_is_not_affine_at_its_end_is_left_alone():
    """Almost affine, weights that depend on z, too few outputs, rules of one's own: the jaxpr decides, not numbers."""
    first, last, bias = layers(0)

    def affine(z):
        return last @ jnp.tanh(first @ z) + bias

    refused = {
        "almost affine": lambda z: affine(z) + 1e-300 * jnp.sin(affine(z)),
        "multiplied by one": lambda z: affine(z) * jnp.cos(0.0 * z[0]),
        "weights depend on z": lambda z: (last * z[0]) @ jnp.tanh(first @ z),
        "squared": lambda z: affine(z) ** 2,
        "divided by what varies": lambda z: bias / (3.0 + jnp.sum(z) ** 2),
        "no more outputs than hidden values": lambda z: last[:HIDDEN] @ jnp.tanh(first @ z),
        "a rule of its own": plain(affine),
        "single precision at the end": lambda z: affine(z).astype(jnp.float32),
        "constant": lambda z: bias,
    }
    for name, decoder in refused.items():
        assert structure(decoder, LATENTS) is None, name
        assert shortened(decoder, LATENTS) is decoder, name
        model = LatentModel(decoder, LATENTS)
        assert reduction(model).model is model, name
    assert structure(affine, LATENTS) == Structure(OUTPUTS, HIDDEN)


def test_a_hidden_layer_narrower_than_the_latents_is_left_alone():
    """With h < d the Jacobian has dependent columns: the decoder is judged as it is, with an infinite contrast."""
    last, first = jnp.ones((5, 1)), jnp.ones((1, 2))

    def decoder(z):
        return last @ jnp.tanh(first @ z)

    assert structure(decoder, 2) is None
    assert ima_contrast(decoder, jnp.zeros(2)) == jnp.inf


def noise_of(kind, seed):
    """A scalar, variances of every output, or a covariance."""
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((OUTPUTS, OUTPUTS))
    full = root @ root.T / OUTPUTS + np.eye(OUTPUTS)
    return 1e-2 * {"scalar": np.ones(()), "diagonal": rng.uniform(0.5, 2.0, OUTPUTS), "full": full}[kind]


def off_manifold(decoder, z, distance):
    """Two data, decoder(z) and a point beside the manifold."""
    beside = distance * np.random.default_rng(0).standard_normal(OUTPUTS)
    at = decoder(z)
    return jnp.stack([at, at + beside])


def joint(model, x, points):
    """log p(x, z) for every x and every z."""
    return jax.jit(jax.vmap(lambda x: jax.vmap(lambda z: model.log_joint(z, x))(points)))(x)


@pytest.mark.parametrize("kind", NOISES)
@pytest.mark.parametrize("name", ["affine", "chain", "skip"])
def test_the_joint_density_is_kept(kind, name):
    """log p(x, z) = log p~(y, z) + constant for every z, on and off the manifold, and the constant's error is small."""
    for seed in range(2):
        decoder, hidden = decoders(seed)[name]
        model = LatentModel(decoder, LATENTS, noise_var=noise_of(kind, seed))
        whole = reduction(model)
        points = jnp.asarray(np.random.default_rng(seed).standard_normal((6, LATENTS)))
        x = off_manifold(decoder, points[0], 0.5)
        y, constant = eqx.filter_jit(eqx.filter_vmap(lambda whole, x: whole.data(x), in_axes=(None, 0)))(whole, x)
        assert y.shape == (2, hidden)
        found = joint(whole.model, y, points) + (constant.exponent + constant.normaliser)[:, None]
        np.testing.assert_allclose(found, joint(model, x, points), rtol=ROUND_OFF, atol=ROUND_OFF * OUTPUTS)
        assert np.all((constant.error > 0) & (constant.error < 1e-10))
        assert abs(constant.exponent[0]) < 1e-20 < abs(constant.exponent[1])


@pytest.mark.parametrize("alone", [False, pytest.param(True, marks=pytest.mark.slow)])  # both are in the gap, too
def test_every_measurement_is_kept(alone):
    """Gap, ELBO and expansion, likelihood and encoder alone, agree with the plain route, on the manifold and off it."""
    first, last, bias = layers(0)
    z = jnp.array([0.3])

    def decoder(z):
        return last @ jnp.tanh(first[:, :1] @ z) + bias

    x = off_manifold(decoder, z, 0.05)

    def measured(decoder):
        model = LatentModel(decoder, 1, noise_var=noise_of("diagonal", 0))

        def at(x):
            whole = measure_gap(model, x, start=z)
            if alone:
                return whole, log_likelihood(model, x, start=z, full_output=True), optimal_encoder(model, x, start=z)
            return whole, elbo(model, x, z + 0.01, jnp.array([0.02])), expansion(model, z, x=x)

        return jax.jit(jax.vmap(at))(x)

    found, expected = measured(decoder), measured(plain(decoder))
    for name in ("gap", "log_likelihood", "elbo"):
        error = getattr(found[0], f"{name}_error") + getattr(expected[0], f"{name}_error")
        assert np.all(np.abs(getattr(found[0], name) - getattr(expected[0], name)) <= error), name
    flat, other = jax.tree.leaves_with_path(found), jax.tree.leaves(expected)
    for (path, value), plain_value in zip(flat, other, strict=True):
        if "error" not in jax.tree_util.keystr(path):
            np.testing.assert_allclose(value, plain_value, rtol=SEARCHED, atol=SEARCHED)


def test_derivatives_are_those_of_the_plain_route():
    """jit, vmap and grad: of the contrast in z and in the weights, of the constant twice in x, also on the manifold."""
    first, last, bias = layers(0)
    z = jnp.array([[0.3, -0.2], [0.1, 0.5]])

    def contrast(last, z, end=lambda f: f):
        return ima_contrast(end(lambda z: last @ jnp.tanh(first @ z) + bias), z)

    def derivatives(end):
        at = partial(contrast, end=end)
        return jax.vmap(lambda z: (jax.grad(at, 1)(last, z), jax.grad(at, 0)(last, z), jax.hessian(at, 1)(last, z)))

    def last_known(end):
        return jax.vmap(jax.value_and_grad(lambda z: contrast(last, z, end)))

    for route in (derivatives, last_known):
        found, expected = jax.jit(lambda z, r=route: (r(lambda f: f)(z), r(plain)(z)))(z)
        for value, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(value, other, rtol=100 * ROUND_OFF, atol=100 * ROUND_OFF)
    model = LatentModel(lambda z: last @ jnp.tanh(first @ z) + bias, LATENTS, noise_var=0.1)
    whole = reduction(model)

    def density(x):
        y, constant = whole.data(x)
        return whole.model.log_joint(z[0], y) + constant.value

    def expected(x):
        return model.log_joint(z[0], x)

    def both(function):
        return jax.vmap(lambda x: (jax.grad(function)(x), jax.hessian(function)(x)))

    x = jnp.stack([bias, model.decoder(z[1])])
    found, plainly = jax.jit(lambda x: (both(density)(x), both(expected)(x)))(x)
    for value, other in zip(found, plainly, strict=True):
        np.testing.assert_allclose(value, other, rtol=ROUND_OFF, atol=100 * ROUND_OFF)


def test_weights_that_are_not_known_yet_change_nothing():
    """Inside jit, weights or variances that are arguments leave the model as it is; what is closed over is known."""
    first, last, bias = layers(0)
    seen = []

    def program(weight, variances, scale):
        for changed, noise in ((weight, 0.1), (last, variances)):
            model = LatentModel(lambda z, w=changed: w @ jnp.tanh(first @ z) + bias, LATENTS, noise_var=noise)
            seen.append(reduction(model).basis is None)
        known = LatentModel(lambda z: last[:, :LATENTS] @ z, LATENTS, noise_var=np.linspace(1, 2, OUTPUTS))
        seen.append(reduction(known.with_noise(scale)).basis is None)
        seen.append(reduction(known).basis is None)
        return scale

    jax.make_jaxpr(program)(last, jnp.ones(OUTPUTS), 0.1)
    assert seen == [True, True, False, False]
    seen.clear()
    program(last, jnp.ones(OUTPUTS), 0.1)
    assert seen == [False, False, False, False]


def test_weights_that_are_not_finite_change_nothing():
    """An infinite weight is left to the messages of the plain route."""
    _, last, _ = layers(0)
    broken = last.at[0, 0].set(jnp.inf)
    with pytest.raises(ValueError, match="Jacobian of the decoder must be finite"):
        ima_contrast(lambda z: broken @ jnp.tanh(jnp.ones((HIDDEN, LATENTS)) @ z), jnp.zeros(LATENTS))


def test_the_log_says_whether_it_is_used(caplog):
    """One line at level DEBUG names the sizes, or says that the decoder is used as it is."""
    with caplog.at_level("DEBUG", logger="elbogap"):
        structure(decoders(0)["affine"][0], LATENTS)
        structure(jnp.tanh, LATENTS)
    assert [record.getMessage() for record in caplog.records] == [
        "the decoder ends in an affine map of 7 values to 30 outputs: taken once",
        "the decoder does not end in an affine map that would save work: it is used as it is",
    ]
