"""ppca: training a linear VAE is probabilistic PCA, and the ELBO alone picks the principal axes.

Notation: S the covariance of centred data with eigenvalues L_1 > ... > L_D, decoder x = W z + noise of variance eps,
encoder N(V x, diag(v)). The ELBO averaged over the data is
    -D/2 log(2 pi eps) - (tr S - 2 tr W V S + tr A V S V' + sum_k A_kk v_k) / (2 eps)
    - 1/2 (tr V S V' + sum_k v_k) + 1/2 sum_k (1 + log v_k),      A = W'W.
It is maximised over everything at once (W, V, v, eps) from random starts; no closed form enters that search.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from ...numerics.families.draws import orthogonal
from ..claim import Claim, Control
from ..formulas import predict
from ..laws import IdentityLaw, Instances, Law
from ..measurements import Measurements, once

LATENT_DIM, DATA_DIM = 3, 5
VALUE_TOLERANCE = 1e-9
"""The search stops at a gradient of 1e-8 or where round-off ends it; the value is quadratic in what is left."""

ARGUMENT_TOLERANCE = 1e-4
"""The maximiser is the square root less exact than the value, times the ratio of curvatures (below 100)."""


@dataclass(frozen=True)
class _Trained:
    """A data covariance (eigenvalues, axes) and what the search found: W (D, d), eps, and the ELBO reached."""

    eigenvalues: np.ndarray
    axes: np.ndarray
    W: np.ndarray
    eps: float
    elbo: float

    @property
    def covariance(self) -> np.ndarray:
        """S."""
        return (self.axes * self.eigenvalues) @ self.axes.T

    def closed_form(self, *, noise: float, subtract: bool = True) -> np.ndarray:
        """P_d (L_d - eps)^1/2, or without the subtraction (a control)."""
        lengths = self.eigenvalues[:LATENT_DIM] - (noise if subtract else 0.0)
        return self.axes[:, :LATENT_DIM] * np.sqrt(lengths)


def elbo_and_gradient(parameters: np.ndarray, S: np.ndarray, d: int) -> tuple[float, np.ndarray]:
    """The average ELBO (module docstring) and its gradient in (W, V, log v, log eps), flattened."""
    D = len(S)
    W, V = parameters[: D * d].reshape(D, d), parameters[D * d : 2 * D * d].reshape(d, D)
    v, eps = np.exp(parameters[2 * D * d : -1]), np.exp(parameters[-1])
    A, codes = W.T @ W, V @ S @ V.T
    residual = np.trace(S) - 2 * np.sum((W @ V) * S) + np.sum(A * codes) + np.sum(np.diag(A) * v)
    value = -0.5 * D * np.log(2 * np.pi * eps) - residual / (2 * eps)
    value += -0.5 * (np.trace(codes) + np.sum(v)) + 0.5 * np.sum(1 + np.log(v))
    by_W = (S @ V.T - W @ codes - W * v) / eps
    by_V = (W.T - A @ V) @ S / eps - V @ S
    by_v = 0.5 - 0.5 * v * (np.diag(A) / eps + 1)
    by_eps = -0.5 * D + residual / (2 * eps)
    return float(value), np.concatenate([by_W.ravel(), by_V.ravel(), by_v, [by_eps]])


def _maximise(S: np.ndarray, start: np.ndarray, free: np.ndarray) -> tuple[float, np.ndarray]:
    """The largest ELBO over the `free` parameters, the others as in `start`."""

    def negative(values: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = elbo_and_gradient(np.where(free, _place(values, free), start), S, LATENT_DIM)
        return -value, -gradient[free]

    found = minimize(negative, start[free], jac=True, method="BFGS", options={"gtol": 1e-8, "maxiter": 5000})
    return -float(found.fun), np.where(free, _place(found.x, free), start)


def _place(values: np.ndarray, free: np.ndarray) -> np.ndarray:
    full = np.zeros(free.size)
    full[free] = values
    return full


def _train(rng: np.random.Generator) -> _Trained:
    # Ratios of neighbouring eigenvalues of 1.6 and more: principal axes that are well separated.
    ratios = rng.uniform(1.6, 2.4, DATA_DIM - 1)
    eigenvalues = 0.2 * np.cumprod([1.0, *ratios])[::-1]
    axes = orthogonal(rng, DATA_DIM)
    S = (axes * eigenvalues) @ axes.T
    half = DATA_DIM * LATENT_DIM
    start = np.concatenate([0.5 * rng.standard_normal(2 * half), np.zeros(LATENT_DIM), [0.0]])
    value, found = _maximise(S, start, np.ones(start.size, bool))
    return _Trained(eigenvalues, axes, found[:half].reshape(DATA_DIM, LATENT_DIM), float(np.exp(found[-1])), value)


@once
def _trained(measured: Measurements) -> list[_Trained]:
    rng = measured.rng("ppca")
    return [_train(rng) for _ in range(measured.effort.instances)]


@once
def _rotated(measured: Measurements) -> tuple[np.ndarray, np.ndarray]:
    """Rotations U, and the best ELBO (over encoders alone) of the decoder W U at the same noise."""
    rng = measured.rng("ppca", "rotations")
    rotations, values = [], []
    for case in _trained(measured):
        U = orthogonal(rng, LATENT_DIM)
        V = np.linalg.solve(case.W.T @ case.W + case.eps * np.eye(LATENT_DIM), case.W.T)
        start = np.concatenate([(case.W @ U).ravel(), (U.T @ V).ravel(), np.zeros(LATENT_DIM), [np.log(case.eps)]])
        free = np.zeros(start.size, bool)
        free[DATA_DIM * LATENT_DIM : -1] = True
        values.append(_maximise(case.covariance, start, free)[0])
        rotations.append(U)
    return np.array(rotations), np.array(values)


def log_likelihood(W: np.ndarray, eps: float, S: np.ndarray) -> float:
    """The average log-likelihood of pPCA: -1/2 [ D log 2 pi + log det C + tr C^-1 S ], C = W W' + eps."""
    C = W @ W.T + eps * np.eye(len(W))
    return float(-0.5 * (len(W) * np.log(2 * np.pi) + np.linalg.slogdet(C)[1] + np.trace(np.linalg.solve(C, S))))


