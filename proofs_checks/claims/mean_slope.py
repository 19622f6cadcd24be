"""mean-slope: on average over the data the likelihood's slope vanishes; which average matters.

L1 = (1/2) Laplacian(p) / p, so that E_p[L1] is the integral of a divergence: 0 if nothing flows out at infinity or at
the edge of the support. Then E_p[a1] = -E_p[E1] and KL(p || p_eps) = eps^2/2 E[L1^2]. Expectations over z ~ N(0, I) by
Gauss-Hermite: shears have constant determinant and polynomial L1, so that the rule is exact (`plane_shear` measures).
The edge: f = Phi(s z), whose density u^((1-s^2)/s^2) at u = 0 is flat enough for s < 1/sqrt 2 only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.integrate import quad
from scipy.special import log_ndtr

from ...numerics.ladders import QUADRATURE
from ...numerics.quadrature import hermite
from ...numerics.special.plane_shear import Shears, draw, reduced
from ..batch_laws import EPS64
from ..claim import Claim, Control
from ..formulas import predict
from ..laws import ConvergenceLaw, IdentityLaw, Instances, Law
from ..measurements import Measurements, once

NODES = 12
NOISE_NODES = 3
"""Of the noise only the second moment enters the slope; three nodes are exact to fifth moments."""

GAP_ERROR = 1e-13
"""Round-off of a gap of size one; search and trapezoid rule lie below it."""

EXACT_TOLERANCE = 1e-10
"""A mean of polynomials that reach 1e5 at the outer nodes, whose weights are 1e-8 and less."""

STEEP_TOLERANCE = 1e-8
"""The trapezoid rule for exp(-(1/2 - s^2) z^2) on a line that ends where this is below 1e-16."""


def _tensor(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Hermite nodes (k, 2) and weights (k,) of N(0, I) in the plane."""
    xi, weights = hermite(nodes)
    points = np.stack(np.meshgrid(xi, xi, indexing="ij"), axis=-1).reshape(-1, 2)
    return points, np.outer(weights, weights).ravel()


class _Means:
    """Predicted and measured expectations over the data, one row a shear."""

    def __init__(self, measured: Measurements):
        count = measured.effort.instances
        self.instances = Instances(("shear",) * count, (2,) * count, (2,) * count, ("normal",) * count)
        shears = draw(measured.rng("mean-slope"), count)
        nodes, self.weights = _tensor(NODES)
        z = np.broadcast_to(nodes, (count, *nodes.shape))
        arguments = shears.derivatives(z)
        names = ("contrast", "likelihood_slope", "heat_slope", "elbo_slope", "gap_slope")
        self.at_nodes = {name: predict(name, 2, 2, **arguments).reshape(count, -1) for name in names}
        self.at_nodes["contrast_laplacian"] = _contrast_laplacian(shears, z)
        density = -0.5 * np.sum(z**2, axis=2) - np.log(2 * np.pi)
        log_density = density - np.log(np.abs(np.linalg.det(shears.matrix)))[:, None]
        y = shears.unmixed(z)
        found = reduced(shears, y[:, :, None], QUADRATURE)
        self.gap = np.einsum("nke,k->ne", found.gap, self.weights)
        self.divergence = np.einsum("nke,k->ne", log_density[..., None] - found.log_likelihood, self.weights)
        noise, noise_weights = _tensor(NOISE_NODES)
        moved = np.einsum("nab,jb->nja", np.linalg.inv(shears.matrix), noise)
        offsets = np.sqrt(QUADRATURE)[:, None] * moved[:, None, :, None, :]
        # Axes: instance, node of z, node of the noise, eps.
        spread = reduced(shears, y[:, :, None, None] + offsets, QUADRATURE)
        self.sampled_gap = np.einsum("nkje,k,j->ne", spread.gap, self.weights, noise_weights)

    def mean(self, name: str) -> np.ndarray:
        """E_p of a predicted quantity."""
        return self.at_nodes[name] @ self.weights


