"""The likelihood of an audit: its name or an `Observation`, what its decoder must give, its data, and draws from it."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ...errors import RequestError
from ...numerics.observation_parameters import (
    BernoulliProbability,
    Categorical,
    DecodedNegativeBinomial,
    NegativeBinomial,
    PoissonRate,
)
from ...numerics.observations import Bernoulli, Binomial, Observation, Poisson
from ..request import GAUSSIAN

OBSERVATIONS: dict[str, Callable[[], Observation | None]] = {
    GAUSSIAN: lambda: None,
    "bernoulli-logits": Bernoulli,
    "bernoulli": BernoulliProbability,
    "poisson": PoissonRate,
    "negative-binomial": DecodedNegativeBinomial,
    "categorical": Categorical,
}
"""What a name means; a negative binomial of that name has its dispersion from the decoder."""
_NAMES: dict[type, str] = {
    Bernoulli: "bernoulli-logits",
    BernoulliProbability: "bernoulli",
    PoissonRate: "poisson",
    NegativeBinomial: "negative-binomial",
    DecodedNegativeBinomial: "negative-binomial",
    Categorical: "categorical",
}
_HINTS = {
    "bernoulli": "if these are logits, the observation is bernoulli-logits",
    "poisson": "if these are logarithms of rates, exponentiate them",
    "negative-binomial": "if these are logarithms, exponentiate them",
}


def as_observation(value: Any) -> Observation | None:
    """The observation of a name, or the object itself; None for Gaussian noise. RequestError for anything else."""
    if value is None or isinstance(value, Observation):
        return value
    if not isinstance(value, str) or value not in OBSERVATIONS:
        known = ", ".join(OBSERVATIONS)
        raise RequestError(f"observation: expected one of {known}, or an elbogap.numerics.Observation, got {value!r}")
    return OBSERVATIONS[value]()


def name_of(observation: Observation | None) -> str:
    """The name that the command line has for it, or its class."""
    return GAUSSIAN if observation is None else _NAMES.get(type(observation), type(observation).__name__)


def pair_of(observation: Observation | None) -> str | None:
    """What the two outputs are that its decoder must give; None where it is one."""
    return "mean and dispersion" if isinstance(observation, DecodedNegativeBinomial) else None


def check_parameters(observation: Observation, decoder: Callable, points: Float[np.ndarray, "n d"]) -> None:
    """RequestError unless the decoder gives parameters of this observation at the points."""
    outputs = np.asarray(jax.lax.map(decoder, jnp.asarray(points)))
    try:
        observation.size(outputs.shape[1])
    except ValueError as error:
        raise RequestError(" ".join(str(error).split())) from error
    bad = ~observation.admits(outputs)
    if np.any(bad):
        at, entry = np.argwhere(bad)[0]
        name = name_of(observation)
        place = np.array2string(points[at][:4], precision=3)
        hint = f" ({_HINTS[name]})" if name in _HINTS else ""
        raise RequestError(
            f"observation {name}: expected the decoder to give {observation.parameters}, got {outputs[at, entry]:.3g} "
            f"at z = {place}{hint}"
        )


def check_support(observation: Observation | None, rows: Float[np.ndarray, "n D"], indices: np.ndarray) -> None:
    """RequestError unless all rows are data of this observation; indices: what they are called."""
    if observation is None:
        return
    bad = ~observation.in_support(rows)
    if np.any(bad):
        at, entry = np.argwhere(bad)[0]
        raise RequestError(
            f"data: expected {observation.support} for the observation {name_of(observation)}, got "
            f"{rows[at, entry]:.6g} in point {indices[at]}"
        )


def one_hot(data: Any, observation: Observation | None, size: int) -> Any:
    """Numbers of classes, (n,) or (n, blocks), as one-hot rows; other data, and other observations', unchanged."""
    if not isinstance(observation, Categorical) or not hasattr(data, "shape"):
        return data
    classes = observation.classes or size
    labels = np.asarray(data)
    if labels.ndim == 0 or int(np.prod(labels.shape[1:])) * classes != size or labels.shape[1:] == (size,):
        return data
    if np.any(labels != np.round(labels)) or np.any(labels < 0) or np.any(labels >= classes):
        wrong = labels[(labels != np.round(labels)) | (labels < 0) | (labels >= classes)][0]
        raise RequestError(f"data: expected numbers of classes from 0 to {classes - 1}, got {wrong:.6g}")
    return np.eye(classes, dtype=np.uint8)[labels.reshape(len(labels), -1).astype(int)].reshape(len(labels), size)


@singledispatch
def drawn(observation: Any, f: Float[np.ndarray, "n P"], rng: np.random.Generator) -> Float[np.ndarray, "n D"]:
    """x ~ p(x | f), a row each. RequestError for an observation of the user's own: its data must be given."""
    raise RequestError(f"data: expected data for the observation {type(observation).__name__}, got none")


def _means(observation: Observation, f: np.ndarray) -> np.ndarray:
    return np.asarray(jax.vmap(observation.mean)(jnp.asarray(f)))


@drawn.register
def _(observation: Binomial, f: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    n = float(observation.n)
    return rng.binomial(round(n), np.clip(_means(observation, f) / n, 0, 1)).astype(float)


@drawn.register
def _(observation: Poisson, f: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rng.poisson(_means(observation, f)).astype(float)


@drawn.register
def _(observation: NegativeBinomial, f: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    theta = np.broadcast_to(observation.dispersion, f.shape)
    return rng.poisson(rng.gamma(float(observation.n) * theta) * f / theta).astype(float)


@drawn.register
def _(observation: DecodedNegativeBinomial, f: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    mean, theta = np.moveaxis(f.reshape(len(f), -1, 2), 2, 0)
    return rng.poisson(rng.gamma(theta) * mean / theta).astype(float)


@drawn.register
def _(observation: Categorical, f: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    p = np.asarray(observation.blocks(_means(observation, f)))
    counts = rng.multinomial(round(float(observation.n)), p / p.sum(axis=-1, keepdims=True))
    return counts.reshape(len(f), -1).astype(float)
