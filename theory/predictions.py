"""Every predicted quantity, exported once as a SymPy expression with named terms and its claim's id.

`prediction(name, d, D, blocks)` gives a `Prediction`: arrays of argument symbols and a dictionary of terms
whose sum is the quantity. Nothing is expanded: inverses are adjugates over determinants and shared
subexpressions stay shared, so that ``sympy.lambdify(..., cse=True)`` takes well under a second up to d = 3.
False variants drop, flip or scale a term by name.

Arguments of decoder-level predictions: J (D, d), H (D, d, d), T (D, d, d, d), l1 (d,), l2 (d, d), l0 and
eps scalars (Gaussian noise, x on the manifold). Predictions called ``general_...`` take the derivatives of
a potential instead: M (d, d), V3, V4, l1, l2 (any noise, any block-diagonal encoder);
``potential_...`` and ``family_...`` give these for Gaussian noise with a residual nu and for exponential families.
Source: the claims named in `claim`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from .algebra.indices import Formula
from .algebra.tensors import block_inverse, independent, inverse
from .formulas import gaussian, general, other_noise, second_order
from .formulas.closed_forms import CLOSED_FORMS

Arguments = dict[str, np.ndarray]
Value = sp.Expr | sp.ImmutableDenseNDimArray


@dataclass(frozen=True)
class Prediction:
    """A quantity of claim `claim`: `terms` (name -> value) in the symbols of `arguments` (name -> array)."""

    id: str
    claim: str
    arguments: Arguments
    terms: dict[str, Value]

    @property
    def expression(self) -> Value:
        """The sum of the named terms: a scalar expression or an array of the quantity's shape."""
        values = list(self.terms.values())
        total: Any = values[0]
        for value in values[1:]:
            total = total + value
        return total

    def with_terms(self, **factors: Any) -> "Prediction":
        """A variant in which each named term is multiplied by the given factor (0 drops it, -1 flips it).

        Raises KeyError if a name is not a term.
        """
        for name in factors:
            if name not in self.terms:
                raise KeyError(f"{self.id} has no term {name!r}, expected one of {sorted(self.terms)}")
        scaled = {name: value * sp.sympify(factors.get(name, 1)) for name, value in self.terms.items()}
        return replace(self, terms=scaled)


def _shapes(d: int, D: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "J": (D, d),
        "H": (D, d, d),
        "T": (D, d, d, d),
        "l0": (),
        "eps": (),
        "W": (D, d),
        "M": (d, d),
    } | {f"V{n}": (d,) * n for n in (3, 4, 5, 6)}
    shapes |= {"U": (D, d, d, d, d), "nu": (D,), "psi2": (D,), "psi3": (D,), "psi4": (D,)}
    shapes |= {name: () for name in ("D", "beta", "s", "B", "rho", "A", "r", "ratio", "a", "b")}
    return shapes | {f"l{n}": (d,) * n for n in (1, 2, 3, 4)}


def _contrast(a: Arguments, blocks: Any) -> dict[str, Any]:
    metric = a["J"].T @ a["J"]
    return gaussian.contrast_terms(metric) if blocks is None else general.contrast_terms(metric, blocks)


def _mean_shift(a: Arguments, blocks: Any) -> dict[str, Any]:
    return gaussian.MEAN_SHIFT.evaluate(gaussian.with_metric(a))


def _variance(a: Arguments, blocks: Any) -> dict[str, Any]:
    return {"curvature": gaussian.with_metric(a)["s"]}


def _variance_correction(a: Arguments, blocks: Any) -> dict[str, Any]:
    known = gaussian.with_mean_shift(gaussian.with_metric(a))
    return gaussian.VARIANCE_CORRECTION.evaluate(known)


def _likelihood_limit(a: Arguments, blocks: Any) -> dict[str, Any]:
    metric = a["J"].T @ a["J"]
    return gaussian.likelihood_limit_terms(metric, a["J"].shape[0], a["l0"][()], a["eps"][()])


def _likelihood_slope(a: Arguments, blocks: Any) -> dict[str, Any]:
    return gaussian.likelihood_slope_terms(gaussian.with_metric(a))


def _elbo_slope(a: Arguments, blocks: Any) -> dict[str, Any]:
    return gaussian.elbo_slope_terms(gaussian.with_metric(a))


def _gap_slope(a: Arguments, blocks: Any) -> dict[str, Any]:
    known = gaussian.with_metric(a)
    likelihood = gaussian.likelihood_slope_terms(known)
    return general.gap_terms(likelihood, gaussian.elbo_slope_terms(known))


def _heat_slope(a: Arguments, blocks: Any) -> dict[str, Any]:
    return gaussian.heat_slope_terms(a | {"K": inverse(a["J"])})


