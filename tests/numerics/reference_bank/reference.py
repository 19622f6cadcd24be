"""log p by adaptive Gauss-Legendre quadrature in NumPy, for d = 1 and 2: independent of `elbogap.numerics`.

Boxes in t, z = sinh(t). A box is alive while its integral can still matter: the exponent anywhere in a box is at
most -1/2 max(0, |r| - Delta)^2 / eps + ell at one of its nodes, Delta the largest change of the residual r to the
neighbouring nodes. Living boxes are halved in every direction until one box and its parts agree; what is left of
their disagreement is the recorded error.
"""

from itertools import product

import numpy as np
from composite import decode
from scipy import stats

NODES = {1: 16, 2: 8}
REACH = {"normal": 2000.0, "logistic": 2000.0, "laplace": 2000.0, "student": 1e40, "bimodal": 2000.0}
LOST = 46.0  # mass below exp(-46) of the whole does not count
LARGEST = 3e6  # nodes at once


def log_prior(prior, z):
    """log p0 at z (N, d), by SciPy; prior: kind, scale, df, centre."""
    kind, scale = prior["kind"], prior["scale"]
    if kind == "normal":
        each = stats.norm.logpdf(z, scale=scale)
    elif kind == "logistic":
        each = stats.logistic.logpdf(z)
    elif kind == "laplace":
        each = stats.laplace.logpdf(z, scale=scale)
    elif kind == "student":
        each = stats.t.logpdf(z, prior["df"])
    else:
        parts = (stats.norm.logpdf(z, side * prior["centre"], scale) for side in (-1, 1))
        each = np.logaddexp(*parts) - np.log(2)
    return each.sum(axis=-1)


def _first_boxes(d, prior):
    top = np.arcsinh(REACH[prior["kind"]] if d == 1 else min(REACH[prior["kind"]], 1e6))
    bulk, count, tails = (3.0, 1200, 400) if d == 1 else (2.6, 40, 14)
    ends = np.linspace(0, bulk, count // 2 + 1)
    ends = np.concatenate([ends, bulk + (top - bulk) * (np.arange(1, tails + 1) / tails) ** 2])
    ends = np.concatenate([-ends[::-1], ends[1:]])
    centre, half = (ends[1:] + ends[:-1]) / 2, (ends[1:] - ends[:-1]) / 2
    return np.array(list(product(centre, repeat=d))), np.array(list(product(half, repeat=d)))


def _integrate(case, centre, half):
    """Return log of the integral (with its sign lost: it is positive) and the largest possible exponent of each box."""
    d, n = centre.shape[1], NODES[centre.shape[1]]
    x, w = np.polynomial.legendre.leggauss(n)
    nodes, weights = np.array(list(product(x, repeat=d))), np.prod(list(product(w, repeat=d)), axis=1)
    t = centre[:, None] + half[:, None] * nodes[None]
    z = np.sinh(t)
    with np.errstate(over="ignore", invalid="ignore"):
        r = decode(case["parameters"], z.reshape(-1, d)) - case["x"][None]
        ell = log_prior(case["prior"], z.reshape(-1, d)).reshape(len(centre), -1)
        size = np.sqrt(np.sum(r**2, axis=-1)).reshape(len(centre), -1)
    shaped = r.reshape(len(centre), *(n,) * d, -1)
    change = np.zeros(shaped.shape[:-1])
    for axis in range(1, d + 1):
        step = np.sqrt(np.sum(np.diff(shaped, axis=axis) ** 2, axis=-1))
        before, after = ([(0, 0)] * (d + 1) for _ in range(2))
        before[axis], after[axis] = (1, 0), (0, 1)
        change += np.maximum(np.pad(step, before), np.pad(step, after))
    volume = np.sum(np.log(np.cosh(t)), axis=-1) + np.sum(np.log(half), axis=-1)[:, None]
    exponent = ell - size**2 / (2 * case["eps"])
    near = ell - np.maximum(0.0, size - change.reshape(len(centre), -1)) ** 2 / (2 * case["eps"])
    logs = np.nan_to_num(exponent + volume, nan=-np.inf)
    top = np.maximum(logs.max(axis=1), -1e300)
    value = np.log(np.exp(logs - top[:, None]) @ weights) + top
    return value, np.max(np.nan_to_num(near, nan=-np.inf) + volume, axis=1) + d * np.log(2.0)


def log_evidence(case, *, relative=1e-13, levels=44):
    """Return log p(x) and its error for a case: parameters, prior, eps, x (D,)."""
    d = case["parameters"]["U"].shape[-1]
    centre, half = _first_boxes(d, case["prior"])
    value, near = _integrate(case, centre, half)
    sums, errors = [], []
    corners = np.array(list(product((-0.5, 0.5), repeat=d)))
    for level in range(levels):
        known = np.logaddexp.reduce(np.concatenate([value, sums]))
        alive = near > known - LOST
        sums.extend(value[~alive])
        centre, half, value = centre[alive], half[alive], value[alive]
        if not len(centre):
            break
        small = (centre[:, None] + corners[None] * half[:, None]).reshape(-1, d)
        if len(small) * NODES[d] ** d > LARGEST or level == levels - 1:
            errors.extend(value + np.log(0.5))
            sums.extend(value)
            break
        halves = np.repeat(half / 2, 2**d, axis=0)
        parts, bounds = _integrate(case, small, halves)
        together = np.logaddexp.reduce(parts.reshape(-1, 2**d), axis=1)
        difference = np.abs(np.expm1(np.clip(together - value, -50, 50)))
        bound = bounds.reshape(-1, 2**d).max(axis=1)
        share = np.exp(np.minimum(together - known, 50))
        # Agreement counts only where the box sees what can be in it.
        settled = (difference * share < relative) & (bound < np.maximum(together, known - LOST) + 25)
        sums.extend(together[settled])
        errors.extend((together + np.log(difference + 1e-16))[settled])
        keep = np.repeat(~settled, 2**d)
        centre, half, value, near = small[keep], halves[keep], parts[keep], bounds[keep]
    total = np.logaddexp.reduce(sums)
    error = np.exp(np.logaddexp.reduce(errors) - total) if errors else 0.0
    constant = -0.5 * len(case["x"]) * np.log(2 * np.pi * case["eps"])
    rounding = 4e-16 * (10 + abs(constant) + abs(total))
    return float(total + constant), float(error + rounding + _sensitivity(case))


def _sensitivity(case):
    """Round-off of f(z) - x off the manifold, which no quadrature can see: eps64 |x|^2 / eps."""
    return 1e-16 * float(np.sum(case["x"] ** 2)) / case["eps"]
