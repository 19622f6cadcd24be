"""The shared table of measured gaps: random decoders, priors and points, and a ladder of noise variances.

One table serves the claims about Gaussian noise and x = f(g). A `Batch` holds the rows of one (family, d): decoders
drawn valid by construction, two to six priors by a traced index, one point g in the cube of the family, x = f(g). For
each eps of the ladder it holds the measured log-likelihood, optimal ELBO, encoder mean and variance with their error
bounds (quadrature and optimisation, no asymptotics), and once the derivatives of decoder and log-prior at g, which
`theory`'s formulas take as arguments.

One jitted program a batch measures everything (parameters, prior, point and eps are traced), so that the number of
programs does not grow with the number of instances. Randomness: one NumPy seed sequence a batch, spawned from the seed,
the family's name and d; the same seed gives the same instances whatever else is measured.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import jax
import numpy as np
from jaxtyping import Float

from ..numerics.derivatives import decoder_derivatives, prior_derivatives
from ..numerics.families.registry import FAMILIES
from ..numerics.gap import measure_gap
from ..numerics.ladders import SHARED, SHARED_TO_1E7
from ..numerics.model import LatentModel
from ..numerics.priors import Bimodal, Choice, CorrelatedNormal, Logistic, Normal, Prior, StudentT
from ..numerics.stationarity import stationarity
from ..shell.allocation import give_back
from .batch import Batch, batch_of
from .programs import Programs

Value = TypeVar("Value")
Arguments = ParamSpec("Arguments")

TOGETHER_UP_TO = 4
"""Of batches with more latents one is measured at a time: XLA takes .6 GB to make the program of one."""

PRIORS = ("normal", "logistic", "Student t", "bimodal", "correlated normal", "wide normal")
"""The names of `shared_priors`; a batch draws among the first few, in turn."""


def shared_priors(d: int) -> tuple[Prior, ...]:
    """The six priors of the shared table, in the order of `PRIORS`: light and heavy tails, two modes, dependence."""
    neighbours = 0.4 ** np.abs(np.subtract.outer(np.arange(d), np.arange(d)))
    return (
        Normal(),
        Logistic(),
        StudentT(5.0),
        Bimodal(0.9, 0.8),
        CorrelatedNormal(0.2 * np.ones(d), 1.3 * neighbours),
        Normal(0.3, 1.4),
    )


@dataclass(frozen=True)
class Effort:
    """How much is measured: which (family, d) there are, how many instances of each, priors and noise variances.

    `few` has the (family, d) of which fewer instances are drawn than `instances`: evidence by sampling is slow.
    """

    instances: int
    batches: tuple[tuple[str, int], ...]
    priors: int = 2
    ladder: Float[np.ndarray, " e"] = field(default_factory=lambda: SHARED)
    few: Mapping[tuple[str, int], int] = field(default_factory=dict)

    def count(self, family: str, d: int) -> int:
        """How many instances of a family are drawn."""
        return self.few.get((family, d), self.instances)


_QUICK = (("mlp", 3), ("linear", 3), ("mlp", 2), ("linear", 2), ("moebius", 2), ("shear", 2), ("mlp", 1), ("shear", 1))
_STANDARD = (*_QUICK, ("linear", 1), ("moebius", 1), ("moebius", 3), ("shear", 3), ("moebius_linear", 2))
_FEW = {("linear", 4): 48, ("mlp", 4): 48, ("linear", 6): 24, ("linear", 8): 24, ("mlp", 6): 12, ("mlp", 8): 12}
EFFORTS = {
    "quick": Effort(6, _QUICK),
    "standard": Effort(24, _STANDARD, priors=6),
    # 13 batches of 64 and the few of d > 3: 1000 random decoders.
    "full": Effort(64, (*_STANDARD, *_FEW), priors=6, ladder=SHARED_TO_1E7, few=_FEW),
}


class Measurements:
    """What a run measures, each part on first use: the table of gaps, and a source of randomness for each name.

    What claims work out of it is kept on the object (`once`), and goes with it. Claims may be judged side by side: who
    asks for what another thread is working out waits for it.
    """

    def __init__(
        self,
        effort: Effort,
        seed: int = 0,
        *,
        programs: Programs | None = None,
        notify: Callable[[str], None] = lambda what: None,
    ):
        self.effort = effort
        self.seed = seed
        self.programs = programs or Programs()
        self._notify = notify
        self._kept: dict[Hashable, Any] = {}
        self._locks: dict[Hashable, threading.RLock] = {}
        self._one_large = threading.Lock()

    def rng(self, *name: str | int) -> np.random.Generator:
        """The generator of this name: independent of every other name's, equal for equal seeds."""
        key = [zlib.crc32(str(part).encode()) for part in name]
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def once(self, key: Hashable, build: Callable[[], Value]) -> Value:
        """What `build` gives, worked out the first time that `key` is asked for."""
        with self._locks.setdefault(key, threading.RLock()):  # one step: two threads get the same lock
            if key not in self._kept:
                self._kept[key] = build()
            return self._kept[key]

    @property
    def batches(self) -> tuple[Batch, ...]:
        """The shared table."""
        return self.of_families(*dict.fromkeys(family for family, _ in self.effort.batches))

    def of_families(self, *families: str) -> tuple[Batch, ...]:
        """The part of the shared table that belongs to these families, measured on first use.

        Two batches at a time: XLA compiles one while the other is traced; of the large ones, one. These come first, the
        largest at once: what XLA takes for it is gone before the machine code of all others is there.
        """
        wanted = [batch for batch in self.effort.batches if batch[0] in families]
        missing = [batch for batch in wanted if batch not in self._kept]
        large = sorted((batch for batch in missing if batch[1] > TOGETHER_UP_TO), key=lambda batch: -batch[1])
        tasks = [large, *([batch] for batch in missing if batch not in large)]
        pool = ThreadPoolExecutor(max_workers=2)
        try:
            list(pool.map(lambda task: [self._measured(batch) for batch in task], tasks))
        finally:
            # After Ctrl-C nothing waits for the programs that are still to be compiled.
            pool.shutdown(wait=False, cancel_futures=True)
        return tuple(self._kept[batch] for batch in wanted)

    def adopt(self, batches: Mapping[tuple[str, int], Batch]) -> None:
        """Take batches of the shared table, by (family, d), that were measured elsewhere."""
        self._kept |= batches

    @property
    def table(self) -> tuple[Batch, ...]:
        """The part of the shared table that has been asked for, in the order of the effort."""
        return tuple(self._kept[batch] for batch in self.effort.batches if batch in self._kept)

    def _measured(self, batch: tuple[str, int]) -> Batch:
        return self.once(batch, lambda: self._measure(batch))

    def _measure(self, batch: tuple[str, int]) -> Batch:
        family, d = batch
        with self._one_large if d > TOGETHER_UP_TO else nullcontext():
            self._notify(f"measuring {family}, d = {d}")
            return measure_batch(self.programs, self.rng("gaps", family, d), family, d, self.effort)