def _noise(case: _Trained) -> float:
    return float(np.mean(case.eigenvalues[LATENT_DIM:]))


def _law(name: str, left: list[np.ndarray], right: list[np.ndarray], tolerance: float) -> IdentityLaw:
    count = len(left)
    instances = Instances(("linear",) * count, (LATENT_DIM,) * count, (DATA_DIM,) * count, ("normal",) * count)
    found, claimed = (np.array(side, dtype=float).reshape(count, -1) for side in (left, right))
    return IdentityLaw(name, instances, found, claimed, np.full(found.shape, tolerance))


def _gap(W: np.ndarray, eps: float) -> float:
    """Theory's closed form of the gap (claim `linear-vae`)."""
    return float(predict("linear_gap", LATENT_DIM, DATA_DIM, W=W, eps=eps))


def _axes_law(name: str, cases: list[_Trained], columns: list[np.ndarray]) -> IdentityLaw:
    """The lengths of W's columns, in descending order, and their distances to the nearest signed predicted column."""
    found = [case.W[:, np.argsort(-np.linalg.norm(case.W, axis=0))] for case in cases]
    signed = [W * np.sign(np.sum(W * P, axis=0)) for W, P in zip(found, columns, strict=True)]
    return _law(name, signed, columns, ARGUMENT_TOLERANCE)


