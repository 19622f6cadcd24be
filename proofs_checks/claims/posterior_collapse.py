"""posterior-collapse: a latent of a beta-VAE dies exactly where beta eps passes an eigenvalue of the data's covariance.

The average objective of a linear beta-VAE is maximised over decoder and encoder from a random start, no closed form
entering (eigenvalues of S distinct; D = 3, d = 2). Near the collapsed solution: small decoders tau f, f = C z + D (z^2
- 1)/2 + E (z^3 - 3z)/6 (d = 1), on a sample of points x with covariance S; the encoder N(m, v) of each point is
maximised by Newton's method. The objective less that of the collapsed solution is the gain.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.optimize import minimize, root

from ...theory.claims.posterior_collapse import BENT, GAIN
from ..along import ladder
from ..cases import instances
from ..claim import Claim
from ..complex_step import jacobian
from ..statements import Converges, Equal

DATA_DIM, LATENT_DIM, POINTS = 3, 2, 5
FOUND = 1e-7
"""The gradient is zero to 1e-12 after Newton's steps; a KL or a squared length moves with it by the inverse curvature,
below 1e3 at 5 % from a threshold."""

SIZE = DATA_DIM * LATENT_DIM


def objective(parameters: np.ndarray, L: np.ndarray, eps: float, beta: float) -> tuple[float, np.ndarray]:
    """The average beta-ELBO without constants and its gradient in (W, V, log v); Cov x = diag(L), q = N(Vx, v)."""
    W, V = parameters[:SIZE].reshape(DATA_DIM, LATENT_DIM), parameters[SIZE : 2 * SIZE].reshape(LATENT_DIM, DATA_DIM)
    v = np.exp(parameters[2 * SIZE :])
    A, codes = W.T @ W, (V * L) @ V.T
    squares = np.sum(L) - 2 * np.sum((W @ V).diagonal() * L) + np.sum(A * codes) + A.diagonal() @ v
    value = -squares / (2 * eps) - beta / 2 * (np.trace(codes) + np.sum(v - 1 - np.log(v)))
    by_W = (L[:, None] * V.T - W @ codes - W * v) / eps
    by_V = (W.T - A @ V) * L / eps - beta * V * L
    by_v = -v * A.diagonal() / (2 * eps) - beta / 2 * (v - 1)
    return float(value.real), np.concatenate([by_W.ravel(), by_V.ravel(), by_v])


@cache
def trained(seed: int, L: tuple[float, ...], eps: float, beta: float) -> tuple[np.ndarray, np.ndarray]:
    """Squared lengths of the columns and the KL of each latent at the maximum, in descending order."""
    eigenvalues = np.array(L)

    def negative(values: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = objective(values, eigenvalues, eps, beta)
        return -value, -gradient

    start = 0.5 * np.random.default_rng(seed).standard_normal(2 * SIZE + LATENT_DIM)
    found = minimize(negative, start, jac=True, method="BFGS", options={"gtol": 1e-7, "maxiter": 5000}).x

    def gradient(values: np.ndarray) -> np.ndarray:
        return objective(values, eigenvalues, eps, beta)[1]

    found = root(gradient, found, tol=1e-14).x
    for _ in range(2):  # the root's own derivatives are differences, and it may stop early
        found = found - np.linalg.solve(jacobian(gradient, found), gradient(found))
    W, V = found[:SIZE].reshape(DATA_DIM, LATENT_DIM), found[SIZE : 2 * SIZE].reshape(LATENT_DIM, DATA_DIM)
    v = np.exp(found[2 * SIZE :])
    divergence = 0.5 * (np.sum(V**2 * eigenvalues, axis=1) + v - 1 - np.log(v))
    return np.sort(np.sum(W**2, axis=0))[::-1], np.sort(divergence)[::-1]


@instances(6)
def models(rng: np.random.Generator) -> dict[str, float | int]:
    """Eigenvalues L1 > L2 > L3, a weight beta and a noise variance; a small decoder, as the invariants of GAIN."""
    L3 = rng.uniform(0.1, 0.2)
    L2 = L3 * rng.uniform(1.6, 2.4)
    row = {"L1": L2 * rng.uniform(2.2, 2.8), "L2": L2, "L3": L3, "beta": float(np.exp(rng.uniform(-1.2, 1.2)))}
    row |= {"eps": rng.uniform(0.2, 2.0), "seed": int(rng.integers(2**31))}
    x, C, D, E = sample(row["seed"])
    S = x.T @ x / POINTS
    norms = {"plain": C @ C, "square": D @ D, "cube": E @ E}
    mean_eigenvalue = np.trace(S) / DATA_DIM
    return row | norms | {"linear": C @ S @ C, "bent": D @ S @ D, "mean_eigenvalue": mean_eigenvalue}


@cache
def sample(seed: int) -> tuple[np.ndarray, ...]:
    """Centred points (not normal: few), and the coefficients C, D, E of a small decoder."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((POINTS, DATA_DIM)) * [0.9, 0.6, 0.4]
    return x - x.mean(axis=0), *rng.standard_normal((3, DATA_DIM))


