"""The command `elbogap record`: make recorded results again, one JSON document an experiment.

What is finished is kept under the cache folder, so that a recording that was stopped continues. Everything heavy is
imported after the request has been found valid.
"""

from pathlib import Path

from ..errors import RequestError
from ..shell.cache import cache_directory, prepare_jax
from ..shell.progress import progress

EFFORTS = ("quick", "standard", "full")
LARGEST_SEED = 2**31 - 1


def record_command(*names: str, effort: str = "quick", seed: int = 0, out: Path | None = None) -> int:
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
    """
    if effort not in EFFORTS:
        raise RequestError(f"--effort: expected one of {', '.join(EFFORTS)}, got {effort!r}")
    if not 0 <= seed <= LARGEST_SEED:
        raise RequestError(f"--seed: expected an integer from 0 to {LARGEST_SEED}, got {seed}")
    from .experiments import MODULES, check_name, experiment

    chosen = [check_name(name) for name in names or MODULES]
    prepare_jax()
    from .experiments.runs import Batches

    modules = [experiment(name) for name in chosen]
    folder = Path("results") if out is None else out
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"--out: expected a folder that can be written, got {str(folder)!r} ({error})") from None
    with progress() as notify:
        for module in modules:
            kept = cache_directory() / "experiments" / module.NAME
            batches = Batches(module.NAME, module.batch_count(effort), kept, notify)
            path = module.compute(effort, seed, batches).write(folder)
            notify(batches.done, batches.total, f"{module.NAME}: wrote {path}")
            print(path)
    return 0
