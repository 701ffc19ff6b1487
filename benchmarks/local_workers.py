"""Speed-up of a CPU-bound sweep by a second worker process, the start of the processes included.

COST 2100 channels indoors, top-k at several compression ratios. Both sides begin with empty folders, make the same
channels and write the same table. A machine that is busy with other work, or has one core, shows less.
"""

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from linksim.execution.options import ExecutionOptions
from linksim.scenario.model import Scenario
from linksim.simulation.engine import RunOptions, run

SAMPLES = 10000
RATIOS = (4, 8, 16, 32)


def main() -> None:
    scenario = Scenario.model_validate(
        {
            "name": "local_workers",
            "device": "cpu",
            "channel": {"source": "cost2100", "environment": "indoor"},
            "compressors": [{"name": "topk"}],
            "monte_carlo": {"samples": SAMPLES, "batch_size": 250},
            "sweeps": {"compression": {"compression_ratio": RATIOS}},
        }
    )
    seconds, tables = {}, {}
    for workers in (1, 2):
        with TemporaryDirectory() as out:
            options = RunOptions(execution=ExecutionOptions(workers=workers))
            started = time.perf_counter()
            folder = run(scenario, Path(out), options)
            seconds[workers] = time.perf_counter() - started
            tables[workers] = (folder.path / "results.csv").read_bytes()
    load = os.getloadavg()[0]
    Console().print(
        f"sweep of {len(RATIOS)} x {SAMPLES} test channels: 1 worker {seconds[1]:.1f} s, 2 workers {seconds[2]:.1f} s, "
        f"{seconds[1] / seconds[2]:.2f} times faster; same digits: {tables[1] == tables[2]}; "
        f"{len(os.sched_getaffinity(0))} cores, load {load:.1f} at the end",
        soft_wrap=True,
    )


if __name__ == "__main__":
    main()
