"""Runs a scenario on the nodes of a SLURM cluster: ``python slurm_run.py scenario.yaml --jobs 8``."""

import argparse
import subprocess
import sys

from dask_jobqueue import SLURMCluster


def main() -> int:
    """Starts the cluster and the run; returns the run's exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario")
    parser.add_argument("--jobs", type=int, default=4, help="SLURM jobs")
    parser.add_argument("--cores", type=int, default=16, help="cores of a job, one worker each")
    parser.add_argument("--memory", default="32GB", help="of a job")
    parser.add_argument("--walltime", default="04:00:00")
    parser.add_argument("--partition")
    parser.add_argument("--gpus", action="store_true", help="one worker and one GPU a job")
    arguments, passed_on = parser.parse_known_args()

    workers = 1 if arguments.gpus else arguments.cores
    cluster = SLURMCluster(
        queue=arguments.partition,
        cores=workers,
        processes=workers,
        memory=arguments.memory,
        walltime=arguments.walltime,
        job_cpu=arguments.cores,
        job_extra_directives=["--gres=gpu:1"] if arguments.gpus else [],
        worker_extra_args=["--resources", "GPU=1"] if arguments.gpus else [],
        job_script_prologue=["export OMP_NUM_THREADS=1"],
    )
    with cluster:
        cluster.scale(jobs=arguments.jobs)
        device = ["--device", "cuda"] if arguments.gpus else []
        command = [sys.executable, "-m", "linksim", "run", arguments.scenario, "--executor", "dask"]
        command += ["--scheduler", cluster.scheduler_address, *device, *passed_on]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
