"""The hypotheses of the limit theorems (claim `general-limit`), checked for a model at a point g, x = f(g).

separation      V(z) - V(g) >= kappa/2 min(|z-g|^2, rho^2) for all z: concentration of the posterior and of the encoder
curvature       M = Hess V(g) is positive definite
smoothness      V has six and ell four continuous derivatives near g
density         exp(ell) is a probability density
integrability   V and ell are integrable against some Gaussian centred at g

A condition about all z, or about derivatives of every order, cannot be read off a function that can only be evaluated.
So there are three answers: it holds (a bound is known, or the number was computed), it fails (a counterexample was
found), and it is not checkable, with what was looked at.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from . import priors
from .families.linear import Linear
from .families.mlp import SmoothMLP
from .families.moebius import Moebius, MoebiusLinear
from .families.separation import Separation, separation
from .families.shear import Cubic, Shear
from .model import LatentModel
from .noise import ScalarNoise
from .precision import EPS64

Answer = Literal["holds", "fails", "not checkable"]
NAMES = ("separation", "curvature", "smoothness", "density", "integrability")
_SMOOTH = (Linear, SmoothMLP, Shear, Cubic, Moebius, MoebiusLinear)
"""The families of which the derivatives of every order near g, and growth at most polynomial, are known."""
_PRIORS = (priors.Normal, priors.CorrelatedNormal, priors.Logistic, priors.StudentT, priors.Bimodal, priors.Laplace)
_ROUND_OFFS = 1e3
"""Eigenvalues of M below so many units of round-off of the largest are not told from zero."""


class Condition(NamedTuple):
    """A condition's name, whether it holds, and the figure or the reason."""

    name: str
    answer: Answer
    reason: str


def check_conditions(
    model: LatentModel,
    point: Float[np.ndarray, " d"],
    *,
    others: Iterable[Float[np.ndarray, " d"]] = (),
    kinked: bool = False,
) -> tuple[Condition, ...]:
    """The five conditions at g = point, x = f(g), in the order of `NAMES`.

    others: points that may be minimisers of V as well, of whatever search; kinked: whether a kink of f was found.
    """
    return (
        _separation(model, np.asarray(point), list(others)),
        _curvature(model, np.asarray(point)),
        smoothness(model, kinked),
        density(model),
        integrability(model),
    )


def _separation(model: LatentModel, point: np.ndarray, others: list[np.ndarray]) -> Condition:
    found = known_separation(model, point)
    if found is not None:
        radius = "every distance" if np.isinf(found.rho) else f"distances up to {found.rho:.3g}"
        return Condition(NAMES[0], "holds", f"kappa = {found.kappa:.3g} at {radius}, from the family's formula")
    x = np.asarray(model.decoder(jnp.asarray(point)))
    size = 1.0 + float(np.max(np.abs(x)))
    for other in others:
        distance = float(np.linalg.norm(other - point))
        away = float(np.max(np.abs(np.asarray(model.decoder(jnp.asarray(other))) - x)))
        if distance > np.sqrt(EPS64) * size and away <= np.sqrt(EPS64) * size * min(distance, 1.0):
            return Condition(NAMES[0], "fails", f"f is the same at a distance of {distance:.3g} from g")
    return Condition(NAMES[0], "not checkable", f"no other preimage among {len(others)} points; no search is a bound")


def known_separation(model: LatentModel, point: Float[np.ndarray, " d"]) -> Separation | None:
    """kappa and rho at x = f(g) for noise eps I, from the formula of the decoder's family; None where none is known."""
    return separation(model.decoder, point) if _known_noise(model) else None


@eqx.filter_jit
def _eigenvalues(model: LatentModel, point: Array) -> Float[Array, " d"]:
    """Of M = Hess V(g), at x = f(g)."""
    x = model.decoder(point)
    return jnp.linalg.eigvalsh(jax.hessian(lambda z: model.potential(z, x))(point))


def _curvature(model: LatentModel, point: np.ndarray) -> Condition:
    found = np.asarray(_eigenvalues(model, jnp.asarray(point, float)))
    if not np.all(np.isfinite(found)):
        return Condition(NAMES[1], "not checkable", "the second derivatives of V are not finite")
    holds = found[0] > _ROUND_OFFS * model.resolution * found[-1]
    answer: Answer = "holds" if holds else "fails"
    return Condition(NAMES[1], answer, f"eigenvalues of Hess V(g) from {found[0]:.3g} to {found[-1]:.3g}")


def smoothness(model: LatentModel, kinked: bool) -> Condition:
    """Whether V and ell are known to be smooth near every g."""
    if kinked:
        return Condition(NAMES[2], "fails", "the derivative of f jumps")
    if float(model.prior.slope_jump) > 0:
        return Condition(NAMES[2], "not checkable", "the prior has a kink: smooth where g is not on it")
    if isinstance(model.decoder, _SMOOTH) and _known_noise(model):
        return Condition(NAMES[2], "holds", "the family is smooth near g")
    return Condition(NAMES[2], "not checkable", "no kink was found; derivatives of order six are not looked at")


def density(model: LatentModel) -> Condition:
    """Whether exp(ell) is known to be a probability density."""
    if type(model.prior) in _PRIORS and _known_noise(model):
        return Condition(NAMES[3], "holds", f"{type(model.prior).__name__} is normalised")
    return Condition(NAMES[3], "not checkable", "the integral of exp(ell) is not computed")


def integrability(model: LatentModel) -> Condition:
    """Whether V and ell are known to be integrable against a Gaussian."""
    if isinstance(model.decoder, _SMOOTH) and type(model.prior) in _PRIORS and _known_noise(model):
        return Condition(NAMES[4], "holds", "f and log p0 grow like polynomials")
    return Condition(NAMES[4], "not checkable", "growth of f and of log p0 far away")


def _known_noise(model: LatentModel) -> bool:
    """Whether V is half the squared distance to x."""
    return model.observation is None and isinstance(model.noise, ScalarNoise)