def first_length(r, L1, L2, L3, beta, seed, **_):
    """|W_1|^2 at the maximum, beta eps = r L_2."""
    return trained(seed, (L1, L2, L3), r * L2 / beta, beta)[0][0]


def second_length(r, L1, L2, L3, beta, seed, **_):
    """|W_2|^2 at the maximum, beta eps = r L_2."""
    return trained(seed, (L1, L2, L3), r * L2 / beta, beta)[0][1]


def first_divergence(r, L1, L2, L3, beta, seed, **_):
    """KL_1 at the maximum, beta eps = r L_2."""
    return trained(seed, (L1, L2, L3), r * L2 / beta, beta)[1][0]


def divergence_at(t, L1, L2, L3, beta, seed, **_):
    """KL_1 where log(L_1 / (beta eps)) = t."""
    return trained(seed, (L1, L2, L3), L1 * np.exp(-t) / beta, beta)[1][0], 1e-9


def length_at(t, L1, L2, L3, beta, seed, **_):
    """|W_1| where log(L_1 / (beta eps)) = t; an error of 1e-11 in the gradient over a curvature of order t."""
    return np.sqrt(trained(seed, (L1, L2, L3), L1 * np.exp(-t) / beta, beta)[0][0]), 1e-8


def gain(tau, eps, beta, seed, **_):
    """The best objective of the decoder tau f over all encoders, less that of the collapsed solution."""
    x, C, D, E = sample(seed)
    best = sum(_best(point, tau * np.stack([C, D, E]), eps, beta) for point in x) / POINTS
    return best, 1e-14 * (1 + 1 / eps)


