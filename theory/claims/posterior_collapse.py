r"""Claim posterior-collapse: a latent of a beta-VAE dies where beta eps passes an eigenvalue of the data's covariance.

Linear decoder, prior N(0, I), noise variance eps, e = beta eps, L an eigenvalue of Cov x. Along its axis a column of
squared length a costs 1/2 [log(a + e) + L/(a + e)] (claims ppca and beta-vae), so a = max(L - e, 0) and KL = 1/2
log(L/e) above the threshold, 0 below: continuous, its slope in log e jumps from -1/2 to 0.

Any decoder tau f near the collapsed one, f = C z + D (z^2 - 1)/2 + E (z^3 - 3z)/6 (d = 1), encoder mean tau m(x) and
variance 1 + tau s(x):  gain = tau^2/(2 eps) [C'SC/e + D'SD/(2e) - |C|^2 - |D|^2/2 - |E|^2/6] + O(tau^3), S = Cov x,
which is not positive for any f iff e >= L_max. Source: Lucas et al. 2019 (arXiv 1911.02469), Wang and Ziyin 2022
(arXiv 2205.04009) for linear decoders; Li 2026 (arXiv 2610.11257) for those without a linear part at beta = 1; beta is
new here.
"""

from typing import Any

import sympy as sp

from ..proof.derivation import Derivation, Shown, Step, argued

E, LAM, A = sp.symbols("eps lam a", positive=True)
BETA = sp.Symbol("beta", positive=True)

LINEAR, BENT = sp.symbols("linear bent", positive=True)
PLAIN, SQUARE, CUBE = sp.symbols("plain square cube", positive=True)
GAIN = (LINEAR / (BETA * E) + BENT / (2 * BETA * E) - PLAIN - SQUARE / 2 - CUBE / 6) / (2 * E)
"""The gain over tau^2: linear = C'SC, bent = D'SD, plain, square, cube = |C|^2, |D|^2, |E|^2."""


def _profile() -> tuple[Any, Any]:
    """The slope in a of the objective of one column, and the form that shows its sign."""
    objective = -(sp.log(A + E) + LAM / (A + E)) / 2
    return sp.Derivative(objective, A), (LAM - E - A) / (2 * (A + E) ** 2)


def _divergence() -> tuple[Any, Any]:
    """KL of the best encoder at a = L - e, averaged over the data: v = e/(a+e), E mu^2 = a L/(a+e)^2."""
    length = LAM - E
    variance = E / (length + E)
    second = length * LAM / (length + E) ** 2
    return (variance + second - 1 - sp.log(variance)) / 2, sp.log(LAM / E) / 2


def _completed() -> tuple[Any, Any]:
    """The second order of the objective at one point x in m and s, and its square completed; C, D for C'x, D'x."""
    m, s, c, d = sp.symbols("m s C v", real=True)
    left = (m * c + s * d / 2) / E - BETA * (m**2 / 2 + s**2 / 4)
    best = (c**2 / (BETA * E) + d**2 / (2 * BETA * E)) / (2 * E)
    return left, best - BETA / 2 * (m - c / (BETA * E)) ** 2 - BETA / 4 * (s - d / (BETA * E)) ** 2


def _hermite() -> tuple[Any, Any]:
    """E f^2 under N(0, 1) for f = C z + D (z^2 - 1)/2 + E (z^3 - 3 z)/6, D and E called v and w."""
    z = sp.Symbol("z", real=True)
    c, d, e = sp.symbols("C v w", real=True)
    f = sp.Poly(sp.expand((c * z + d * (z**2 - 1) / 2 + e * (z**3 - 3 * z) / 6) ** 2), z)
    moments = {0: 1, 2: 1, 4: 3, 6: 15}
    return sum(k * moments.get(p, 0) for (p,), k in f.terms()), c**2 + d**2 / 2 + e**2 / 6


