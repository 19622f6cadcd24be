"""The exported predictions against the reference values and against each other."""

import itertools
from collections.abc import Callable
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
import sympy as sp
from elbogap.theory.predictions import RECIPES, Prediction, block_partitions, prediction
from elbogap.theory.registry import DERIVATIONS

# Reference values have 8 to 12 digits; half a unit of the last one.
PRINTED = 6e-9
# Sums of about a thousand float64 products of numbers of size ten.
ROUND_OFF = 1e-10

Z = sp.symbols("z1:4")
HALF = sp.Rational(1, 2)


def _mixed(matrix: sp.Matrix, y: sp.Matrix) -> sp.Matrix:
    return matrix * y.applyfunc(lambda e: sp.tanh(e / 2)) + sp.Rational(4, 5) * y


def _decoder(name: str) -> tuple[sp.Matrix, list[sp.Rational]]:
    z1, z2, z3 = Z
    r = sp.Rational
    if name == "f2":
        y = sp.Matrix([z1 + HALF * sp.tanh(z2), r(13, 10) * z2 + r(2, 5) * sp.sin(z1)])
        return _mixed(sp.Matrix([[1, r(3, 5)], [-r(1, 5), r(11, 10)]]), y), [r(7, 10), -r(2, 5)]
    if name == "f3":
        y = sp.Matrix(
            [
                z1 + HALF * sp.tanh(z2) + z3 / 5,
                r(13, 10) * z2 + r(2, 5) * sp.sin(z1),
                z3 + r(3, 10) * z2 * sp.cos(z1),
            ]
        )
        matrix = sp.Matrix([[10, 6, -3], [-2, 11, 4], [5, -3, 9]]) / 10
        return _mixed(matrix, y), [r(7, 10), -r(2, 5), r(3, 10)]
    if name == "f23":
        rows = [
            z1 + r(3, 10) * z2 + sp.sin(z2) / 5,
            z2 - z1 / 4 + r(3, 20) * z1**2,
            sp.sin(z1) / 2 + r(2, 5) * sp.cos(z2) + z1 * z2 / 5,
        ]
        return sp.Matrix(rows), [r(7, 10), -r(2, 5)]
    t = z2**2 / 2 + z2**3 / 5
    return sp.Matrix([[1, HALF], [-r(1, 5), r(6, 5)]]) * sp.Matrix([z1 + t, z2]), [r(7, 10), -r(2, 5)]


@cache
def _numbers(name: str) -> dict[str, np.ndarray]:
    """Derivatives of the decoder and of a standard normal log-prior at the named point."""
    f, g = _decoder(name)
    d, D = len(g), f.shape[0]
    z, at = Z[:d], dict(zip(Z, g, strict=False))
    arrays = {}
    for key, order in (("J", 1), ("H", 2), ("T", 3)):
        out = np.empty((D,) + (d,) * order)
        for i in range(D):
            for index in itertools.combinations_with_replacement(range(d), order):
                value = float(sp.diff(f[i], *[z[k] for k in index]).subs(at))
                for permuted in itertools.permutations(index):
                    out[(i, *permuted)] = value
        arrays[key] = out
    arrays["l1"] = -np.array(g, dtype=float)
    arrays["l2"] = -np.eye(d)
    arrays["l0"] = np.array(-0.5 * sum(float(v) ** 2 for v in g) - d / 2 * np.log(2 * np.pi))
    return arrays


