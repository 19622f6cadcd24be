"""Rules for N(0, I_d): degree of exactness, symmetry, and the error estimates of the lattice."""

from itertools import product
from math import prod

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.numerics.quadrature import gauss_hermite, lattice
from elbogap.numerics.symmetric import symmetric_levels, symmetric_rule

# Weights of modulus up to d^3 and moments up to 15 in float64.
ROUND_OFF = 1e-12


def moment(powers):
    """E prod xi_k^a_k for N(0, I): product of double factorials, 0 for odd powers."""
    return prod(0 if a % 2 else prod(range(1, a, 2)) for a in powers)


@pytest.mark.parametrize(("d", "n"), [(1, 7), (2, 5), (3, 4)])
def test_gauss_hermite_is_exact_to_its_degree(d, n):
    """Tensor Gauss-Hermite integrates every monomial of degree up to 2n - 1 per coordinate."""
    rule = gauss_hermite(d, n)
    for powers in product(range(0, 2 * n, 3), repeat=d):
        value = rule.weights @ np.prod(rule.nodes ** np.array(powers), axis=1)
        size = moment([a + a % 2 for a in powers])
        assert value == pytest.approx(moment(powers), abs=ROUND_OFF * size)
    beyond = rule.weights @ rule.nodes[:, 0] ** (2 * n)
    assert abs(beyond - moment((2 * n,))) > 1e-3 * moment((2 * n,))


@pytest.mark.parametrize("d", [1, 2, 3])
def test_nodes_come_in_exact_pairs(d):
    """Odd integrands cancel exactly: for every node its negative is a node of equal weight."""
    rule = gauss_hermite(d, 6)
    table = {tuple(node): weight for node, weight in zip(rule.nodes, rule.weights, strict=True)}
    assert all(table[tuple(-np.array(node))] == weight for node, weight in table.items())


@pytest.mark.parametrize(("d", "step", "radius"), [(1, 0.25, 9.0), (2, 0.5, 9.0), (3, 0.65, 8.75), (4, 0.8, 8.5)])
def test_lattice_integrates_the_normal_density(d, step, radius):
    """The trapezoid rule gives int exp(-|xi|^2/2) = (2 pi)^(d/2) to round-off, and its halves nearly so."""
    rule = lattice(d, step, radius)
    values = np.exp(-0.5 * np.sum(rule.nodes**2, axis=1))
    volume = (2 * np.pi) ** (d / 2)
    assert rule.cell * values.sum() == pytest.approx(volume, rel=1e-12)
    assert abs(rule.cell * values @ rule.parity) < 1e-8 * volume
    assert rule.cell * values @ rule.outer < 1e-10 * volume


@pytest.mark.parametrize("d", [4, 7])
def test_symmetric_rule_is_exact_to_degree_7(d):
    """Q7 is exact for monomials of total degree 7, Q5 fails for a squared cubic, x1^2 x2^2 x3^2."""
    program = jax.jit(lambda a: symmetric_levels(lambda xi: jnp.prod(xi**a), d))
    for powers in [(6,), (4, 2), (2, 2, 2), (2, 2), (4,), (2,), (3, 2), (5, 1), (0,)]:
        padded = np.array(powers + (0,) * (d - len(powers)), dtype=float)
        levels = program(padded)
        assert float(levels.degree7) == pytest.approx(moment(powers), abs=ROUND_OFF * d**3)
        if sum(powers) <= 5:
            assert float(levels.degree5) == pytest.approx(moment(powers), abs=ROUND_OFF * d**3)
    cubic = jax.jit(lambda: symmetric_levels(lambda xi: (xi[0] * xi[1] * xi[2]) ** 2, d))()
    assert abs(float(cubic.degree5) - 1) > 0.5


@pytest.mark.parametrize("degree", [5, 7])
def test_nodes_and_weights_agree_with_the_levels(degree):
    """The explicit nodes and weights give the same number as the sums of differences."""
    rule = symmetric_rule(5, degree)

    def function(xi):
        return jnp.exp(0.3 * xi[0] - 0.2 * xi[1] * xi[2]) + jnp.cos(xi[3] + xi[4])

    explicit = float(rule.weights @ jax.vmap(function)(jnp.asarray(rule.nodes)))
    levels = jax.jit(lambda: symmetric_levels(function, 5))()
    assert explicit == pytest.approx(float(levels.degree5 if degree == 5 else levels.degree7), abs=1e-12)


def test_impossible_rules_are_refused():
    """d = 0, no nodes, and a step beyond the radius are errors that name what was received."""
    with pytest.raises(ValueError, match="n=0"):
        gauss_hermite(2, 0)
    with pytest.raises(ValueError, match="step=10"):
        lattice(2, 10.0, 1.0)