def _contrast_laplacian(shears: Shears, z: np.ndarray) -> np.ndarray:
    """Laplacian in x of c(g(x)): c depends on y_2 alone, through N = |M (p', 1)|^2."""
    t, G = z[..., 1], shears.metric[:, None]
    slope, curvature, third = (shears.bend(t, order) for order in (1, 2, 3))
    pull = G[..., 0, 0] * slope + G[..., 0, 1]
    N = G[..., 0, 0] * slope**2 + 2 * G[..., 0, 1] * slope + G[..., 1, 1]
    first, second = 2 * curvature * pull, 2 * G[..., 0, 0] * curvature**2 + 2 * third * pull
    row = np.sum(np.linalg.inv(shears.matrix)[:, 1] ** 2, axis=1)[:, None]
    return 0.5 * (second * N - first**2) / N**2 * row


@once
def data_means(measured: Measurements) -> _Means:
    """The expectations that this claim's laws are about."""
    return _Means(measured)


def average_law(
    name: str, means: _Means, values: np.ndarray, constant: np.ndarray, *, limit: np.ndarray, order: float = 1.0
) -> ConvergenceLaw:
    """An average over the data tends to `limit` like constant eps^order."""
    floor = np.full(values.shape, GAP_ERROR)
    return ConvergenceLaw(name, means.instances, QUADRATURE, values, limit, order, constant, floor)


def _zero_mean(name: str, means: _Means, slope: np.ndarray) -> IdentityLaw:
    tolerance = EXACT_TOLERANCE * (1 + np.abs(means.at_nodes["likelihood_slope"]) @ means.weights)
    return IdentityLaw(name, means.instances, slope[:, None], np.zeros((len(slope), 1)), tolerance[:, None])


