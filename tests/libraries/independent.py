"""Numbers of an audit once more, by code that shares nothing with the package: python independent.py EXAMPLE FOLDER.

FOLDER holds points.csv and account.csv of an audit. Contrasts come from `torch.func` or JAX Jacobians in NumPy; log
p(x) from importance sampling with 2^15 scrambled Sobol points, eight replicates of 2^12, from a Student t around the
mode that SciPy finds; the gap from the largest ELBO that Nelder and Mead find on fixed points. Prints a line a point,
and last the largest differences.
"""

from __future__ import annotations

import csv
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import optimize, stats

REPLICATES, POWER, FREEDOM, WIDER = 8, 12, 5, 1.3
ASIDE = 16
"""Points within 1e-6 of one, to see whether a kink passes through it."""
SHORT = 2e-3
"""Nat: how far below the best ELBO a search without gradients may end."""


class Case(NamedTuple):
    """A decoder (n, d) -> (n, P), its Jacobian at a point (P, d), log p(x | f) of rows, the Fisher metric, and data."""

    decode: Callable[[np.ndarray], np.ndarray]
    jacobian: Callable[[np.ndarray], np.ndarray]
    log_density: Callable[[np.ndarray, np.ndarray], np.ndarray]
    metric: Callable[[np.ndarray], np.ndarray]
    data: np.ndarray | None = None
    round_off: float = 1e-10


def torch_case(module, outputs, **rest) -> Case:
    """A PyTorch module in float64; outputs: the parameters (n, P) in what it returns."""
    import torch

    module = module.double().eval().requires_grad_(False)

    def function(z):
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            return outputs(module, z)

    def decode(z: np.ndarray) -> np.ndarray:
        return np.concatenate([function(part).numpy() for part in torch.from_numpy(z).split(1024)])

    def jacobian(z: np.ndarray) -> np.ndarray:
        return torch.func.jacrev(lambda one: function(one[None])[0])(torch.from_numpy(z)).numpy()

    return Case(decode, jacobian, **rest)


def jax_case(function, **rest) -> Case:
    """A JAX function of a batch, in the precision that it computes in."""
    import jax

    def jacobian(z: np.ndarray) -> np.ndarray:
        return np.asarray(jax.jacrev(lambda one: function(one[None])[0].reshape(-1))(z.astype(np.float32)), dtype=float)

    def decode(z: np.ndarray) -> np.ndarray:
        return np.asarray(function(z.astype(np.float32)), dtype=float).reshape(len(z), -1)

    return Case(decode, jacobian, round_off=1e-3, **rest)


def normal(variance) -> dict[str, Callable]:
    """Gaussian noise, variance a number or one for each output."""
    return {
        "log_density": lambda x, f: stats.norm.logpdf(x, f, np.sqrt(variance)).sum(axis=1),
        "metric": lambda f: np.broadcast_to(1 / np.asarray(variance), f.shape),
    }


def negative_binomial(dispersion: np.ndarray) -> dict[str, Callable]:
    """Counts of mean f and variance f + f^2 / dispersion."""
    return {
        "log_density": lambda x, f: stats.nbinom.logpmf(x, dispersion, dispersion / (dispersion + f)).sum(axis=1),
        "metric": lambda f: 1 / (f + f**2 / dispersion),
    }


def scvi_case(m) -> Case:
    """The mean of `generative`, with the dispersion that does not depend on z."""
    import torch

    def mean(module, z):
        size = torch.full((len(z), 1), float(m.library[0]), dtype=z.dtype)
        return module.generative(z, size, torch.zeros((len(z), 1), dtype=torch.int64))["px"].mu

    theta = np.exp(m.vae.px_r.detach().double().numpy())
    return torch_case(m.vae, mean, **negative_binomial(theta), data=m.counts.astype(float))


CASES: dict[str, Callable] = {
    "flax_nnx": lambda m: jax_case(m.vae.decoder, **normal(1e-2)),
    "keras_jax": lambda m: jax_case(lambda z: m.vae.decoder(z), **normal(m.NOISE_VAR)),
    "multivae_vae": lambda m: torch_case(m.joint, lambda module, z: module(z), **normal(m.variances.numpy())),
    "diffusers_kl": lambda m: torch_case(m.Flat(), lambda module, z: module(z).sample.flatten(1), **normal(1e-3)),
    "scvi_counts": scvi_case,
}


def contrast(case: Case, z: np.ndarray) -> float:
    """1/2 [sum log M_kk - log det M], M = J'FJ."""
    jacobian = case.jacobian(z)
    weighted = jacobian * np.sqrt(case.metric(case.decode(z[None])[0]))[:, None]
    inner = weighted.T @ weighted
    return 0.5 * float(np.sum(np.log(np.diag(inner))) - np.linalg.slogdet(inner)[1])


