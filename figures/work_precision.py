"""Error over time: this package's gap beside importance sampling of log p and stochastic maximisation of the ELBO.

One latent, f(z) = z + z^3/3 and x = f(0.7), because there the truth is known to round-off: log p by the trapezoidal
rule on 4001 nodes, the best ELBO by the same rule and Nelder and Mead. Importance sampling draws from the posterior's
Laplace approximation; the ELBO is maximised by Adam on gradients of 16 reparametrised draws, and its error is that of
the encoder reached, its own noise left out. Times are CPU seconds of one call, compilation left out, and differ from
run to run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import minimize

from ..numerics.gap import measure_gap
from ..numerics.model import LatentModel
from ..proofs_checks.programs import Programs
from ..report.style import log_axis, subplots
from .curves import letter, series
from .data import Data, columns, distinct, where
from .measure import instances

POINT, EPS, DRAWS, NODES = 0.7, 0.01, 16, 4001
SAMPLES = 10 ** np.arange(2, 7)
STEPS = np.array([10, 30, 100, 300, 1000, 3000, 10_000])
METHODS = {
    "elbogap": "elbogap: log p, ELBO and gap",
    "importance": "importance sampling: log p",
    "stochastic": "stochastic maximisation: ELBO",
}
LOWEST = 1e-15
CAPTION = (
    "Error over CPU time for one observation with one latent variable, at noise variance 0.01. Quadrature and Newton's "
    "method are at round-off after less than a millisecond; importance sampling gains a digit for a hundred times the "
    "samples, and the stochastic maximisation of the ELBO ends at the noise of its steps."
)


def _decode(z: Any) -> Any:
    return z + z**3 / 3


def _log_joint(z: Any) -> Any:
    """log p(x, z)."""
    return -((_decode(z) - _decode(POINT)) ** 2 / EPS + z**2 + np.log(EPS)) / 2 - np.log(2 * np.pi)


def log_likelihood() -> float:
    """log p(x) by the trapezoidal rule, which converges faster than any power."""
    z = POINT + np.sqrt(EPS) * np.linspace(-12, 12, NODES)
    return float(np.log(np.trapezoid(np.exp(_log_joint(z)), z)))


def elbo(mean: float, log_std: float) -> float:
    """The ELBO of a Gaussian by the same rule."""
    u = np.linspace(-9, 9, 801)
    weights = np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)
    inside = _log_joint(mean + np.exp(log_std) * u) + u**2 / 2 + log_std + np.log(2 * np.pi) / 2
    return float(np.trapezoid(weights * inside, u))


def best_elbo() -> float:
    """The largest ELBO of a Gaussian."""
    start = [POINT, np.log(np.sqrt(EPS))]
    options = {"xatol": 1e-10, "fatol": 1e-15, "maxiter": 2000}
    return -float(minimize(lambda q: -elbo(*q), start, method="Nelder-Mead", options=options).fun)


def _importance(count: int, rng: np.random.Generator) -> float:
    """An estimate of log p(x) from so many draws of the Laplace approximation."""
    mode, slope = POINT, 1 + POINT**2
    for _ in range(8):  # Newton's method for the mode
        slope = 1 + mode**2
        gradient = (_decode(mode) - _decode(POINT)) * slope / EPS + mode
        mode -= gradient / (slope**2 / EPS + 1)
    std = 1 / np.sqrt(slope**2 / EPS + 1)
    u = rng.standard_normal(count)
    logs = _log_joint(mode + std * u) + u**2 / 2 + np.log(std * np.sqrt(2 * np.pi))
    return float(np.log(np.mean(np.exp(logs - logs.max()))) + logs.max())


def _maximised(steps: int, rng: np.random.Generator) -> tuple[float, float]:
    """Mean and log of the deviation after so many steps of Adam from the prior's neighbourhood."""
    at, first, second = np.array([0.0, np.log(0.3)]), np.zeros(2), np.zeros(2)
    for step in range(1, steps + 1):
        u = rng.standard_normal(DRAWS)
        std = np.exp(at[1])
        z = at[0] + std * u
        slope = -(_decode(z) - _decode(POINT)) * (1 + z**2) / EPS - z
        gradient = np.array([slope.mean(), (slope * std * u).mean() + 1])
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        rate = 0.02 / np.sqrt(1 + step / 100)
        at += rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    return float(at[0]), float(at[1])


def _timed(function: Callable[[], Any]) -> tuple[Any, float]:
    begun = time.process_time()
    found = function()
    return found, max(time.process_time() - begun, 1e-7)


def _ours(likelihood: float, bound: float) -> tuple[float, float]:
    """The error of this package's gap, and the time of one call: the best of three."""
    program = jax.jit(lambda x, z: measure_gap(LatentModel(_decode, 1, noise_var=EPS), x, start=z).gap)
    x, z = jnp.array([_decode(POINT)]), jnp.array([POINT])
    program(x, z).block_until_ready()
    runs = [_timed(lambda: program(x, z).block_until_ready()) for _ in range(3)]
    return abs(float(runs[0][0]) - (likelihood - bound)), min(seconds for _, seconds in runs)


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """Table "work": method, size (samples or steps), repetition, error (nat), seconds (CPU)."""
    repetitions, few = instances(effort), effort == "small"
    likelihood, bound = log_likelihood(), best_elbo()
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(17,)))
    error, seconds = _ours(likelihood, bound)
    rows = [("elbogap", 1, 0, error, seconds)]
    for size in SAMPLES[:3] if few else SAMPLES:
        for repetition in range(repetitions):
            value, seconds = _timed(partial(_importance, int(size), rng))
            rows.append(("importance", int(size), repetition, abs(value - likelihood), seconds))
    for size in STEPS[:4] if few else STEPS:
        for repetition in range(repetitions):
            reached, seconds = _timed(partial(_maximised, int(size), rng))
            rows.append(("stochastic", int(size), repetition, abs(bound - elbo(*reached)), seconds))
    names = ("method", "size", "repetition", "error", "seconds")
    table = columns(**{name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)})
    return Data({"work": table}, {"effort": effort, "eps": EPS, "point": POINT}, seed)


def draw(data: Data) -> Figure:
    """The median error over the median time of each size, and every run as a point."""
    figure, ((axes,),) = subplots()
    for index, method in enumerate(distinct(data["work"], "method")):
        rows, (color, marker) = where(data["work"], method=method), series(index)
        seconds, error = rows.column("seconds"), np.maximum(rows.column("error"), LOWEST)
        axes.plot(seconds, error, marker, color=color, alpha=0.35, markersize=2.2, markeredgewidth=0)
        middle = [
            [float(np.median(values[rows.column("size") == size])) for size in distinct(rows, "size")]
            for values in (seconds, error)
        ]
        axes.plot(*middle, marker, linestyle="-", color=color, markersize=4, label=METHODS[method])
    log_axis(axes, "x")
    log_axis(axes)
    letter(axes, "work and precision")
    axes.set(xlabel="CPU seconds of one call", ylabel="error (nat)")
    axes.legend(loc="lower right")
    axes.set_ylim(LOWEST, 100)
    return figure
