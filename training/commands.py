"""The command `elbogap record`: make recorded results again, one JSON document an experiment.

What is finished is kept under the cache folder, so that a recording that was stopped continues. Everything heavy is
imported after the request has been found valid.
"""

from pathlib import Path

from ..shell import executors, requests
from ..shell.cache import cache_directory, prepare_jax
from ..shell.options import Whole
from ..shell.progress import progress


def record_command(
    *names: str,
    effort: str = "quick",
    seed: Whole = 0,
    out: Path | None = None,
    workers: Whole = 1,
    cluster: str | None = None,
) -> int:
    """Run the experiments with trained models and write their results.

    Parameters
    ----------
    names
        Experiments; all when none is named.
    effort
        quick (a few runs, for a look), standard, or full (what the package records).
    seed
        Seed of mixings, initialisations and minibatches.
    out
        Folder for NAME.json; without it the files go to the current folder's `results`, which is made.
    workers
        How many processes of this machine train.
    cluster
        Address of a Dask scheduler whose workers train instead (extra `cluster`).
    """
    requests.effort(effort)
    requests.seed(seed)
    from .experiments import MODULES, check_name, experiment

    chosen = [check_name(name) for name in names or MODULES]
    folder = Path("results") if out is None else out
    with requests.out_folder(folder), executors.chosen(workers, cluster) as executor:
        prepare_jax()
        from .experiments.runs import Batches

        modules = [experiment(name) for name in chosen]
        with progress() as notify:
            for module in modules:
                kept = cache_directory() / "experiments" / module.NAME
                batches = Batches(module.NAME, module.batch_count(effort), kept, notify, executor=executor)
                path = module.compute(effort, seed, batches).write(folder)
                notify(batches.done, batches.total, f"{module.NAME}: wrote {path}")
                print(path)
    return 0
