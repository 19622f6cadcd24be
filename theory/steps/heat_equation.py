r"""L1 by a second route, for square decoders: the heat equation, without Laplace's method.

x = f(z) + sqrt(eps) n, so p_eps = p * N(0, eps I) solves d p_eps / d eps = 1/2 Laplacian(p_eps), and

    L1 = 1/2 Laplacian(p)/p = 1/2 (Laplacian log p + |grad log p|^2)   at x = f(g),  log p(f(z)) = ell(z) -
    log|det J(z)|.

In latent coordinates, with K = J^-1: d/dx_i = K_ai d/dz_a and dK_ai/dz_b = -K_aj H_jbc K_ci. Equality with
the Laplace form is proved in the coordinates w = J z for d = 1, 2, 3, and beside it for a general J,
triangular after a rotation of x. Source: claim likelihood-limit.
"""

from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from ..algebra.gaussian_moments import in_ring
from ..algebra.tensors import adjugate, determinant, independent, symmetric
from ..formulas import gaussian as noise
from ..proof.derivation import Bound, Shown, Step, argued
from .concentration import CURVATURE, DENSITY, SEPARATION, SMOOTHNESS

DIMENSIONS = (1, 2, 3)


@cache
def _decoder(d: int) -> tuple[Any, dict[str, np.ndarray]]:
    arrays = {"K": independent("K", (d, d)), "H": symmetric("H", d, 2, d), "T": symmetric("T", d, 3, d)}
    return in_ring(arrays | {"l1": symmetric("l1", d, 1), "l2": symmetric("l2", d, 2)})


def _density_derivatives(known: dict[str, Any]) -> dict[str, Any]:
    return known | {"phi1": noise.DENSITY_GRADIENT.total(known), "phi2": noise.DENSITY_HESSIAN.total(known)}


def _carried(d: int) -> dict[str, Any]:
    """The tensors in coordinates w = J z: J -> I, H_iab -> H_icd K_ca K_db and so on."""
    ring, known = _decoder(d)
    k = known["K"]
    unit = np.array([[ring(int(a == b)) for b in range(d)] for a in range(d)], dtype=object)
    return {
        "K": unit,
        "H": np.einsum("icd,ca,db->iab", known["H"], k, k),
        "T": np.einsum("icde,ca,db,ef->iabf", known["T"], k, k, k, optimize=True),
        "l1": known["l1"] @ k,
        "l2": np.einsum("cd,ca,db->ab", known["l2"], k, k),
    }


def _laplace(known: dict[str, Any]) -> Any:
    """The Laplace form of L1 for components with J, H, T, l1, l2, B."""
    third = noise.POTENTIAL_THIRD.total(known)
    force = noise.LIKELIHOOD_FORCE.total(known)
    return noise.LIKELIHOOD_SLOPE.total(known | {"V3": third, "b": force})


def _flat(d: int) -> dict[str, Any]:
    """Components with J = I, so A = I: the carried coordinates, with fresh independent symbols."""
    arrays = {"H": symmetric("H", d, 2, d), "T": symmetric("T", d, 3, d)}
    ring, known = in_ring(arrays | {"l1": symmetric("l1", d, 1), "l2": symmetric("l2", d, 2)})
    unit = np.array([[ring(int(a == b)) for b in range(d)] for a in range(d)], dtype=object)
    return known | {"J": unit, "K": unit, "B": unit}


@cache
def _general(d: int) -> tuple[Any, Any]:
    """Laplace and heat forms for an upper triangular J = R, as Laurent polynomials in its diagonal.

    x may be rotated so that J is triangular: both forms contain J, H, T only in products summed over the
    data index. The generators y_k stand for 1/R_kk; `reduced` cancels R_kk y_k = 1.
    """
    upper = np.array([[sp.Symbol(f"R_{i}{j}") if i <= j else 0 for j in range(d)] for i in range(d)], dtype=object)
    arrays = {"J": upper, "H": symmetric("H", d, 2, d), "T": symmetric("T", d, 3, d), "y": independent("y", (d,))}
    ring, known = in_ring(arrays | {"l1": symmetric("l1", d, 1), "l2": symmetric("l2", d, 2)})
    pairs = [(ring.gens.index(known["J"][k, k]), ring.gens.index(known["y"][k])) for k in range(d)]

    def reduced(element: Any) -> Any:
        out: dict[tuple[int, ...], Any] = {}
        for monomial, coefficient in element.terms():
            powers = list(monomial)
            for entry, reciprocal in pairs:
                common = min(powers[entry], powers[reciprocal])
                powers[entry] -= common
                powers[reciprocal] -= common
            out[tuple(powers)] = out.get(tuple(powers), 0) + coefficient
        return ring.from_dict({k: c for k, c in out.items() if c})

    one_over_det = known["y"].prod()
    inverse = adjugate(known["J"]) * one_over_det
    for index in np.ndindex(d, d):
        inverse[index] = reduced(inverse[index])
    known |= {"K": inverse, "B": inverse @ inverse.T}
    return reduced(_laplace(known)), reduced(noise.HEAT_SLOPE.total(_density_derivatives(known)))


