"""Derivatives of users' functions: checked against differences, taken by the mode that is right, or refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.auditing.inputs.decoder import as_decoder
from elbogap.auditing.inputs.uniform import on_unit_cube
from elbogap.errors import RequestError

ROUND_OFF = 1e-12  # derivatives of size one in float64
WEIGHT = np.array([[1.0, 0.3], [0.2, 1.0], [0.5, -0.4]])


def known(z):
    """(2,) -> (4,), with simple derivatives of every order."""
    return jnp.concatenate([jnp.sin(z), z**3])


@jax.custom_vjp
def reverse_only(z):
    """`known` without a forward mode."""
    return known(z)


reverse_only.defvjp(lambda z: (known(z), z), lambda z, g: (g[:2] * jnp.cos(z) + g[2:] * 3 * z**2,))


@jax.custom_jvp
def wrong_second(z):
    """`known` whose first derivative is right and whose second is not."""
    return known(z)


@wrong_second.defjvp
def _rule(primals, tangents):
    (z,), (v,) = primals, tangents
    return wrong_second(z), jnp.concatenate([jax.lax.stop_gradient(jnp.cos(z)) * v, 3 * z**2 * v])


def forward_only(z):
    """`known` behind a loop that has no reverse mode."""
    last = jax.lax.while_loop(lambda state: state[0] < 1, lambda state: (state[0] + 1, known(z)), (0, known(z)))
    return last[1]


@pytest.mark.parametrize("function", [reverse_only, forward_only])
def test_a_function_with_one_mode_gets_both(function) -> None:
    """custom_vjp functions and while loops have the value, Jacobian in both modes and Hessian of the plain function."""
    decoder, point = as_decoder(function, 2), jnp.array([0.4, -0.7])
    assert decoder.derivatives.orders == 3 and decoder.derivatives.route != "as it is"

    def everything(f):
        def potential(z):
            return jnp.sum(f(z) ** 2)

        return f(point), jax.jacfwd(f)(point), jax.jacrev(f)(point), jax.hessian(potential)(point)

    for got, expected in zip(jax.jit(lambda: everything(decoder))(), jax.jit(lambda: everything(known))(), strict=True):
        np.testing.assert_allclose(got, expected, atol=ROUND_OFF)


def test_the_order_that_is_wrong_is_named() -> None:
    """A rule whose second derivative is wrong is found: one order is right, and the message names the second."""
    found = as_decoder(wrong_second, 2).derivatives
    assert found.orders == 1 and "order 2" in str(found.problem)


@pytest.mark.parametrize(
    "function",
    [
        lambda z: jnp.concatenate([z + jax.lax.stop_gradient(jnp.round(z) - z), z]),
        lambda z: jnp.concatenate([jax.lax.stop_gradient(z), z]),
    ],
    ids=["straight-through", "stop_gradient"],
)
def test_a_derivative_that_is_not_the_function_s_is_refused(function) -> None:
    """A straight-through quantiser is refused in one line that says which derivative is off, and by how much."""
    with pytest.raises(RequestError, match=r"derivative of order 1 .* off from central differences") as caught:
        as_decoder(function, 2)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("kind", "least"), [(jnp.float32, 1e-8), (jnp.bfloat16, 1e-4)])
def test_any_precision_is_taken_and_known(kind, least: float) -> None:
    """A decoder in float32 or bfloat16 is one in float64 outside, all orders accepted, its round-off measured."""
    weight = jnp.asarray(WEIGHT, kind)
    decoder = as_decoder(lambda z: jnp.tanh(weight @ z.astype(kind)), 2)
    assert decoder(jnp.zeros(2)).dtype == jnp.float64 and decoder.derivatives.orders == 3
    assert least < decoder.resolution < 1e3 * least


def test_round_off_inside_is_seen_outside() -> None:
    """A function that computes in float32 and returns float64 has the resolution of float32."""
    weight = jnp.asarray(WEIGHT, jnp.float32)
    decoder = as_decoder(lambda z: jnp.tanh(weight @ z.astype(jnp.float32)).astype(float), 2)
    assert 1e-9 < decoder.resolution < 1e-5


def test_a_decoder_of_the_unit_cube_is_tried_inside() -> None:
    """A decoder that exists on (0, 1) only is taken for a uniform prior; on R^d it is refused as not finite."""

    def arctanh(u):
        return jnp.arctanh(2 * u - 1) @ jnp.array([[1.0, 0.2, 0.3], [0.4, 1.0, 0.1]])

    decoder = on_unit_cube(arctanh, 2)
    point = jnp.array([0.3, -1.2])
    np.testing.assert_allclose(decoder(point), arctanh(jax.nn.sigmoid(point)), atol=ROUND_OFF)
    with pytest.raises(RequestError, match="finite values"):
        as_decoder(arctanh, 2)