def _best(x: np.ndarray, f: np.ndarray, eps: float, beta: float) -> float:
    """max over N(m, v) of -(E|x - f|^2 - |x|^2)/(2 eps) - beta KL: Gauss-Hermite is exact for these polynomials."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(4)
    weights = weights / weights.sum()

    def value(m: float, s: float) -> tuple[float, np.ndarray]:
        z = m + s * nodes
        decoded = f.T @ np.stack([z, (z**2 - 1) / 2, (z**3 - 3 * z) / 6])
        slopes = f.T @ np.stack([np.ones_like(z), z, (z**2 - 1) / 2])
        squares = np.sum(decoded * (decoded - 2 * x[:, None]), axis=0)
        force = 2 * np.sum(slopes * (decoded - x[:, None]), axis=0)
        objective = -(weights @ squares) / (2 * eps) - beta / 2 * (m**2 + s**2 - 1 - 2 * np.log(s))
        gradient = -np.array([weights @ force, weights @ (force * nodes)]) / (2 * eps) - beta * np.array([m, s - 1 / s])
        return float(objective), gradient

    found = root(lambda at: value(*at)[1], [0.0, 1.0], tol=1e-15).x
    return value(*found)[0]


NOISES = ladder("r", 0.35, 4.25, 4)
"""beta eps / L_2: below both thresholds (L_1 / L_2 is 2.2 to 2.8) twice, between them, and above, at 5 % from each."""

THRESHOLD = ladder("t", 0.3, 3e-3)
SMALL = ladder("tau", 3e-2, 3e-4)


def _length(latent: int, power: float = 0.0, below_mean: bool = False) -> Callable[..., float]:
    """max(L - beta eps, 0); for controls beta^(1 + power) eps, or zero from the mean eigenvalue on."""

    def length(r: float, beta: float, **eigenvalues: float) -> float:
        L, at = eigenvalues[f"L{latent}"], r * eigenvalues["L2"] * beta**power
        mean = (eigenvalues["L1"] + eigenvalues["L2"] + eigenvalues["L3"]) / 3
        return 0.0 if below_mean and at > mean else max(L - at, 0.0)

    return length


def _divergence(half: float, power: float = 0.0) -> Callable[..., float]:
    """1/2 log+ (L_1 / (beta eps))."""
    return lambda r, L1, L2, beta, **_: half / 2 * max(np.log(L1 / (r * L2 * beta**power)), 0.0)


CLAIM = Claim(
    id="posterior-collapse",
    order=25,
    title="posterior collapse has an exact threshold",
    statement="A latent of a linear beta-VAE is active exactly where beta times the noise variance is below its "
    "eigenvalue of the data's covariance; its KL grows from zero without a jump. For any decoder the collapsed "
    "solution is a local maximum exactly if beta times the noise variance is at least the largest eigenvalue.",
    latex=r"\|W_k\|^2 = \max(\lambda_k - \beta\varepsilon, 0),\quad \mathrm{KL}_k = \tfrac12\log^+\frac{\lambda_k}"
    r"{\beta\varepsilon},\quad \text{collapse is a local maximum} \iff \beta\varepsilon \ge \lambda_{\max}"
    r"(\mathrm{Cov}\,x)",
    source="Lucas et al. 2019 (arXiv:1911.02469) and Wang and Ziyin 2022 (arXiv:2205.04009), linear decoders; "
    "Li 2026 (arXiv:2610.11257), decoders without a linear part at beta = 1; beta: new here",
    assumptions=("prior N(0, I), Gaussian mean-field encoder", "distinct eigenvalues", "square-integrable decoder"),
    derivation="posterior-collapse",
    trained=(
        ("moebius-gamma", "collapse"),
        ("beta-collapse", "kl"),
        ("beta-collapse", "threshold"),
        ("beta-collapse", "collapse"),
    ),
    over=models,
    law=(
        Equal(first_length, _length(1), along=NOISES, tolerance=FOUND, name="|W_1|^2"),
        Equal(second_length, _length(2), along=NOISES, tolerance=FOUND, name="|W_2|^2"),
        Equal(first_divergence, _divergence(1.0), along=NOISES, tolerance=FOUND, name="KL_1"),
        Converges(divergence_at, along=THRESHOLD, order=1, constant=0.5, name="KL_1 above the threshold"),
        Converges(length_at, along=THRESHOLD, order=0.5, constant=lambda L1, **_: np.sqrt(L1), name="|W_1| above it"),
        Converges(gain, along=SMALL, order=2, constant=GAIN, name="gain of a small decoder"),
    ),
)
CLAIM.control("the threshold is the mean eigenvalue", of="|W_1|^2", right=_length(1, below_mean=True))
CLAIM.control("eps / beta for beta eps", of="|W_1|^2", right=_length(1, power=-2.0))
CLAIM.control("beta left out", of="KL_1", right=_divergence(1.0, power=-1.0))
CLAIM.control("KL = log(L / (beta eps))", of="KL_1", right=_divergence(2.0))
CLAIM.control("the KL jumps", of="KL_1 above the threshold", limit=0.05)
CLAIM.control("the KL has no kink: order 2", of="KL_1 above the threshold", order=2)
CLAIM.control("the column grows linearly", of="|W_1| above it", order=1)
CLAIM.control(
    "the mean eigenvalue for the largest",
    of="gain of a small decoder",
    constant=str(GAIN).replace("linear", "plain*mean_eigenvalue").replace("bent", "square*mean_eigenvalue"),
)
CLAIM.control("only the linear part counts", of="gain of a small decoder", constant=GAIN.subs(BENT, 0))
CLAIM.mutants(of="gain of a small decoder", most=12)