def log_joint(case: Case, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """log p(x, z) of rows z, for the prior N(0, I)."""
    return case.log_density(x, case.decode(z)) + stats.norm.logpdf(z).sum(axis=1)


def mode_and_covariance(case: Case, x: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mode near a start, and the inverse of the Fisher metric plus the prior's there."""
    options = {"xatol": 1e-6, "fatol": 1e-9, "maxiter": 2000}
    found = optimize.minimize(lambda z: -log_joint(case, x, z[None])[0], start, method="Nelder-Mead", options=options)
    jacobian = case.jacobian(found.x)
    metric = case.metric(case.decode(found.x[None])[0])
    return found.x, np.linalg.inv(np.eye(len(start)) + jacobian.T @ (metric[:, None] * jacobian))


def evidence(case: Case, x: np.ndarray, mode: np.ndarray, covariance: np.ndarray) -> tuple[float, float]:
    """log p(x) and its standard error."""
    d, wide = len(mode), WIDER**2 * covariance
    law, root, found = stats.multivariate_t(mode, wide, df=FREEDOM), np.linalg.cholesky(wide), []
    for seed in range(REPLICATES):
        u = np.clip(stats.qmc.Sobol(d + 1, seed=seed).random_base2(POWER), 1e-12, 1 - 1e-12)
        radius = np.sqrt(FREEDOM / stats.chi2.ppf(u[:, -1], FREEDOM))
        z = mode + (stats.norm.ppf(u[:, :-1]) @ root.T) * radius[:, None]
        weights = log_joint(case, x, z) - law.logpdf(z)
        found.append(np.logaddexp.reduce(weights) - np.log(len(z)))
    return float(np.mean(found)), float(np.std(found, ddof=1) / np.sqrt(REPLICATES))


def best_elbo(case: Case, x: np.ndarray, mode: np.ndarray, covariance: np.ndarray) -> tuple[float, float]:
    """The largest ELBO of a normal with a diagonal covariance, and the standard error of its value."""
    d = len(mode)
    noise = [
        stats.norm.ppf(np.clip(stats.qmc.Sobol(d, seed=s).random_base2(POWER), 1e-12, 1 - 1e-12)) for s in range(8)
    ]

    def value(parameters: np.ndarray, draws: np.ndarray) -> float:
        mean, log_std = parameters[:d], parameters[d:]
        entropy = np.sum(log_std) + 0.5 * d * (1 + np.log(2 * np.pi))
        return float(np.mean(log_joint(case, x, mean + np.exp(log_std) * draws)) + entropy)

    std = 1 / np.sqrt(np.diag(np.linalg.inv(covariance)))
    start, few = np.concatenate([mode, np.log(std)]), noise[0][:512]
    simplex = start + np.vstack([np.zeros(2 * d), np.diag(np.concatenate([0.3 * std, np.full(d, 0.3)]))])
    options = {"xatol": 1e-5, "fatol": 1e-6, "maxiter": 400 * d, "initial_simplex": simplex, "adaptive": True}
    found = optimize.minimize(lambda p: -value(p, few), start, method="Nelder-Mead", options=options)
    values = [value(found.x, draws) for draws in noise]
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))


def main(name: str, folder: Path) -> int:
    """Compare; the exit status."""
    if name not in CASES:
        print("-")
        return 0
    sys.path.insert(0, str(Path(__file__).parents[2] / "examples/decoders"))
    case = CASES[name](importlib.import_module(name))
    points = {int(row["index"]): row for row in csv.DictReader((folder / "points.csv").open())}
    latents = {i: np.array([float(row[key]) for key in row if key[0] == "z"]) for i, row in points.items()}
    worst = {"contrast": 0.0, "log p": 0.0, "gap": 0.0}
    bad = False
    aside = np.random.default_rng(0).standard_normal((ASIDE, len(latents[next(iter(latents))]))) * 1e-6
    for i, z in latents.items():
        given, found = float(points[i]["contrast"]), contrast(case, z)
        if abs(given - found) > 1e-3:  # a mode on a kink, where the Jacobian has two sides: the other one?
            sides = [contrast(case, z + step) for step in aside]
            found = min(sides, key=lambda side: abs(side - given))
            print(f"  point {i}: contrast {given:.6f}, from {min(sides):.6f} to {max(sides):.6f} around it")
        worst["contrast"] = max(worst["contrast"], abs(given - found))
        bad |= not abs(given - found) <= max(1e-8, 10 * case.round_off) * max(1.0, abs(found))
    for row in csv.DictReader((folder / "account.csv").open()):
        i, stated = int(row["index"]), float(row["error"])
        x = case.decode(latents[i][None])[0] if case.data is None else case.data[i]
        mode, covariance = mode_and_covariance(case, x, latents[i])
        evidence_, error = evidence(case, x, mode, covariance)
        elbo, spread = best_elbo(case, x, mode, covariance)
        given, gap = float(row["log_likelihood"]), float(row["sum"])
        print(
            f"  point {i}: log p {given:.6f} and {evidence_:.6f} +- {4 * error:.1g}, gap {gap:.5f} "
            f"(stated {stated:.1g}) and {evidence_ - elbo:.5f} +- {4 * (error + spread):.1g}"
        )
        bad |= not abs(given - evidence_) <= stated + 4 * error + case.round_off
        bad |= not abs(gap - evidence_ + elbo) <= stated + 4 * (error + spread) + SHORT + case.round_off
        worst["log p"] = max(worst["log p"], abs(given - evidence_))
        worst["gap"] = max(worst["gap"], abs(gap - evidence_ + elbo))
    print(", ".join(f"{key} {value:.1g}" for key, value in worst.items()))
    return int(bad)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