def _kernel() -> tuple[Any, Any]:
    """d/d eps and 1/2 Laplacian of the normal density with variance eps, D = 1, 2, 3."""
    eps = sp.Symbol("eps", positive=True)
    left, right = {}, {}
    for data_dim in DIMENSIONS:
        x = sp.symbols(f"x_:{data_dim}", real=True)
        kernel = (2 * sp.pi * eps) ** sp.Rational(-data_dim, 2) * sp.exp(-sum(v**2 for v in x) / (2 * eps))
        left[f"D={data_dim}"] = sp.diff(kernel, eps) / kernel
        right[f"D={data_dim}"] = sum(sp.diff(kernel, v, 2) for v in x) / (2 * kernel)
    return left, right


def _logarithmic() -> tuple[Any, Any]:
    x = sp.symbols("x_:2", real=True)
    phi = sp.Function("phi")(*x)
    density = sp.exp(phi)
    left = sum(sp.diff(density, v, 2) for v in x) / density
    return left, sum(sp.diff(phi, v, 2) + sp.diff(phi, v) ** 2 for v in x)


def _volume_derivatives(d: int) -> tuple[Any, Any]:
    """Derivatives of -log|det J| from the Taylor polynomial of J, times det J and det J^2; the formulas."""
    arrays = {"J": independent("J", (d, d)), "H": symmetric("H", d, 2, d), "T": symmetric("T", d, 3, d)}
    ring, known = in_ring(arrays | {"z": independent("z", (d,))})
    z = known["z"]
    curved = np.einsum("iabc,b,c->ia", known["T"], z, z) * sp.QQ(1, 2)
    volume = determinant(known["J"] + known["H"] @ z + curved)
    origin = [(generator, 0) for generator in z]
    value = volume.subs(origin)
    first = [volume.diff(v).subs(origin) for v in z]
    second = [[volume.diff(v).diff(w).subs(origin) for w in z] for v in z]
    gradient = [-entry for entry in first]
    hessian = [[first[a] * first[b] - second[a][b] * value for b in range(d)] for a in range(d)]
    zero = np.full((d, d), ring.zero, dtype=object)
    inverse = known | {"K": adjugate(known["J"]), "l1": zero[0], "l2": zero}  # K times det J
    terms = noise.DENSITY_HESSIAN.evaluate(inverse)
    formulas = noise.DENSITY_GRADIENT.total(inverse), terms["third"] * value + terms["volume"]
    return (np.array(gradient, dtype=object), np.array(hessian, dtype=object)), formulas


@cache
def _along_data(d: int) -> dict[str, Any]:
    """K, H and free derivatives phi1, phi2 of phi, with a displacement x in data space."""
    arrays = {"K": independent("K", (d, d)), "H": symmetric("H", d, 2, d), "x": independent("x", (d,))}
    return in_ring(arrays | {"phi1": symmetric("phi1", d, 1), "phi2": symmetric("phi2", d, 2)})[1]


def _preimage(known: dict[str, Any]) -> tuple[Any, Any]:
    """First and second order of g(x) - g: K x and -1/2 K H(Kx, Kx)."""
    first = known["K"] @ known["x"]
    return first, known["K"] @ np.einsum("jbc,b,c->j", known["H"], first, first) * sp.QQ(-1, 2)


def _inverse_function(d: int) -> tuple[Any, Any]:
    """Order two of f(g(x)) - x, times det K: J = adj(K)/det K applied to the second order of g, plus 1/2 H(Kx, Kx)."""
    known = _along_data(d)
    first, second = _preimage(known)
    half = np.einsum("jbc,b,c->j", known["H"], first, first) * sp.QQ(1, 2)
    total = adjugate(known["K"]) @ second + half * determinant(known["K"])
    return total, total * 0


def _laplacian(d: int) -> Any:
    """1/2 (Laplacian + |gradient|^2) at x = 0 of phi(g(x)), phi = phi1.w + 1/2 w'phi2 w."""
    known = _along_data(d)
    first, second = _preimage(known)
    value = known["phi1"] @ (first + second) + first @ known["phi2"] @ first * sp.QQ(1, 2)
    origin = [(generator, 0) for generator in known["x"]]
    twice = sum(value.diff(generator).diff(generator) for generator in known["x"])
    slopes = [value.diff(generator).subs(origin) for generator in known["x"]]
    return (twice + sum(slope**2 for slope in slopes)) * sp.QQ(1, 2)


