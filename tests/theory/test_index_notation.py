"""Index formulas, tensors and Gaussian moments: the algebra under the derivations, against independent routes."""

import numpy as np
import pytest
import sympy as sp
from elbogap.theory.algebra.diagrams import connected_diagrams
from elbogap.theory.algebra.gaussian_moments import Isserlis, contract, in_ring, pairings, series_exp, series_log
from elbogap.theory.algebra.indices import Scaled, factors_of, formula
from elbogap.theory.algebra.tensors import (
    adjugate,
    block_inverse,
    determinant,
    independent,
    inverse,
    normal_blocks,
    same_block,
    symmetric,
)
from hypothesis import given
from hypothesis import strategies as st

INTEGERS = st.integers(-5, 5)


def _array(shape: tuple[int, ...]) -> st.SearchStrategy[np.ndarray]:
    size = int(np.prod(shape))
    return st.lists(INTEGERS, min_size=size, max_size=size).map(
        lambda values: np.array([sp.Integer(v) for v in values], dtype=object).reshape(shape)
    )


@given(_array((2, 3)), _array((2, 3, 3)), _array((3,)))
def test_formulas_are_sums_over_all_indices_not_on_the_left(jacobian, second, variances):
    """A formula with an index that occurs three times equals NumPy's einsum."""
    force = formula("b_a", curvature="-1/2 s_k J_ia H_ikk", mixed="-s_k J_ik H_ika")
    known = {"J": jacobian, "H": second, "s": variances}
    expected = -np.einsum("k,ia,ikk->a", variances, jacobian, second) * sp.Rational(1, 2)
    expected = expected - np.einsum("k,ik,ika->a", variances, jacobian, second)
    assert (force.total(known) == expected).all()
    assert set(force.evaluate(known)) == {"curvature", "mixed"}


@given(_array((3, 3)), _array((3,)))
def test_scaled_components_multiply_once_a_factor(matrix, vector):
    """array * factor, kept apart, gives the same value as the product."""
    rule = formula("q", form="M_ab M_bc u_a u_c")
    factor = sp.Rational(2, 7)
    assert rule.total({"M": Scaled(matrix, factor), "u": vector}) == rule.total({"M": matrix * factor, "u": vector})


def test_formulas_print_what_they_evaluate():
    """Text and LaTeX carry signs, fractions and indices; a leading plus is not printed."""
    rule = formula("E1", trace="1/8 s_k H_ikk", prior="-l2_kk s_k")
    assert rule.text() == "E1 = 1/8 s_k H_ikk - l2_kk s_k"
    assert rule.latex() == r"E_1 = \frac{1}{8} {s}_{k}\,{H}_{ikk} - {\ell''}_{kk}\,{s}_{k}"
    assert factors_of("V3_abc eps") == (("V3", "abc"), ("eps", ""))


def test_what_is_not_index_notation_is_refused():
    """Malformed factors, unknown components and unknown terms raise one line."""
    with pytest.raises(ValueError, match="expected name_indices"):
        formula("b_a", wrong="V3[abc]")
    with pytest.raises(KeyError, match="no components for 'V3'"):
        formula("b_a", term="V3_abb").total({"l1": np.zeros(2)})
    with pytest.raises(KeyError, match="no term 'other'"):
        formula("b_a", term="V3_abb").replace_term("other", coefficient=1)


@given(_array((3, 3)))
def test_adjugate_and_determinant(matrix):
    """M adj(M) = det(M) I, and the determinant is SymPy's."""
    volume = determinant(matrix)
    assert volume == sp.Matrix(matrix).det()
    assert (matrix @ adjugate(matrix) == volume * np.array(sp.eye(3).tolist(), dtype=object)).all()


def test_block_inverse_inverts_each_block():
    """S M_blocks = I for a partition that is not contiguous; same_block marks the blocks."""
    lower = np.array([[1, 0, 0], [2, 3, 0], [-1, 1, 2]], dtype=object) * sp.Integer(1)
    matrix, blocks = lower @ lower.T, ((0, 2), (1,))
    inside = matrix * same_block(3, blocks)
    assert (block_inverse(matrix, blocks) @ inside == np.array(sp.eye(3).tolist(), dtype=object)).all()
    assert (inverse(matrix) @ matrix == np.array(sp.eye(3).tolist(), dtype=object)).all()
    assert normal_blocks(3, None) == ((0,), (1,), (2,))


def test_symmetric_tensors_have_one_symbol_an_index_set():
    """V_012 = V_210; the decoder's derivatives are symmetric in the latent indices only."""
    third = symmetric("V", 3, 3)
    assert third[0, 1, 2] == third[2, 1, 0]
    assert len(set(third.ravel())) == 10
    second = symmetric("H", 2, 2, 3)
    assert second[2, 0, 1] == second[2, 1, 0] != second[1, 0, 1]


def test_isserlis_by_recursion_equals_the_sum_over_pairings():
    """Moments of degree six in two dimensions: 15 pairings each."""
    ring, known = in_ring({"Q": symmetric("Q", 2, 2), "u": independent("u", (2,))})
    expectation = Isserlis(ring, known["u"], known["Q"])
    for ones in range(7):
        legs = (0,) * (6 - ones) + (1,) * ones
        matchings = pairings(legs)
        assert len(matchings) == 15
        expected = sum(np.prod([known["Q"][pair] for pair in matching]) for matching in matchings)
        assert expectation.moment((6 - ones, ones)) == expected
    assert expectation(known["u"][0] ** 3 * known["u"][1] ** 2) == 0


def test_exponential_and_logarithm_of_series_are_inverse():
    """log(exp(series)) returns the series, coefficient by coefficient."""
    ring, known = in_ring({"a": independent("a", (5,))})
    terms = [ring.zero, *known["a"]]
    assert series_log(series_exp(terms, ring.one)) == terms


def test_connected_diagrams_of_the_quartic_integral():
    """log of int exp(-u^2/2 - g u^4/24): -g/8 + g^2/12, the textbook coefficients; 6 and 38 diagrams in all."""
    first, second = connected_diagrams("L1", 2), connected_diagrams("L2", 4)
    assert (len(first.terms), len(second.terms)) == (6, 38)
    quartic = [term.coefficient for term in second.terms if set(dict(factors_of(term.product))) == {"V4", "N"}]
    assert sum(quartic) == sp.Rational(1, 12)
    assert [t.coefficient for t in first.terms if t.name == "V4"] == [-sp.Rational(1, 8)]
    assert connected_diagrams("odd", 3).terms == ()


def test_contraction_of_a_symmetric_tensor():
    """V(u, u) counts each mixed entry twice."""
    _, known = in_ring({"V": symmetric("V", 2, 2), "u": independent("u", (2,))})
    v, u = known["V"], known["u"]
    assert contract(v, u) == v[0, 0] * u[0] ** 2 + 2 * v[0, 1] * u[0] * u[1] + v[1, 1] * u[1] ** 2
