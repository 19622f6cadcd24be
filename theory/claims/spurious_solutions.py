r"""Claim spurious-solutions: solutions with the same likelihood and another contrast: rotated priors, swirls, Darmois.

If a preserves the measure of p0, f o a has the same push-forward density for every eps, hence the same L1; the ELBO
differs by the contrasts: ELBO*(f o a) - ELBO*(f) -> c(f) - c(f o a). Source: Hyvarinen and
Pajunen 1999 for Darmois; Gresele et al. 2021 (arXiv 2106.05200); claim elbo-limit for the limit.
"""

from typing import Any

import numpy as np
import sympy as sp

from ..formulas.contrast import contrast_of_metric
from ..proof.derivation import Derivation, Shown, Step, argued

Z = sp.symbols("z_:2", real=True)


def _turn(angle: sp.Expr) -> sp.Matrix:
    return sp.Matrix([[sp.cos(angle), -sp.sin(angle)], [sp.sin(angle), sp.cos(angle)]])


def _swirl() -> sp.Matrix:
    """a(z) = R(|z|^2/2) z."""
    return _turn((Z[0] ** 2 + Z[1] ** 2) / 2) * sp.Matrix(Z)


def _darmois() -> tuple[Any, Any]:
    """The contrast of a triangular Jacobian with rows (J_00, 0), (J_10, J_11), and 1/2 log(1 + (J_10/J_00)^2)."""
    j00, j11 = sp.symbols("J_00 J_11", positive=True)
    j10 = sp.Symbol("J_10", real=True)
    jacobian = np.array([[j00, sp.Integer(0)], [j10, j11]], dtype=object)
    return contrast_of_metric(jacobian.T @ jacobian), sp.log(1 + (j10 / j00) ** 2) / 2


def _conditional_transform() -> tuple[Any, Any]:
    """Density of (x1, x2) through x1 -> F1(x1), x2 -> F(x2 | x1): the determinant is p(x1) p(x2 | x1)."""
    first, second = sp.Function("F"), sp.Function("G")
    x1, x2 = sp.symbols("x_:2", real=True)
    uniform = sp.Matrix([first(x1), second(x1, x2)])
    return uniform.jacobian([x1, x2]).det(), sp.diff(first(x1), x1) * sp.diff(second(x1, x2), x2)


def spurious_solutions() -> Derivation:
    """The derivation of claim spurious-solutions."""
    t, omega = sp.symbols("rho rho_0", real=True)
    swirl = _swirl()
    norm = Z[0] ** 2 + Z[1] ** 2
    radius = sp.symbols("s_:2", positive=True)
    stretched = np.diag(radius) @ np.array(_turn(omega).tolist(), dtype=object)
    squares = radius[0] ** 2 - radius[1] ** 2
    turned = 1 + squares**2 * sp.sin(omega) ** 2 * sp.cos(omega) ** 2 / (radius[0] * radius[1]) ** 2
    metric = stretched.T @ stretched
    product = sp.prod(np.diagonal(metric)) / (radius[0] * radius[1]) ** 2
    darmois, conditional = _darmois(), _conditional_transform()
    limits = sp.symbols("lx c c_a", real=True)
    steps = (
        Step(
            Shown(
                [(_turn(t) * sp.Matrix(Z)).dot(_turn(t) * sp.Matrix(Z)), _turn(t).det()],
                r"|R(\rho) z|^2,\ \det R(\rho)",
            ),
            Shown([norm, sp.Integer(1)], r"|z|^2,\ 1"),
            "a rotation keeps the standard normal density and volumes: it preserves the prior",
        ),
        Step(
            Shown([swirl.dot(swirl), swirl.jacobian(Z).det()], r"|a(z)|^2,\ \det \partial a,\quad a(z) = R(|z|^2/2) z"),
            Shown([norm, sp.Integer(1)], r"|z|^2,\ 1"),
            "so does the swirl, a nonlinear map: rotation by an angle that depends on the radius only",
        ),
        argued(
            "same push-forward",
            "If a preserves p0, f(a(z)) and f(z) have the same law, so p_eps is the same function for every eps and "
            "so is L1.",
            "z has density p0",
        ),
        Step(
            Shown((limits[0] - limits[2]) - (limits[0] - limits[1]), r"[\log p - c(f \circ a)] - [\log p - c(f)]"),
            Shown(limits[1] - limits[2], r"c(f) - c(f \circ a)"),
            "main theorem for both decoders: the limit of the difference of the ELBOs",
        ),
        Step(
            Shown(product, r"A_{00} A_{11}/\det A,\; J = \operatorname{diag}(s)\, R(\rho)"),
            Shown(turned, r"1 + (s_0^2 - s_1^2)^2 \sin^2\rho \cos^2\rho / (s_0 s_1)^2"),
            "a rotation of the latents changes the contrast of a decoder with columns of unequal length: c = 1/2 "
            "log of this",
        ),
        Step(
            Shown(conditional[0], r"\det \partial (F(x_1), G(x_2|x_1))"),
            Shown(conditional[1], r"F'(x_1)\, \partial_2 G(x_2|x_1) = p(x_1) p(x_2|x_1)"),
            "Darmois: distribution functions one after the other map x to independent uniforms, with the same density",
        ),
        Step(
            Shown(darmois[0], r"c\ \text{of}\ \begin{pmatrix} J_{00} & 0 \\ J_{10} & J_{11} \end{pmatrix}"),
            Shown(darmois[1], r"\tfrac12 \log(1 + J_{10}^2/J_{00}^2)"),
            "its Jacobian is triangular: the contrast is positive unless J_10 = 0, that is unless x_2 does not "
            "depend on x_1",
        ),
    )
    return Derivation("spurious-solutions", "equal likelihood, lower ELBO", steps)