OfMeasurements = Callable[Concatenate[Measurements, Arguments], Value]


def once(build: OfMeasurements[Arguments, Value]) -> OfMeasurements[Arguments, Value]:
    """A function of measurements and hashable arguments, worked out once an object of `Measurements`."""

    @wraps(build)
    def kept(measured: Measurements, *arguments: Arguments.args, **named: Arguments.kwargs) -> Value:
        key = (build, arguments, tuple(sorted(named.items())))
        return measured.once(key, lambda: build(measured, *arguments, **named))

    return kept


def stack(members: list[Any]) -> Any:
    """One tree whose leaves carry a leading instance axis, from members of equal structure."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *members)


def measure_batch(programs: Programs, rng: np.random.Generator, family: str, d: int, effort: Effort) -> Batch:
    """Draw the decoders of a family, with the priors in turn, and measure them along the ladder.

    What XLA needed to make the program is given back to the system.
    """
    count = effort.count(family, d)
    decoders = [FAMILIES[family].draw(rng, d) for _ in range(count)]
    points = np.stack([FAMILIES[family].point(rng, d) for _ in range(count)])
    priors = np.arange(count) % effort.priors
    found = programs.run_once(_measure, stack(decoders), PRIORS[: effort.priors], priors, points, effort.ladder)
    give_back()
    names = [PRIORS[index] for index in priors]
    return batch_of(found, rng, points, [family] * count, names, eps=effort.ladder, decoders=tuple(decoders))


def measure_at(model: LatentModel, x: Any, point: Any, *, encoder: bool = True) -> dict[str, Any]:
    """The gap and both its sides at one noise variance; with `encoder`, also how exact its mean and variance are."""
    found = measure_gap(model, x, start=point)
    exactness = stationarity(model, x, found.mean, found.std)._asdict() if encoder else {}
    return found._asdict() | exactness


def _measure(decoders: Any, names: Any, priors: Any, points: Any, ladder: Any) -> dict[str, Any]:
    def one(decoder: Any, index: Any, point: Any) -> dict[str, Any]:
        # Made within the program: outside, every operation on a prior's parameters would be one of its own.
        choices = shared_priors(point.shape[0])[: len(names)]
        model = LatentModel(decoder, point.shape[0], prior=Choice(choices, index), noise_var=1.0)
        x = decoder(point)

        _, J, H, T = decoder_derivatives(decoder, point, 3)
        l1, l2 = prior_derivatives(model, point)
        derivatives = {"J": J, "H": H, "T": T, "l0": model.log_prior(point), "l1": l1, "l2": l2}
        return each(lambda eps: measure_at(model.with_noise(eps), x, point))(ladder) | derivatives

    return each(one)(decoders, priors, points)


def each(function: Callable) -> Callable:
    """`jax.vmap(function)` in the memory of one call: one row after the other.

    A measurement is a program of some thousand steps; to trace it once more for each `vmap` takes longer than the rows.
    """
    return lambda *arguments: jax.lax.map(lambda row: function(*row), arguments)