def _potential(numbers: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    J, H, T = numbers["J"], numbers["H"], numbers["T"]
    jh = np.einsum("ia,ibc->abc", J, H)
    hh, jt = np.einsum("iab,icd->abcd", H, H), np.einsum("ia,ibcd->abcd", J, T)
    return {
        "M": J.T @ J,
        "V3": jh + jh.transpose(1, 0, 2) + jh.transpose(2, 1, 0),
        "V4": hh
        + hh.transpose(0, 2, 1, 3)
        + hh.transpose(0, 3, 2, 1)
        + jt
        + jt.transpose(1, 0, 2, 3)
        + jt.transpose(2, 1, 0, 3)
        + jt.transpose(3, 1, 2, 0),
        "l1": numbers["l1"],
        "l2": numbers["l2"],
    }


def _compiled(what: Prediction) -> Callable[..., np.ndarray]:
    expression = what.expression
    nested = expression.tolist() if isinstance(expression, sp.NDimArray) else expression
    return sp.lambdify([symbols.ravel().tolist() for symbols in what.arguments.values()], nested, cse=True)


@cache
def _exported(name: str, d: int, D: int, blocks: tuple | None) -> tuple[list[str], Callable[..., np.ndarray]]:
    what = prediction(name, d, D, blocks)
    return list(what.arguments), _compiled(what)


def _evaluate(what: Prediction, numbers: dict[str, np.ndarray]) -> np.ndarray:
    values = [np.asarray(numbers[name]).ravel() for name in what.arguments]
    return np.array(_compiled(what)(*values), dtype=float)


def _value(name: str, decoder: str, blocks: tuple | None = None) -> np.ndarray:
    numbers = _numbers(decoder)
    D, d = numbers["J"].shape
    general = name.startswith("general")
    names, function = _exported(name, d, d if general else D, blocks)
    values = _potential(numbers) if general else numbers
    return np.array(function(*(values[key].ravel() for key in names)), dtype=float)


@pytest.mark.parametrize(
    ("name", "decoder", "blocks", "expected"),
    [
        ("mean_shift", "f2", None, [-0.64065072, 0.40477656]),
        ("variance_correction", "f2", None, [-0.2143911, -0.01089504]),
        ("likelihood_slope", "f2", None, -0.07776596),
        ("heat_slope", "f2", None, -0.07776596),
        ("contrast", "f2", None, 0.2913816362),
        ("gap_slope", "f2", None, -0.0734195873),
        ("gap_slope", "shear", None, 0.00845284067),
        ("contrast", "f23", None, 0.109758348759),
        ("gap_slope", "f23", None, -0.468566503),
        ("contrast", "f3", None, 0.335472363278),
        ("gap_slope", "f3", None, -0.1595704446),
        ("general_gap_slope", "f2", ((0, 1),), 0.0772264209),
        ("general_gap_slope", "f23", ((0, 1),), 0.0734403118),
        ("general_gap_slope", "f3", ((0, 1, 2),), 0.0892453787),
        ("general_gap_slope", "f3", ((0, 1), (2,)), 0.0183885411),
        ("general_gap_slope", "f3", ((0, 2), (1,)), -0.0746130073),
        ("general_contrast", "f3", ((0, 1), (2,)), 0.051712161310),
        ("contrast", "f3", ((0, 2), (1,)), 0.286506029225),
    ],
)
def test_predictions_reproduce_the_recorded_numbers(name, decoder, blocks, expected):
    """Each prediction equals the value recorded for the test decoder, to all printed digits."""
    np.testing.assert_allclose(_value(name, decoder, blocks), expected, rtol=PRINTED / 0.01, atol=PRINTED)


@pytest.mark.parametrize("decoder", ["f2", "f23", "f3"])
@pytest.mark.parametrize(
    "name",
    [
        "contrast",
        "mean_shift",
        "likelihood_slope",
        "elbo_slope",
        "gap_slope",
        "variance",
        "variance_correction",
    ],
)
def test_decoder_level_and_general_predictions_agree(name, decoder):
    """The formula in J, H, T equals the general one in V3, V4, M for Gaussian noise on the manifold."""
    general = _value(f"general_{name}", decoder)
    if name in ("variance", "variance_correction"):
        general = np.diagonal(general)
    np.testing.assert_allclose(_value(name, decoder), general, rtol=ROUND_OFF, atol=ROUND_OFF)


def test_likelihood_limit_and_linear_gap_against_numpy():
    """The closed forms equal their textbook evaluation by slogdet."""
    numbers = _numbers("f23") | {"eps": np.array(0.01)}
    metric = numbers["J"].T @ numbers["J"]
    expected = numbers["l0"] - np.linalg.slogdet(metric)[1] / 2 - 0.5 * np.log(2 * np.pi * 0.01)
    np.testing.assert_allclose(_evaluate(prediction("likelihood_limit", 2, 3), numbers), expected, rtol=1e-14)
    scaled = np.eye(2) + metric / 0.01
    gap = (np.log(np.diagonal(scaled)).sum() - np.linalg.slogdet(scaled)[1]) / 2
    linear = _evaluate(prediction("linear_gap", 2, 3), {"W": numbers["J"], "eps": np.array(0.01)})
    np.testing.assert_allclose(linear, gap, rtol=1e-12)


def _potential_to_sixth_order(decoder: str) -> dict[str, np.ndarray]:
    """M, V3 .. V6 and l1 .. l4 of |f - x|^2/2 and a standard normal log-prior, by symbolic differentiation."""
    f, g = _decoder(decoder)
    z, at = Z[: len(g)], dict(zip(Z, g, strict=False))
    potential = (f - f.subs(at)).dot(f - f.subs(at)) / 2
    d = len(g)
    arrays = {"M": np.empty((d, d))} | {f"V{n}": np.empty((d,) * n) for n in (3, 4, 5, 6)}
    for array in arrays.values():
        for index in itertools.combinations_with_replacement(range(d), array.ndim):
            value = float(sp.diff(potential, *[z[k] for k in index]).subs(at))
            for permuted in itertools.permutations(index):
                array[permuted] = value
    priors = {"l1": -np.array(g, dtype=float), "l2": -np.eye(d), "l3": np.zeros((d,) * 3), "l4": np.zeros((d,) * 4)}
    return arrays | priors


@pytest.mark.parametrize(
    ("decoder", "expected"),
    [pytest.param("f2", -0.9166236369065904, marks=pytest.mark.slow), ("shear", 0.113482222862449)],
)
def test_second_order_of_the_gap(decoder, expected):
    """a2 = L2 - E2 equals the value that exact series arithmetic gives for the test decoders."""
    value = _evaluate(prediction("general_gap_second", 2), _potential_to_sixth_order(decoder))
    np.testing.assert_allclose(value, expected, rtol=1e-9)  # printed digits; cancellation of terms of size 10


@pytest.mark.parametrize(
    ("residual", "contrast", "slope"), [(0.0, 0.109758348759, -0.468566503), (0.5, 0.053212915002, -0.195932403)]
)
def test_off_the_manifold(residual, contrast, slope):
    """M, V3, V4 with a residual along the normal of f23 give the recorded contrast and slope."""
    numbers = _numbers("f23") | {"nu": residual * _unit_normal(_numbers("f23")["J"])}
    numbers |= {"U": _fourth_derivatives("f23")}
    tensors = {"l1": numbers["l1"], "l2": numbers["l2"]}
    for name, key in (("second", "M"), ("third", "V3"), ("fourth", "V4")):
        tensors[key] = _evaluate(prediction(f"potential_{name}", 2, 3), numbers)
    np.testing.assert_allclose(_evaluate(prediction("general_contrast", 2), tensors), contrast, rtol=1e-9)
    np.testing.assert_allclose(_evaluate(prediction("general_gap_slope", 2), tensors), slope, rtol=1e-8)


def _unit_normal(jacobian: np.ndarray) -> np.ndarray:
    normal = np.cross(jacobian[:, 0], jacobian[:, 1])
    return normal / np.linalg.norm(normal)


def _fourth_derivatives(decoder: str) -> np.ndarray:
    f, g = _decoder(decoder)
    at, shape = dict(zip(Z, g, strict=False)), (len(f),) + (len(g),) * 4
    return np.array([float(sp.diff(f[i[0]], *[Z[k] for k in i[1:]]).subs(at)) for i in np.ndindex(*shape)]).reshape(
        shape
    )


@pytest.mark.parametrize(("family", "expected"), [("binomial", -0.412352836), ("poisson", -0.234003719)])
def test_exponential_families(family, expected):
    """M, V3, V4 from the derivatives of the log-partition function give the recorded slopes of f2."""
    f, g = _decoder("f2")
    eta = sp.Symbol("eta")
    partition = sp.log(1 + sp.exp(eta)) if family == "binomial" else sp.exp(eta)
    at = [float(value) for value in f.subs(dict(zip(Z, g, strict=False)))]
    numbers = _numbers("f2") | {"nu": np.zeros(2), "U": np.zeros((2,) * 5)}
    for n in (2, 3, 4):
        numbers[f"psi{n}"] = np.array([float(sp.diff(partition, eta, n).subs(eta, value)) for value in at])
    tensors = {"l1": numbers["l1"], "l2": numbers["l2"]}
    fourth = prediction("family_fourth", 2)
    for name, key in (("second", "M"), ("third", "V3")):
        tensors[key] = _evaluate(prediction(f"family_{name}", 2), numbers)
    tensors["V4"] = _evaluate(fourth, numbers)
    np.testing.assert_allclose(_evaluate(prediction("general_gap_slope", 2), tensors), expected, rtol=1e-8)


def test_closed_forms_against_recorded_numbers():
    """Random directions, the fold's value, the linear coefficients and the importance weights' chi^2."""
    by_d = {d: prediction("random_mean", d).expression for d in (5, 10)}
    data_dim = sp.Symbol("D", real=True)
    assert abs(float(by_d[5].subs(data_dim, 50)) - 0.105299) < 1e-6
    assert abs(float(by_d[10].subs(data_dim, 10)) - 5.1312) < 1e-4
    assert abs(float(prediction("fold_value", 1).expression) - 0.0471634734) < 1e-10
    rho = sp.Symbol("rho", real=True)
    assert abs(float(prediction("importance_chi2", 2).expression.subs(rho, 0.2)) - (0.96 / np.sqrt(0.84) - 1)) < 1e-12
    weights = np.array([[1.0, 0.4], [-0.3, 0.8], [0.2, 0.1]])
    eps = 1e-3  # the fourth coefficient is of order one, so the remainder is eps^4
    gap = _evaluate(prediction("linear_gap", 2, 3), {"W": weights, "eps": np.array(eps)})
    series = _evaluate(prediction("contrast", 2, 3), {"J": weights})
    for n, name in enumerate(("first", "second", "third"), 1):
        series = series + eps**n * _evaluate(prediction(f"linear_{name}", 2, 3), {"W": weights})
    assert abs(gap - series) < 10 * eps**4


def test_a_term_can_be_dropped_flipped_and_scaled_by_name():
    """False variants are made by name, and differ from the truth; an unknown name is refused."""
    slope = prediction("gap_slope", 2)
    numbers = _numbers("f2")
    truth = _evaluate(slope, numbers)
    for name in slope.terms:
        assert abs(_evaluate(slope.with_terms(**{name: 0}), numbers) - truth) > 1e-3
    halves = _evaluate(slope.with_terms(**{name: sp.Rational(1, 2) for name in slope.terms}), numbers)
    np.testing.assert_allclose(halves, truth / 2, rtol=ROUND_OFF)
    with pytest.raises(KeyError, match="no term 'prior'"):
        slope.with_terms(prior=0)


@pytest.mark.parametrize("name", sorted(RECIPES))
@pytest.mark.parametrize("d", [1, 2, 3])
def test_every_prediction_is_exported_for_every_dimension(name, d):
    """Every name gives terms in exactly the symbols of its arguments, for d = 1, 2, 3."""
    if d > RECIPES[name].largest:
        with pytest.raises(ValueError, match="expected d <="):
            prediction(name, d)
        return
    what = prediction(name, d)
    allowed = {symbol for symbols in what.arguments.values() for symbol in symbols.ravel()}
    used = set().union(*(term.free_symbols for term in what.terms.values()))
    assert used <= allowed
    assert what.claim in DERIVATIONS


def test_wrong_requests_are_refused_in_one_line():
    """Unknown names, D < d, non-square heat equation and meaningless blocks raise ValueError."""
    for arguments in [
        ("nothing", 2),
        ("contrast", 3, 2),
        ("heat_slope", 2, 3),
        ("gap_slope", 2, 2, ((0, 1),)),
    ]:
        with pytest.raises(ValueError, match="expected"):
            prediction(*arguments)
    with pytest.raises(ValueError, match="no partition"):
        prediction("general_contrast", 3, None, ((0, 1),))


def test_block_partitions_are_partitions():
    """Mean field, full and mixed partitions cover every coordinate once."""
    assert [len(block_partitions(d)) for d in (1, 2, 3)] == [1, 2, 5]
    for partition in block_partitions(3):
        assert sorted(k for block in partition for k in block) == [0, 1, 2]


def test_exact_arithmetic_goes_through_the_same_formulas():
    """With rational arguments the predictions are exact rationals: no floating point hides in them."""
    what = prediction("gap_slope", 1)
    values = {"J": 2, "H": Fraction(1, 3), "T": Fraction(-1, 5), "l1": Fraction(1, 7), "l2": -1}
    point = {what.arguments[k][(0,) * what.arguments[k].ndim]: sp.Rational(v) for k, v in values.items()}
    result = what.expression.subs(point)
    assert result.is_Rational
    assert result == sp.Rational(3, 4) * sp.Rational(1, 9) / 16  # d = 1: a1 = (3/4) H^2 / J^4
