"""A sweep: the runs of a grid that are not stored yet are computed by an executor and stored one by one.

What is stored is never computed again, and a run is stored the moment it is finished: a sweep that was killed is
continued by starting it again, and a grid that grew computes only what is new. A run depends on its `RunSpec` alone;
its mixing is drawn from the seed, the mixing's name and the dimension, so runs that differ in gamma^2 see the same
data.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from ...results import installed_versions
from ...shell.executors import Executor, Local
from ...shell.progress import Progress, silent
from .config import RunSpec
from .store import Run, Store, key_of

UNIFORM_VAR = 1 / 12


def sweep(
    specs: Sequence[RunSpec],
    store: Store,
    *,
    executor: Executor | None = None,
    compute: Callable[[RunSpec], Run] | None = None,
    notify: Progress = silent,
) -> int:
    """Compute and store what is missing; how many runs were computed.

    compute: `run` by default. Errors of the executor or the store end the sweep; what is stored stays.
    """
    stored = store.keys()
    missing = [spec for spec in specs if key_of(spec.parameters()) not in stored]
    done = len(specs) - len(missing)
    notify(done, len(specs), f"{done} of {len(specs)} runs are stored")
    for index, outcome in (executor or Local()).map(compute or run, missing):
        store.add(outcome)
        done += 1
        notify(done, len(specs), f"{describe(missing[index])}: {summary(outcome)}")
    return len(missing)


def describe(spec: RunSpec) -> str:
    """The cell of the grid, in a few words."""
    return f"{spec.mixing}, gamma^2 {spec.gamma2:g}, seed {spec.seed}"


def summary(outcome: Run) -> str:
    """What a progress line shows of a run."""
    if outcome.status == "failed":
        return str(outcome.result["error"])
    shown = outcome.result
    return (
        f"ELBO {shown['elbo']:.4g}, MCC {shown['mcc_mean']:.4f}, "
        f"contrast {shown['contrast_point']:.2g}, {outcome.seconds:.1f} s"
    )


def run(spec: RunSpec) -> Run:
    """Train and measure one VAE; `failed` with the reason where a quantity is not finite."""
    import jax.numpy as jnp
    import numpy as np

    from ..evaluate import evaluate
    from ..experiments.measured import learnt_rows
    from ..experiments.runs import generator, training_key
    from ..loop import NotFinite, Recipe, annealing, stack, train
    from ..models import mlp_vae

    start = time.perf_counter()
    mixed = _mixed(spec.seed, spec.mixing, spec.latent_dim, spec.prior, spec.train, spec.held_out)
    vae = mlp_vae(
        mixed.train, spec.latent_dim, generator("sweep-start", spec.seed), prior=spec.prior, hidden=spec.hidden
    )
    recipe = Recipe(
        steps=spec.steps,
        batch=spec.batch,
        rate=spec.rate,
        warm_up=spec.warm_up,
        anneal=spec.anneal,
        draws=spec.draws,
        antithetic=spec.antithetic,
        chunks=max(n for n in range(1, 11) if spec.steps % n == 0),
    )
    noise = annealing(mixed.train[None], [0], [1 / spec.gamma2])
    try:
        trained = train(stack([vae]), mixed.train[None], [0], noise, training_key("sweep-noise", spec.seed), recipe)
        found = evaluate(trained.vaes, mixed.held_out[None], [0], jnp.asarray(noise.target))
        result: dict[str, Any] = learnt_rows(found, [mixed], UNIFORM_VAR if spec.prior == "uniform" else 1.0)[0]
        if bad := [name for name, value in result.items() if not np.isfinite(value)]:
            raise NotFinite(f"not finite: {', '.join(bad)} after training")
        status = "finished"
    except NotFinite as error:
        status, result = "failed", {"error": str(error)}
    seconds = round(time.perf_counter() - start, 3)
    return Run(spec.parameters(), status, result, seconds, installed_versions())


@lru_cache(maxsize=4)
def _mixed(seed: int, mixing: str, latent_dim: int, sources: str, train: int, held_out: int) -> Any:
    from ..experiments.runs import generator
    from ..mixings import MIXINGS, mix

    rng = generator(f"sweep-{mixing}", seed, latent_dim)
    return mix(rng, MIXINGS[mixing](rng, latent_dim), latent_dim, sources=sources, train=train, held_out=held_out)


def rows(runs: Sequence[Run]) -> Iterator[dict[str, Any]]:
    """The stored runs as flat records: parameters, status, what was measured, the reason of a failure."""
    for stored in runs:
        yield {
            **stored.parameters,
            "hidden": "x".join(map(str, stored.parameters["hidden"])),
            "status": stored.status,
            **stored.result,
            "seconds": stored.seconds,
            "finished": stored.finished,
            **{f"version_{name}": text for name, text in stored.versions.items()},
        }