def _paper_variance(a: Arguments, blocks: Any) -> dict[str, Any]:
    return gaussian.paper_variance_terms(a["J"].T @ a["J"], a["l2"], a["eps"][()])


def _linear_gap(a: Arguments, blocks: Any) -> dict[str, Any]:
    return gaussian.linear_gap_terms(a["W"].T @ a["W"], a["eps"][()])


def _general_contrast(a: Arguments, blocks: Any) -> dict[str, Any]:
    return general.contrast_terms(a["M"], blocks)


def _general_mean_shift(a: Arguments, blocks: Any) -> dict[str, Any]:
    return general.MEAN_SHIFT.evaluate(general.with_inverses(a, blocks))


def _general_variance(a: Arguments, blocks: Any) -> dict[str, Any]:
    return {"curvature": block_inverse(a["M"], blocks)}


def _general_variance_correction(a: Arguments, blocks: Any) -> dict[str, Any]:
    known = general.with_mean_shift(general.with_inverses(a, blocks))
    return general.COVARIANCE_CORRECTION.evaluate(known)


def _general_likelihood_slope(a: Arguments, blocks: Any) -> dict[str, Any]:
    return general.likelihood_slope_terms(general.with_inverses(a, blocks))


def _general_elbo_slope(a: Arguments, blocks: Any) -> dict[str, Any]:
    return general.elbo_slope_terms(general.with_inverses(a, blocks))


def _general_gap_slope(a: Arguments, blocks: Any) -> dict[str, Any]:
    known = general.with_inverses(a, blocks)
    likelihood = general.likelihood_slope_terms(known)
    return general.gap_terms(likelihood, general.elbo_slope_terms(known))


def _general_likelihood_second(a: Arguments, blocks: Any) -> dict[str, Any]:
    return second_order.likelihood_second_terms(a)


def _general_elbo_second(a: Arguments, blocks: Any) -> dict[str, Any]:
    return second_order.elbo_second_terms(a, blocks)


def _general_gap_second(a: Arguments, blocks: Any) -> dict[str, Any]:
    likelihood = second_order.likelihood_second_terms(a)
    return general.gap_terms(likelihood, second_order.elbo_second_terms(a, blocks))


def _formula(rule: Formula) -> Callable[[Arguments, Any], dict[str, Any]]:
    return lambda a, blocks: rule.evaluate(a)


@dataclass(frozen=True)
class _Recipe:
    claim: str
    arguments: tuple[str, ...]
    build: Callable[[Arguments, Any], dict[str, Any]]
    takes_blocks: bool = False
    square: bool = False
    largest: int = 3


_POTENTIAL = ("M", "V3", "V4", "l1", "l2")
_SECOND = (*_POTENTIAL, "V5", "V6", "l3", "l4")
_RESIDUAL = ("J", "H", "T", "U", "nu")
_FAMILY = ("J", "H", "T", "nu", "psi2", "psi3", "psi4", "U")
RECIPES: dict[str, _Recipe] = {
    "contrast": _Recipe("contrast", ("J",), _contrast, takes_blocks=True),
    "mean_shift": _Recipe("encoder-mean", ("J", "H", "l1"), _mean_shift),
    "variance": _Recipe("encoder-variance", ("J",), _variance),
    "variance_correction": _Recipe("encoder-variance", ("J", "H", "T", "l1", "l2"), _variance_correction),
    "paper_variance": _Recipe("encoder-variance", ("J", "l2", "eps"), _paper_variance),
    "likelihood_limit": _Recipe("likelihood-limit", ("J", "l0", "eps"), _likelihood_limit),
    "likelihood_slope": _Recipe("likelihood-limit", ("J", "H", "T", "l1", "l2"), _likelihood_slope),
    "heat_slope": _Recipe("likelihood-limit", ("J", "H", "T", "l1", "l2"), _heat_slope, square=True),
    "elbo_slope": _Recipe("elbo-limit", ("J", "H", "T", "l1", "l2"), _elbo_slope),
    "gap_slope": _Recipe("elbo-limit", ("J", "H", "T", "l1", "l2"), _gap_slope),
    "linear_gap": _Recipe("linear-vae", ("W", "eps"), _linear_gap),
    "general_contrast": _Recipe("general-limit", ("M",), _general_contrast, True),
    "general_mean_shift": _Recipe("general-limit", ("M", "V3", "l1"), _general_mean_shift, True),
    "general_variance": _Recipe("general-limit", ("M",), _general_variance, True),
    "general_variance_correction": _Recipe("general-limit", _POTENTIAL, _general_variance_correction, True),
    "general_likelihood_slope": _Recipe("general-limit", _POTENTIAL, _general_likelihood_slope),
    "general_elbo_slope": _Recipe("general-limit", _POTENTIAL, _general_elbo_slope, True),
    "general_gap_slope": _Recipe("general-limit", _POTENTIAL, _general_gap_slope, True),
    "general_likelihood_second": _Recipe("higher-orders", _SECOND, _general_likelihood_second, largest=2),
    "general_elbo_second": _Recipe("higher-orders", _SECOND, _general_elbo_second, True, largest=2),
    "general_gap_second": _Recipe("higher-orders", _SECOND, _general_gap_second, True, largest=2),
    "potential_second": _Recipe("rectangular", ("J", "H", "nu"), _formula(other_noise.RESIDUAL_SECOND)),
    "potential_third": _Recipe("rectangular", ("J", "H", "T", "nu"), _formula(other_noise.RESIDUAL_THIRD)),
    "potential_fourth": _Recipe("rectangular", _RESIDUAL, _formula(other_noise.RESIDUAL_FOURTH)),
    "family_second": _Recipe("exponential-family", ("J", "H", "nu", "psi2"), _formula(other_noise.FAMILY_SECOND)),
    "family_third": _Recipe("exponential-family", _FAMILY[:-2], _formula(other_noise.FAMILY_THIRD)),
    "family_fourth": _Recipe("exponential-family", _FAMILY, _formula(other_noise.FAMILY_FOURTH)),
} | {name: _Recipe(claim, names, build, largest=10**6) for name, (claim, names, build) in CLOSED_FORMS.items()}


