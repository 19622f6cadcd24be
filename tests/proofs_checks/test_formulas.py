"""Predictions become numbers by machine: the compiled graph agrees with SymPy, and bad requests are refused."""

from pathlib import Path
from unittest.mock import patch

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from elbogap.numerics.derivatives import decoder_derivatives, prior_derivatives
from elbogap.numerics.expansion import expansion
from elbogap.numerics.families.mlp import draw_mlp
from elbogap.numerics.model import LatentModel
from elbogap.proofs_checks.formulas import _compiled, compile_graph, evaluate, kept_in, total
from elbogap.theory.predictions import in_numbers, prediction

ROUND_OFF = 1e-12
"""A few hundred products and sums of numbers of size one."""


def arguments(d: int, count: int = 3) -> dict[str, np.ndarray]:
    """Random derivative arrays with the symmetries of derivatives."""
    rng = np.random.default_rng(5)
    H = rng.standard_normal((count, d, d, d))
    T = rng.standard_normal((count, d, d, d, d))
    l2 = rng.standard_normal((count, d, d))
    orders = [(0, 1, 2, 3, 4), (0, 1, 2, 4, 3), (0, 1, 3, 2, 4), (0, 1, 3, 4, 2), (0, 1, 4, 2, 3), (0, 1, 4, 3, 2)]
    return {
        "J": rng.standard_normal((count, d, d)) + 2 * np.eye(d),
        "H": H + np.swapaxes(H, 2, 3),
        "T": np.sum([np.transpose(T, order) for order in orders], axis=0),
        "l1": rng.standard_normal((count, d)),
        "l2": l2 + np.swapaxes(l2, 1, 2),
    }


@pytest.mark.parametrize("name", ["mean_shift", "variance_correction", "gap_slope", "contrast"])
def test_compiled_predictions_agree_with_exact_substitution(name: str) -> None:
    """The compiled function of a prediction equals SymPy's own substitution with 30 digits."""
    given = arguments(2)
    compiled = total(evaluate(name, 2, **given))
    wanted = prediction(name, 2)
    values = {
        symbol: sp.Float(float(value), 30)
        for key, array in wanted.arguments.items()
        for symbol, value in zip(array.ravel(), given[key][0].ravel(), strict=True)
    }
    exact = wanted.expression
    entries = sp.flatten(exact) if isinstance(exact, sp.NDimArray) else [exact]
    expected = np.array([float(entry.subs(values).evalf(30)) for entry in entries])
    assert np.allclose(np.ravel(compiled[0]), expected, rtol=ROUND_OFF, atol=ROUND_OFF)


DECODER_LEVEL = (
    "contrast",
    "mean_shift",
    "variance",
    "variance_correction",
    "likelihood_slope",
    "gap_slope",
    "heat_slope",
)


@pytest.mark.parametrize("name", DECODER_LEVEL)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_formulas_in_numbers_agree_with_compiled_ones(name: str, d: int) -> None:
    """The route of d > 3, index formulas summed in floats, gives every named term of the compiled expression."""
    given = arguments(d)
    compiled = evaluate(name, d, **given)
    for i in range(3):
        summed = in_numbers(name, {key: value[i] for key, value in given.items()})
        assert summed.keys() == compiled.keys()
        for term, value in summed.items():
            assert np.allclose(value, compiled[term][i], rtol=1e3 * ROUND_OFF, atol=ROUND_OFF)


def test_formulas_in_numbers_agree_with_the_tensor_formula_in_five_dimensions() -> None:
    """At d = 5 theory's a1 for an MLP equals `numerics.expansion`, which differentiates the potential instead."""
    decoder = draw_mlp(np.random.default_rng(2), 5)
    z = jnp.linspace(-0.6, 0.7, 5)
    model = LatentModel(decoder, 5, noise_var=1e-3)
    _, J, H, T = (np.asarray(value)[None] for value in jax.jit(lambda z: decoder_derivatives(decoder, z, 3))(z))
    l1, l2 = (np.asarray(value)[None] for value in prior_derivatives(model, z))
    slope = total(evaluate("gap_slope", 5, J=J, H=H, T=T, l1=l1, l2=l2))[0]
    expected = float(jax.jit(lambda z: expansion(model, z).gap_slope)(z))
    assert abs(slope - expected) < 1e3 * ROUND_OFF * abs(expected)


def test_every_kind_of_node_is_compiled() -> None:
    """Sums, products, integer and rational powers, logarithms, numbers and constants all survive compilation."""
    x, y = sp.symbols("x y", positive=True)
    outputs = [sp.sqrt(x) * y**-2 + sp.Rational(1, 3), sp.log(x * y) - sp.pi, sp.Integer(2), x ** sp.Rational(3, 2)]
    found = compile_graph([x, y], outputs)(0.7, 1.9)
    expected = [float(output.subs({x: 0.7, y: 1.9})) for output in outputs]
    assert np.allclose(found, expected, rtol=ROUND_OFF)


def test_factors_drop_and_flip_named_terms() -> None:
    """`total` with a factor is the variant of the SymPy expression with that term weighted."""
    terms = evaluate("mean_shift", 2, **arguments(2))
    assert np.allclose(total(terms, prior=0.0), total(terms) - terms["prior"])
    with pytest.raises(KeyError, match="no term"):
        total(terms, no_such_term=0.0)


def test_wrong_arguments_are_named() -> None:
    """A missing argument and a wrong shape are errors that name the argument and the shape expected."""
    given = arguments(2)
    with pytest.raises(ValueError, match=r"missing \['l1'\]"):
        evaluate("mean_shift", 2, J=given["J"], H=given["H"])
    with pytest.raises(ValueError, match=r"J: expected shape \(n, \*\(2, 2\)\)"):
        evaluate("contrast", 2, J=np.ones((3, 3, 3)))


def test_kept_code_is_the_code_that_is_made(tmp_path: Path) -> None:
    """Kept code gives the same bits without SymPy's expressions; a damaged entry is made again, never used."""
    given = arguments(2)
    made = evaluate("mean_shift", 2, **given)

    def from_folder() -> dict[str, np.ndarray]:
        _compiled.cache_clear()
        with kept_in(tmp_path):
            return evaluate("mean_shift", 2, **given)

    first = from_folder()
    (entry,) = tmp_path.iterdir()
    content = entry.read_bytes()
    with patch("elbogap.proofs_checks.formulas.prediction", side_effect=AssertionError("made anew")):
        second = from_folder()
    entry.write_bytes(content.replace(b" * ", b" + ", 1))
    third = from_folder()
    assert entry.read_bytes() == content
    _compiled.cache_clear()
    for found in (first, second, third):
        assert found.keys() == made.keys() and all(np.array_equal(found[term], made[term]) for term in made)
