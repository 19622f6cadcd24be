#!/usr/bin/env bash
# distributed 2026.8.0 starts its workers with MALLOC_TRIM_THRESHOLD_=65536. Whoever sets that variable, to whatever value, ends
# glibc's adjustment of what it maps (mallopt(3), M_MMAP_THRESHOLD): every array above 128 KiB is mapped, touched page by page
# and unmapped again, at every operation. Seen here as page faults of one and the same work of NumPy on a worker, as it is and with
# MALLOC_MMAP_THRESHOLD_=33554432 beside a large trim threshold. The large threshold alone changes nothing.
# Fails when this is no longer seen. Linux with glibc.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "distributed==2026.8.0" "dask==2026.8.0" "numpy==2.4.6"
cat > "$folder/faults.py" <<'P'
import os
import resource
import sys

import dask
import numpy as np
from distributed import Client, LocalCluster


def work() -> tuple[str, int]:
    """The trim threshold of this worker, and the page faults of 200 sums and products of arrays of 1 MiB."""
    a = np.ones(2**17)
    for _ in range(5):
        a * a + a
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(200):
        a * a + a
    return os.environ["MALLOC_TRIM_THRESHOLD_"], resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


if __name__ == "__main__":
    for name in sys.argv[1:]:
        key, value = name.split("=")
        dask.config.set({f"distributed.nanny.pre-spawn-environ.{key}": value})
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        print(*client.submit(work).result())
P
cd "$folder"
asis=$("venv/bin/python" faults.py)
trim=$("venv/bin/python" faults.py MALLOC_TRIM_THRESHOLD_=1073741824)
both=$("venv/bin/python" faults.py MALLOC_TRIM_THRESHOLD_=1073741824 MALLOC_MMAP_THRESHOLD_=33554432)
echo "as it is: $asis page faults (after the threshold); large threshold: $trim; both: $both"
read -r threshold faults <<< "$asis"
read -r _ alone <<< "$trim"
read -r _ few <<< "$both"
test "$threshold" = 65536
test "$faults" -gt 50000  # 256 pages an array, two arrays an operation
test "$alone" -gt 50000
test "$few" -lt 5000