def heat_steps() -> tuple[Step, ...]:
    """The chain from the heat kernel to the Laplace form of L1."""
    kernel_left, kernel_right = _kernel()
    log_left, log_right = _logarithmic()
    flat = {d: _density_derivatives(_flat(d)) for d in DIMENSIONS}
    return (
        Step(
            Shown(kernel_left, r"\partial_\varepsilon \log N(x; 0, \varepsilon I)"),
            Shown(kernel_right, r"\tfrac12 \Delta N(x; 0, \varepsilon I) / N(x; 0, \varepsilon I)"),
            "the normal density is the heat kernel; p_eps is its convolution with the push-forward density p",
        ),
        argued(
            "dominated convergence (Lebesgue): derivative at eps = 0",
            "p_eps(x) = int p(y) N(y; x, eps) dy. Where |y-x| >= delta the weight is at most (2 pi eps)^(-D/2) "
            "exp(-delta^2/(2 eps)) and p has mass one: exponentially small. In the ball p is its Taylor polynomial and "
            "a remainder that over eps tends to 0 and stays below |w|^2 sup|p''|, y = x + h w: d log p_eps / d eps at "
            "eps = 0 is 1/2 Laplacian(p)/p.",
            "D = d: p is in C^2 near x where f is in C^3 near g",
            *(condition.text for condition in (SEPARATION, CURVATURE, SMOOTHNESS, DENSITY)),
        ),
        Step(
            Shown(log_left, r"\Delta p / p,\ p = e^{\phi}"),
            Shown(log_right, r"\Delta \phi + |\nabla \phi|^2"),
            "derivative of an exponential",
        ),
        Step(
            Shown(
                lambda: {d: _inverse_function(d)[0] for d in DIMENSIONS},
                r"[x^2]\ f(g(x)),\; g(x) = g + K x - \tfrac12 K H(K x, K x) + O(x^3)",
            ),
            Shown(lambda: {d: _inverse_function(d)[1] for d in DIMENSIONS}, "0"),
            "inverse function to second order: J K = I (both sides times det K)",
        ),
        Step(
            Shown(
                lambda: {d: _laplacian(d) for d in DIMENSIONS},
                r"\tfrac12\bigl(\Delta_x \phi(g(x)) + |\nabla_x \phi(g(x))|^2\bigr)",
            ),
            {d: Bound(noise.HEAT_SLOPE, _along_data(d)) for d in DIMENSIONS},
            "chain rule: d/dx_i = K_ai d/dz_a, and the second derivatives of g from the step before",
        ),
        Step(
            Shown(
                lambda: {d: _volume_derivatives(d)[0] for d in DIMENSIONS},
                r"-\partial_a \log|\det J|,\ -\partial_a\partial_b \log|\det J|",
            ),
            Shown(
                lambda: {d: _volume_derivatives(d)[1] for d in DIMENSIONS},
                rf"{noise.DENSITY_GRADIENT.latex()},\ {noise.DENSITY_HESSIAN.latex()}",
            ),
            "change of variables phi = ell - log|det J| and Jacobi's formula (ell = 0, both sides times det J and "
            "its square)",
        ),
        Step(
            {d: Bound(noise.HEAT_SLOPE, _density_derivatives(_decoder(d)[1])) for d in DIMENSIONS},
            Shown(
                lambda: {d: noise.HEAT_SLOPE.total(_density_derivatives(_carried(d))) for d in DIMENSIONS},
                r"\text{the same with } J = I,\ H_{icd} K_{ca} K_{db},\ \ldots",
            ),
            "the result is a scalar: it may be computed in the coordinates w = J z, in which J is the identity",
        ),
        Step(
            Shown(lambda: {d: _laplace(_flat(d)) for d in DIMENSIONS}, noise.LIKELIHOOD_SLOPE),
            {d: Bound(noise.HEAT_SLOPE, flat[d]) for d in DIMENSIONS},
            "two routes to one number: Laplace's expansion equals the heat equation (here J = I), d = 1, 2, 3",
        ),
        Step(
            Shown(lambda: {d: _general(d)[0] for d in DIMENSIONS}, noise.LIKELIHOOD_SLOPE),
            Shown(lambda: {d: _general(d)[1] for d in DIMENSIONS}, noise.HEAT_SLOPE),
            "the same equality for a general Jacobian, rotated to triangular form, d = 1, 2, 3",
        ),
    )
