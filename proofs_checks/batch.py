"""Measured rows: what is known of n instances at every noise variance of a ladder, and the derivatives at their points.

A `Batch` holds measured log-likelihood, optimal ELBO, encoder mean and variance with their error bounds (quadrature and
optimisation, no asymptotics), and the arrays that `theory`'s formulas take as arguments. `batch_of` makes one of what
a program found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from ..numerics.ladders import SHARED
from .formulas import Blocks, Factors, Terms, evaluate, total
from .instances import Instances

DERIVATIVES = ("J", "H", "T", "l0", "l1", "l2")


@dataclass(frozen=True, eq=False)
class Batch:
    """The measurements of n instances of one family: rows are instances, columns are noise variances."""

    family: str
    instances: Instances
    eps: Float[np.ndarray, " e"]
    direction: Float[np.ndarray, "n d"]
    log_likelihood: Float[np.ndarray, "n e"]
    log_likelihood_error: Float[np.ndarray, "n e"]
    elbo: Float[np.ndarray, "n e"]
    gap: Float[np.ndarray, "n e"]
    gap_error: Float[np.ndarray, "n e"]
    mean: Float[np.ndarray, "n e d"]
    variance: Float[np.ndarray, "n e d"]
    mean_error: Float[np.ndarray, "n e"]
    variance_error: Float[np.ndarray, "n e"]
    precision: Float[np.ndarray, "n e d"]
    point: Float[np.ndarray, "n d"]
    derivatives: dict[str, np.ndarray]
    decoders: tuple[Any, ...] = ()

    @property
    def latent_dim(self) -> int:
        """d."""
        return self.point.shape[1]

    def terms(self, name: str, *, blocks: Blocks = None, **replaced: np.ndarray) -> Terms:
        """The terms of a prediction of `theory` at the batch's points; `replaced` overrides arguments.

        Unless replaced, eps is 1 and W is J.
        """
        D, d = self.derivatives["J"].shape[1:]
        arguments = self.derivatives | {"eps": np.ones(()), "W": self.derivatives["J"]} | replaced
        return evaluate(name, d, D, blocks, **arguments)

    def predict(
        self, name: str, factors: Factors = None, *, blocks: Blocks = None, **replaced: np.ndarray
    ) -> np.ndarray:
        """A predicted quantity at the batch's points, its terms weighted by `factors` (all 1 for the true one)."""
        return total(self.terms(name, blocks=blocks, **replaced), **(factors or {}))

    def where(self, prior: str) -> Batch:
        """The rows with this prior."""
        return self.take([i for i, name in enumerate(self.instances.prior) if name == prior])

    def take(self, rows: Sequence[int]) -> Batch:
        """Some of the rows."""
        kept = np.array(rows, dtype=int)
        chosen: dict[str, Any] = {}
        for column in fields(self):
            value = getattr(self, column.name)
            if isinstance(value, np.ndarray) and column.name != "eps":
                chosen[column.name] = value[kept]
        chosen["instances"] = self.instances.take(rows)
        chosen["decoders"] = tuple(self.decoders[i] for i in rows) if self.decoders else ()
        chosen["derivatives"] = {name: value[kept] for name, value in self.derivatives.items()}
        return replace(self, **chosen)

    def along(self, vectors: Float[np.ndarray, "n *e d"]) -> Float[np.ndarray, "n *e"]:
        """Components along the random unit vector of each instance: a wrong vector is wrong along almost all."""
        return np.einsum("n...d,nd->n...", vectors, self.direction)

    def csv_rows(self) -> Iterator[list[Any]]:
        """The rows of gaps.csv."""
        contrast = self.predict("contrast")
        for i in range(len(self.instances)):
            for e, eps in enumerate(self.eps):
                values = (self.log_likelihood, self.log_likelihood_error, self.elbo, self.gap, self.gap_error)
                row = [repr(float(value[i, e])) for value in values]
                yield [*self.instances.row(i).values(), i, f"{eps:.6g}", *row, repr(float(contrast[i]))]


def batch_of(
    found: dict[str, np.ndarray],
    rng: np.random.Generator,
    points: Float[np.ndarray, "n d"],
    families: Sequence[str],
    priors: Sequence[str],
    *,
    eps: Float[np.ndarray, " e"] = SHARED,
    derivatives: Sequence[str] = DERIVATIVES,
    decoders: tuple[Any, ...] = (),
) -> Batch:
    """The rows that a program found along the noise variances `eps`, by the names that `measure_at` gives.

    rng draws the direction in which vectors are looked at; derivatives: the names of the arrays kept as such.
    """
    count, d = points.shape
    direction = rng.standard_normal((count, d))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    # An optimum that was not reached bounds nothing: its error is infinite and the estimators leave it out.
    lost = np.where(found["converged"], 0.0, np.inf)
    unknown = np.full_like(found["mean"], np.inf)
    D = found["J"].shape[1]
    return Batch(
        family=families[0],
        instances=Instances(tuple(families), (d,) * count, (D,) * count, tuple(priors)),
        eps=eps,
        direction=direction,
        log_likelihood=found["log_likelihood"],
        log_likelihood_error=found["log_likelihood_error"],
        elbo=found["elbo"],
        gap=found["gap"],
        gap_error=found["gap_error"] + lost,
        mean=found["mean"],
        variance=found["std"] ** 2,
        mean_error=np.linalg.norm(found.get("mean_error", unknown), axis=-1) + lost,
        variance_error=np.linalg.norm(found.get("variance_error", unknown), axis=-1) + lost,
        precision=found.get("precision", unknown),
        point=points,
        derivatives={name: found[name] for name in derivatives},
        decoders=decoders,
    )