def laws(measured: Measurements) -> list[Law]:
    """The trained decoder has pPCA's axes, lengths and noise; rotations cost the gap; the maxima agree."""
    cases = _trained(measured)
    U, best = _rotated(measured)
    turned = [case.W @ u for case, u in zip(cases, U, strict=True)]
    likelihoods = [log_likelihood(case.W, case.eps, case.covariance) for case in cases]
    gaps = [_gap(W, case.eps) for W, case in zip(turned, cases, strict=True)]
    maxima = [log_likelihood(case.closed_form(noise=_noise(case)), _noise(case), case.covariance) for case in cases]
    rotated = [log_likelihood(W, case.eps, case.covariance) for W, case in zip(turned, cases, strict=True)]
    return [
        _axes_law("W = P (L - eps)^1/2", cases, [case.closed_form(noise=_noise(case)) for case in cases]),
        _law("eps = mean discarded eigenvalue", _as(case.eps for case in cases), _as(map(_noise, cases)), 1e-6),
        _law("a rotation keeps log p", _as(rotated), _as(likelihoods), VALUE_TOLERANCE),
        _law("a rotation costs the gap", _as(best), _as(np.subtract(rotated, gaps)), VALUE_TOLERANCE),
        _law("max ELBO = max log p", _as(case.elbo for case in cases), _as(maxima), VALUE_TOLERANCE),
    ]


def controls(measured: Measurements) -> list[Control]:
    """Its false variants, and false maximisers."""
    cases = _trained(measured)
    U, best = _rotated(measured)
    turned = [case.W @ u for case, u in zip(cases, U, strict=True)]
    columns = [case.closed_form(noise=_noise(case), subtract=False) for case in cases]
    pairs = list(zip(turned, cases, strict=True))
    rotated = np.array([log_likelihood(W, case.eps, case.covariance) for W, case in pairs])
    covariance_form = np.array([_covariance_form(W, case.eps) for W, case in pairs])
    smallest = _as(case.eigenvalues[-1] for case in cases)
    return [
        Control("not-reduced", "W = P L^1/2, the eigenvalues not reduced by eps", _axes_law("W", cases, columns)),
        Control(
            "any-rotation",
            "any rotated W maximises the ELBO too, as it does the likelihood",
            _law("ELBO", _as(best), _as(case.elbo for case in cases), VALUE_TOLERANCE),
        ),
        Control(
            "likelihood-falls",
            "the log-likelihood falls with a rotation as the ELBO does",
            _law("log p", _as(rotated), _as(best), VALUE_TOLERANCE),
        ),
        Control(
            "covariance-form",
            "the cost of a rotation with variances read off the posterior covariance",
            _law("ELBO", _as(best), _as(rotated - covariance_form), VALUE_TOLERANCE),
        ),
        Control(
            "smallest-eigenvalue",
            "eps is the smallest eigenvalue",
            _law("eps", _as(case.eps for case in cases), smallest, 1e-6),
        ),
    ]


def _covariance_form(W: np.ndarray, eps: float) -> float:
    covariance = np.linalg.inv(np.eye(LATENT_DIM) + W.T @ W / eps)
    return float(0.5 * (np.sum(np.log(np.diag(covariance))) - np.linalg.slogdet(covariance)[1]))


def _as(values: Iterable[float] | np.ndarray) -> list[np.ndarray]:
    return [np.asarray(value) for value in values]


CLAIM = Claim(
    id="ppca",
    order=17,
    title="linear VAEs are probabilistic PCA",
    statement="The best average ELBO of a linear VAE is the best log-likelihood of probabilistic PCA, and it is "
    "reached only where the decoder's columns are orthogonal: along the principal axes.",
    latex=r"\max_{W,\varepsilon} \mathbb{E}\,\mathrm{ELBO}^* = \max_{W,\varepsilon} \mathbb{E} \log p,\quad "
    r"W = P_d (\Lambda_d - \varepsilon I)^{1/2} \Pi,\quad \varepsilon = \tfrac{1}{D-d}\textstyle\sum_{k>d}\lambda_k",
    source="Tipping and Bishop 1999 (J. R. Statist. Soc. B 61); Lucas et al. 2019 (arXiv:1911.02469)",
    assumptions=("linear decoder, standard normal prior", "distinct leading eigenvalues", "mean-field encoder"),
    derivation="ppca",
    laws=laws,
    controls=controls,
    trained=(("diagonal-or-full", "mcc-linear"), ("beta-collapse", "threshold")),
)
