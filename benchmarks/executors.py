"""`false-alarms` by one process, by two, and by a local Dask cluster of two workers: how much faster, at what cost.

Run: python benchmarks/executors.py [SEEDS [REPETITIONS]]   (extra `cluster`, a quiet machine; 40 seeds take an hour)

Every side is the command itself on the same seeds, with the same cache of compiled programs, after one seed that fills
it; sides alternate, the best of the repetitions (2) counts. Wall time says how much faster; the processor's seconds
of the command and its workers what it costs (those of the cluster's workers are not its own). The overhead of the
cluster is its wall time over that of two workers. The recorded tables of all sides must be equal.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from distributed import LocalCluster

FIRST = 700_000
"""The seeds of this benchmark are those of no study."""


def command(seeds: int, folder: Path, *options: str) -> dict:
    """One run of the command: wall time, CPU seconds of its process and children, and its table without seconds."""
    out = Path(tempfile.mkdtemp(dir=folder))
    environment = os.environ | {"ELBOGAP_CACHE_DIR": str(folder / "cache")}
    asked = ["false-alarms", "--seeds", str(seeds), "--first-seed", str(FIRST), "--out", str(out), *options]
    before, start = os.times(), time.perf_counter()
    subprocess.run([sys.executable, "-m", "elbogap", *asked], env=environment, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    claims = json.loads(next(out.glob("*.json")).read_text())["tables"]["claims"]
    return {"wall": wall, "cpu": cpu, "claims": claims}


def main() -> None:
    """Time the sides and print a table."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    repetitions = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["ELBOGAP_CACHE_DIR"] = str(folder / "cache")  # the workers of the cluster inherit it
        command(1, folder)
        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
            sides = {
                "one process": (),
                "two workers": ("--workers", "2"),
                "cluster of two": ("--cluster", cluster.scheduler_address),
            }
            found: dict[str, list[dict]] = {side: [] for side in sides}
            for _ in range(repetitions):
                for side, options in sides.items():
                    found[side].append(command(seeds, folder, *options))
    tables = [run["claims"] for runs in found.values() for run in runs]
    if any(table != tables[0] for table in tables):
        raise SystemExit("expected the same table from every side, got different ones")
    best = {side: min(run["wall"] for run in runs) for side, runs in found.items()}
    print(f"{seeds} seeds, {os.cpu_count()} cores; seconds, best of {repetitions}")
    for side, wall in best.items():
        cpu = "" if "cluster" in side else f"cpu {min(run['cpu'] for run in found[side]):8.1f}"
        print(f"{side:16s} wall {wall:8.1f}   {cpu:12s}   {best['one process'] / wall:5.2f} times one process")
    print(f"cluster over two workers: {best['cluster of two'] / best['two workers'] - 1:+.1%}")


if __name__ == "__main__":
    main()
