"""``python -m benchmarks.scale [AXIS ...]``: measures what ``build/scale.csv`` lacks, then draws ``build/scale.png``.

Each run is a process of its own with one thread, so that its peak memory is its own.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from benchmarks.scale.axes import AXES
from benchmarks.scale.figure import draw

TABLE = Path("build/scale.csv")
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


def main(names: list[str]) -> None:
    unknown = set(names) - set(AXES)
    if unknown:
        sys.exit(f"scale: got {', '.join(sorted(unknown))}, expected some of {', '.join(AXES)}")
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    rows: list[dict[Any, Any]] = pd.read_csv(TABLE).to_dict("records") if TABLE.exists() else []
    done = {(row["axis"], row["value"]) for row in rows}
    console = Console()
    for name in names or AXES:
        axis = AXES[name]
        for value, settings in axis.settings.items():
            if (name, value) in done:
                continue
            row = {"axis": name, "value": value} | _measured(settings, axis.workers.get(value, 1))
            rows.append(row)
            pd.DataFrame(rows).to_csv(TABLE, index=False)
            console.print(
                f"{axis.title} {value}: {row['cpu_s']:.1f} s of CPU, {row['wall_s']:.1f} s, {row['peak_mib']:.0f} MiB"
            )
    if rows:
        draw(pd.DataFrame(rows), TABLE.with_suffix(".png"))


def _measured(settings: object, workers: int) -> dict[str, object]:
    command = [sys.executable, "-m", "benchmarks.scale.measurement", json.dumps(settings), str(workers)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | _ONE_THREAD, check=False)
    if done.returncode:
        sys.exit(f"scale: {json.dumps(settings)} failed:\n{done.stderr}")
    found = json.loads(done.stdout.splitlines()[-1])
    stages = {f"stage {name}": seconds for name, seconds in found.pop("stages").items()}
    return {**found, **stages, "load": os.getloadavg()[0]}


if __name__ == "__main__":
    main(sys.argv[1:])
