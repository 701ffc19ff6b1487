"""One run in a process of its own: what it took, beyond what any run takes to begin.

``python -m benchmarks.scale.measurement '{"monte_carlo.samples": 100}' 1`` prints a JSON object.
"""

import json
import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import linksim
from benchmarks.scale.axes import BASE

_MIB_PER_KIB = 1 / 1024
# Settings of the run that loads programs and libraries before anything is measured.
_FIRST = {"monte_carlo.samples": 2, "training.samples": 20, "channel.n_columns": 2, "sweeps": {}}


def main() -> None:
    settings: dict[str, Any] = json.loads(sys.argv[1])
    workers = int(sys.argv[2])
    with TemporaryDirectory() as folder:
        linksim.run(BASE, _FIRST, workers=1, out=Path(folder) / "first")
        before, started = _cpu_seconds(), time.perf_counter()
        result = linksim.run(BASE, settings, workers=workers, out=Path(folder) / "measured")
        wall = time.perf_counter() - started
        spent = _cpu_seconds() - before
        stages = result.manifest["wall_time_s"]
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    json.dump({"cpu_s": spent, "wall_s": wall, "peak_mib": max(peaks) * _MIB_PER_KIB, "stages": stages}, sys.stdout)


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main()