def _recipe(name: str) -> _Recipe:
    if name not in RECIPES:
        raise ValueError(f"unknown prediction {name!r}, expected one of {sorted(RECIPES)}")
    return RECIPES[name]


def argument_shapes(name: str, d: int, D: int | None = None) -> dict[str, tuple[int, ...]]:
    """The shape of each argument of the named prediction, in their order. Raises ValueError for an unknown name."""
    shapes = _shapes(d, d if D is None else D)
    return {argument: shapes[argument] for argument in _recipe(name).arguments}


@cache
def prediction(
    name: str, d: int, D: int | None = None, blocks: tuple[tuple[int, ...], ...] | None = None
) -> Prediction:
    """The named prediction for d <= 3 latent and D >= d observed variables (default D = d), built once.

    `blocks` (general predictions and the contrast) is the encoder's partition; None means mean field.
    Raises ValueError for an unknown name, for D < d, for a square-only prediction with D > d, and for
    blocks where they mean nothing.
    """
    recipe, data_dim = _recipe(name), d if D is None else D
    if data_dim < d or (recipe.square and data_dim != d):
        raise ValueError(f"{name} was asked for d = {d}, D = {data_dim}, expected D {'=' if recipe.square else '>='} d")
    if d > recipe.largest:
        raise ValueError(f"{name} was asked for d = {d}, expected d <= {recipe.largest}: it inverts by cofactors")
    if blocks is not None and not recipe.takes_blocks:
        raise ValueError(f"{name} is a mean-field quantity, expected blocks=None, got {blocks}")
    arguments = {key: independent(key, shape) for key, shape in argument_shapes(name, d, data_dim).items()}
    terms = recipe.build(arguments, d if name in CLOSED_FORMS else blocks)
    return Prediction(name, recipe.claim, arguments, {key: _as_sympy(value) for key, value in terms.items()})


def in_numbers(name: str, arguments: dict[str, np.ndarray], blocks: Any = None) -> dict[str, np.ndarray]:
    """The named terms of a prediction for one instance, the index formulas summed over floats: any d.

    The same formulas as `prediction`, by another route: nothing symbolic is built, inverses are LAPACK's. arguments:
    as `Prediction.arguments`, float arrays. Raises ValueError for an unknown name, KeyError for a missing argument.
    """
    recipe = _recipe(name)
    given = {key: np.asarray(arguments[key], dtype=float) for key in recipe.arguments}
    terms = recipe.build(given, blocks)
    return {key: np.array(value, dtype=object).astype(float) for key, value in terms.items()}


def _as_sympy(value: Any) -> Value:
    if isinstance(value, np.ndarray):
        return sp.ImmutableDenseNDimArray(value.ravel().tolist(), value.shape)
    return sp.sympify(value)


def block_partitions(d: int) -> Sequence[tuple[tuple[int, ...], ...]]:
    """Mean field, full, and for d = 3 the two-block partitions: the encoder families that are checked."""
    singles = tuple((k,) for k in range(d))
    full = (tuple(range(d)),)
    mixed = [((0, 1), (2,)), ((0, 2), (1,)), ((1, 2), (0,))] if d == 3 else []
    return [singles, *mixed, *([full] if d > 1 else [])]
