"""One decoder that contains all kinds of the bank, so that one compiled program serves every model of a dimension.

out_j(z) = sum_k e(U_jk . z; theta_jk) + ring_j sqrt(sum_i mask_ji z_i^2), f = R out with R orthogonal, and
e(u) = clip(a u + b u^2 + c u^3 + sin + bump + tanh + abs + relu + softplus, low, high), each with its own amplitude and
place. Parameters are arrays; `xp` is NumPy or jax.numpy.
"""

import numpy as np

TERMS = [
    "lin",
    "quad",
    "cubic",
    "sin_a",
    "sin_w",
    "sin_p",
    "bump_a",
    "bump_m",
    "bump_w",
    "tanh_a",
    "tanh_m",
    "tanh_s",
    "abs_a",
    "abs_m",
    "relu_a",
    "relu_m",
    "soft_a",
    "soft_b",
    "low",
    "high",
]
DEFAULTS = dict.fromkeys(TERMS, 0.0) | {"bump_w": 1.0, "soft_b": 1.0, "low": -1e300, "high": 1e300}
PRIORS = ("normal", "logistic", "laplace", "student", "bimodal")
COUNT = 2  # terms of every output
OUTPUTS = {1: 2, 2: 3, 3: 3, 5: 5}


def term(**given):
    """The parameters of e as an array."""
    return np.array([(DEFAULTS | given)[name] for name in TERMS])


def elementary(u, theta, xp):
    """e(u; theta), theta (..., T) against u (...)."""
    t = {name: theta[..., i] for i, name in enumerate(TERMS)}
    v = t["lin"] * u + t["quad"] * u**2 + t["cubic"] * u**3 + t["sin_a"] * xp.sin(t["sin_w"] * u + t["sin_p"])
    v = v + t["bump_a"] * xp.exp(-0.5 * ((u - t["bump_m"]) / t["bump_w"]) ** 2)
    v = v + t["tanh_a"] * xp.tanh(t["tanh_s"] * (u - t["tanh_m"])) + t["abs_a"] * xp.abs(u - t["abs_m"])
    v = (
        v
        + t["relu_a"] * xp.maximum(u - t["relu_m"], 0.0)
        + t["soft_a"] * xp.logaddexp(0.0, t["soft_b"] * u) / t["soft_b"]
    )
    return xp.clip(v, t["low"], t["high"])


def decode(parameters, z, xp=np):
    """f(z) for z (d,) or (N, d); parameters: the arrays U, theta, ring, mask, turn."""
    u = xp.einsum("...d,jkd->...jk", z, parameters["U"])
    theta = parameters["theta"] if z.ndim == 1 else parameters["theta"][None]
    square = xp.einsum("...d,jd->...j", z**2, parameters["mask"])
    # The root at 0 has no derivative; outputs without a ring have mask 0.
    root = xp.where(square > 0, xp.sqrt(xp.where(square > 0, square, 1.0)), 0.0)
    ring = parameters["ring"] if z.ndim == 1 else parameters["ring"][None]
    return xp.einsum("ij,...j->...i", parameters["turn"], xp.sum(elementary(u, theta, xp), axis=-1) + ring * root)


def parameters_of(d, outputs, turn=None):
    """The arrays for outputs = [(row of U and term, ...), ring, mask]; what is left out is 0."""
    D = OUTPUTS[d]
    U, theta = np.zeros((D, COUNT, d)), np.broadcast_to(term(), (D, COUNT, len(TERMS))).copy()
    ring, mask = np.zeros(D), np.zeros((D, d))
    for j, (terms, amplitude, coordinates) in enumerate(outputs):
        for k, (direction, values) in enumerate(terms):
            U[j, k], theta[j, k] = direction, values
        ring[j] = amplitude
        mask[j, list(coordinates)] = 1.0
    return {"U": U, "theta": theta, "ring": ring, "mask": mask, "turn": np.eye(D) if turn is None else turn}