def _steepness(measured: Measurements, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """s of f = Phi(s z), and E[L1] with theory's heat-equation formula, by the trapezoid rule in z."""
    s = measured.rng("mean-slope", "edge").uniform(low, high, measured.effort.instances)
    z = np.arange(-16.0, 16.001, 0.05)
    means = []
    for value in s:
        u = value * z
        bell = value * np.exp(-0.5 * u**2) / np.sqrt(2 * np.pi)
        arguments: dict[str, Any] = {
            "J": bell[:, None, None],
            "H": (-value * u * bell)[:, None, None, None],
            "T": (value**2 * (u**2 - 1) * bell)[:, None, None, None, None],
            "l1": -z[:, None],
            "l2": -np.ones((z.size, 1, 1)),
        }
        slope = predict("heat_slope", 1, 1, **arguments)
        means.append(np.sum(slope * np.exp(-0.5 * z**2)) * 0.05 / np.sqrt(2 * np.pi))
    return s, np.array(means)


def _edge_law(name: str, measured: Measurements, low: float, high: float) -> IdentityLaw:
    s, means = _steepness(measured, low, high)
    instances = Instances(("Phi(s z)",) * len(s), (1,) * len(s), (1,) * len(s), ("normal",) * len(s))
    return IdentityLaw(name, instances, means[:, None], np.zeros((len(s), 1)), np.full((len(s), 1), STEEP_TOLERANCE))


def _uniform_law(name: str, measured: Measurements, *, order: float = 0.5) -> ConvergenceLaw:
    """p uniform on [0, w]: KL(p || p_eps) = 2 sqrt(eps)/w int -log Phi, up to exponentially small terms."""
    widths = measured.rng("mean-slope", "uniform").uniform(0.8, 2.0, measured.effort.instances)
    instances = Instances(
        ("w Phi(z)",) * len(widths), (1,) * len(widths), (1,) * len(widths), ("normal",) * len(widths)
    )
    values = np.array([[_uniform_divergence(w, eps) for eps in QUADRATURE] for w in widths])
    edge = quad(lambda v: -log_ndtr(v), 0, 12, epsabs=1e-13)[0]
    floor = 1e2 * EPS64 + 1e-12 * np.abs(values)
    return ConvergenceLaw(name, instances, QUADRATURE, values, np.zeros(len(widths)), order, 2 * edge / widths, floor)


def _uniform_divergence(w: float, eps: float) -> float:
    """E over x uniform on [0, w] of -log[ Phi((w-x)/h) - Phi(-x/h) ], h = sqrt eps; twice the half next to 0."""
    h = np.sqrt(eps)

    def integrand(v: float) -> float:
        # x = h v; 1 - Phi(-v) - Phi(v - w/h), from the complements.
        return -float(np.log1p(-np.exp(log_ndtr(-v)) - np.exp(log_ndtr(v - w / h))))

    end = min(0.5 * w / h, 12.0)
    return 2 * h / w * quad(integrand, 0, end, epsabs=1e-14, epsrel=1e-12)[0]


def laws(measured: Measurements) -> list[Law]:
    """E_p[L1] = 0, with and without an edge; the divergence of p from p_eps; and both averages of the gap."""
    means = data_means(measured)
    zero = np.zeros(len(means.instances))
    sampled = means.mean("gap_slope") + 0.5 * means.mean("contrast_laplacian")
    contrast = means.mean("contrast")
    return [
        _zero_mean("E_p[L1] = 0", means, means.mean("heat_slope")),
        _edge_law("E_p[L1] = 0, flat edge", measured, 0.4, 0.6),
        _uniform_law("KL(p || p_eps), uniform p", measured),
        average_law("KL(p || p_eps)", means, means.divergence, 0.5 * _square(means), limit=zero, order=2.0),
        average_law("E[gap] - E[c], model samples", means, means.sampled_gap, sampled, limit=contrast),
        average_law("E_p[gap] - E_p[c]", means, means.gap, -means.mean("elbo_slope"), limit=contrast),
    ]


def _square(means: _Means) -> np.ndarray:
    return means.at_nodes["likelihood_slope"] ** 2 @ means.weights


def controls(measured: Measurements) -> list[Control]:
    """Its false variants."""
    means = data_means(measured)
    contrast, slope = means.mean("contrast"), -means.mean("elbo_slope")
    sampled = slope + 0.5 * means.mean("contrast_laplacian")
    zero = 0 * contrast
    return [
        Control("no-slope", "E_p[a1] = 0", average_law("E[gap]", means, means.gap, zero, limit=contrast)),
        Control(
            "same-slopes",
            "samples of the model have the slope E_p[a1]",
            average_law("E[gap]", means, means.sampled_gap, slope, limit=contrast),
        ),
        Control(
            "laplacian-whole",
            "the Laplacian of the contrast without its 1/2",
            average_law("E[gap]", means, means.sampled_gap, 2 * sampled - slope, limit=contrast),
        ),
        Control(
            "heat-factor",
            "L1 = Laplacian(p)/p: the divergence is 2 eps^2 E[L1^2]",
            average_law("KL", means, means.divergence, 2 * _square(means), limit=zero, order=2.0),
        ),
        Control("steep-edge", "E[L1] = 0 for any decoder", _edge_law("E[L1]", measured, 0.75, 0.95)),
        Control("uniform-rate", "KL(p || p_eps) of a uniform p is O(eps)", _uniform_law("KL", measured, order=1.0)),
        Control("elbo-slope", "E_p[E1] = 0 as well", _zero_mean("E1", means, means.mean("elbo_slope"))),
    ]


CLAIM = Claim(
    id="mean-slope",
    order=22,
    title="the slope on average over the data",
    statement="Averaged over the data density the slope of the log-likelihood vanishes, so that the average gap's "
    "slope is the ELBO's alone; averaged over samples of the model it is another one.",
    latex=r"\mathbb{E}_p[L_1] = 0,\quad \mathbb{E}_p[a_1] = -\mathbb{E}_p[E_1],\quad "
    r"\mathrm{KL}(p\,\|\,p_\varepsilon) = \tfrac{\varepsilon^2}{2}\mathbb{E}[L_1^2] + O(\varepsilon^3),\quad "
    r"\partial_\varepsilon \mathbb{E}_{p_\varepsilon}[\mathrm{gap}] = "
    r"\mathbb{E}_p[a_1] + \tfrac12 \mathbb{E}_p[\Delta(c\circ g)]",
    source="new here",
    assumptions=(
        "D = d and the assumptions of elbo-limit at almost every x",
        "p is twice continuously differentiable, its Laplacian integrable, and no flux leaves its support",
    ),
    derivation="mean-slope",
    laws=laws,
    controls=controls,
)
