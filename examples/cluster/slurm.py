"""Workers of a SLURM cluster for the commands of elbogap that take hours.

    pip install "elbogap[slurm]"
    python slurm.py --jobs 8 --queue normal              on the login node: leave it running, it prints the address
    elbogap false-alarms --seeds 500 --cluster ADDRESS   beside it: verify, record and sweep take the address, too

`--show` prints the job script that would be submitted, and submits nothing. Each job is `--processes` workers with one
core each; elbogap must be installed for the Python that runs this script, on a file system that the nodes see. Outcomes
come to the process that asked for them and are written by it alone, by rename: a job that ends at its wall time costs
the units that were under way.
"""

import argparse
import time

from dask_jobqueue import SLURMCluster


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description="Workers of a SLURM cluster for elbogap.")
    parser.add_argument("--jobs", type=int, default=4, help="how many jobs are submitted")
    parser.add_argument("--processes", type=int, default=4, help="workers of a job, each with one core")
    parser.add_argument("--memory", default="16GB", help="of a job")
    parser.add_argument("--walltime", default="04:00:00", help="of a job")
    parser.add_argument("--queue", default=None, help="partition that jobs are submitted to")
    parser.add_argument("--interface", default=None, help="network interface of the scheduler, such as ib0")
    parser.add_argument("--show", action="store_true", help="print the job script and submit nothing")
    return parser.parse_args(arguments)


def cluster_of(asked: argparse.Namespace) -> SLURMCluster:
    """The scheduler, in this process, and what its jobs will be."""
    return SLURMCluster(
        queue=asked.queue,
        cores=asked.processes,
        processes=asked.processes,
        memory=asked.memory,
        walltime=asked.walltime,
        interface=asked.interface,
        log_directory="elbogap-jobs",
        # One thread each, as many workers as cores: libraries that open threads of their own would wait for each other.
        job_script_prologue=["export OPENBLAS_NUM_THREADS=1", "export OMP_NUM_THREADS=1"],
        worker_extra_args=["--no-dashboard"],
        scheduler_options={"dashboard": False},
    )


def main() -> None:
    """Print the job script, or start the scheduler and keep its jobs running until Ctrl-C."""
    asked = options()
    with cluster_of(asked) as cluster:
        if asked.show:
            print(cluster.job_script())
            return
        cluster.scale(jobs=asked.jobs)
        print(cluster.scheduler_address, flush=True)
        try:
            while True:
                time.sleep(60)
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