def _entropy_cost() -> tuple[Any, Any]:
    """KL(N(tau m, 1 + tau s) || N(0, 1)) to second order in tau."""
    t, m, s = sp.symbols("tau m s", real=True)
    kl = (t**2 * m**2 + t * s - sp.log(1 + t * s)) / 2
    return [sp.diff(kl, t, n).subs(t, 0) / sp.factorial(n) for n in range(3)], [0, 0, m**2 / 2 + s**2 / 4]


def posterior_collapse() -> Derivation:
    """The derivation of claim posterior-collapse."""
    profile, divergence, completed, hermite, cost = _profile(), _divergence(), _completed(), _hermite(), _entropy_cost()
    steps = (
        Step(
            Shown(profile[0], r"\partial_a\bigl[-\tfrac12\log(a+e) - \tfrac12 L/(a+e)\bigr],\; e = \beta\varepsilon"),
            Shown(profile[1], r"(L - e - a)/(2(a+e)^2)"),
            "gradient: the objective of a column of squared length a along an axis of Cov x rises up to a = L - e and "
            "then falls; it falls from a = 0 on if L <= e",
        ),
        Step(
            Shown(divergence[0], r"\tfrac12\bigl[v + E\mu^2 - 1 - \log v\bigr]\ \text{at}\ a = L - e"),
            Shown(divergence[1], r"\tfrac12\log(L/e)"),
            "value at the optimum: the KL of an active latent, which is zero at L = e; so it does not jump",
        ),
        Step(
            Shown(E * sp.Derivative(divergence[1], E), r"\partial_{\log e} KL"),
            Shown(-sp.Rational(1, 2), r"-\tfrac12"),
            "its slope in log e is -1/2 above the threshold and 0 below: a kink",
        ),
        argued(
            "global maximum of the linear model",
            "By ppca and beta-vae the columns of a maximiser lie along principal axes, those with the largest "
            "eigenvalues, and L_beta is beta ELBO at noise variance beta eps plus a constant.",
            "distinct eigenvalues",
        ),
        Step(
            Shown(cost[0], r"[\tau^n]\, KL(N(\tau m, 1+\tau s)\,\|\,N(0,1)),\; n = 0, 1, 2"),
            Shown(cost[1], r"0,\ 0,\ \tfrac12 m^2 + \tfrac14 s^2"),
            "cost of leaving the prior",
        ),
        Step(
            Shown(hermite[0], r"E_{N(0,1)}\bigl(Cz + \tfrac12 D(z^2-1) + \tfrac16 E(z^3-3z)\bigr)^2"),
            Shown(hermite[1], r"C^2 + \tfrac12 D^2 + \tfrac16 E^2"),
            "Parseval for Hermite polynomials: what a small decoder adds to the squared error, whatever the encoder",
        ),
        Step(
            Shown(
                completed[0],
                r"\tfrac1\varepsilon(m\, C\cdot x + \tfrac12 s\, D\cdot x) - \beta(\tfrac12 m^2 + \tfrac14 s^2)",
            ),
            Shown(
                completed[1],
                r"\tfrac1{2\varepsilon}\bigl[\tfrac{(C\cdot x)^2}{e} + \tfrac{(D\cdot x)^2}{2e}\bigr] - "
                r"\tfrac\beta2(m - \tfrac{C\cdot x}{e})^2 - \tfrac\beta4(s - \tfrac{D\cdot x}{e})^2",
            ),
            "square completed: the best m and s at each x; averaged over the data (C.x)^2 becomes C'SC",
        ),
        argued(
            "the threshold for every decoder",
            "C'SC/e - |C|^2 <= (L_max/e - 1)|C|^2, with equality along the first principal axis, and so for D; cubic "
            "and higher parts only cost, since a Gaussian encoder moves the first two moments at this order.",
            "square-integrable decoder; the bias of the decoder is the mean of the data",
        ),
    )
    return Derivation("posterior-collapse", "posterior collapse has an exact threshold", steps)
