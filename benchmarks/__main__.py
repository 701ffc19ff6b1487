"""``python -m benchmarks``: ours against named peers, one thread, as the table that the documentation shows.

``--only MODULE`` runs some of the benchmarks; ``--record`` adds a line with all ratios to ``benchmarks/history.csv``.
"""

import argparse
import importlib
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import pandas as pd
import torch

from benchmarks.comparison import Comparison

HISTORY = Path(__file__).parent / "history.csv"
# In the order of the table; each has a function ``comparisons``.
MODULES = (
    "channel_generation", "cost2100_generation", "training_speed", "samples_to_figure", "network_inference",
    "context_coding", "uci_decoding", "large_klt",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=MODULES, default=MODULES, metavar="MODULE")
    parser.add_argument("--record", action="store_true", help="add a line to benchmarks/history.csv")
    options = parser.parse_args()
    if options.record and tuple(options.only) != MODULES:
        parser.error("--record: got --only as well, expected all benchmarks in a line of the history")
    torch.set_num_threads(1)
    rows: list[Comparison] = []
    for name in options.only:
        rows += importlib.import_module(f"benchmarks.{name}").comparisons()
    print(markdown(rows))
    print(f"\n{machine()}, one thread, rates per second of core time.")
    if options.record:
        record(rows)


def markdown(rows: Sequence[Comparison]) -> str:
    """The table of the documentation."""
    lines = ["| | ours | peer | ratio |", "|---|---|---|---|"]
    for row in rows:
        lines.append(
            f"| {row.what} | {_rate(row.ours)} {row.unit} | {_rate(row.peer)} ({row.peer_name}) | {_rate(row.ratio)} |"
        )
    return "\n".join(lines)


def machine() -> str:
    """The processor, as the system names it."""
    names = [
        line.partition(":")[2].strip()
        for line in (Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else "").splitlines()
        if line.startswith("model name")
    ]
    return f"{names[0] if names else platform.processor() or platform.machine()}, {len(os.sched_getaffinity(0))} cores"


def record(rows: Sequence[Comparison]) -> None:
    """Adds version, commit, day, machine and all ratios as one line."""
    command = ["git", "-C", str(HISTORY.parent), "rev-parse", "--short=12", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    line = {
        "version": metadata.version("linksim"),
        "commit": commit,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
    } | {row.key: float(f"{row.ratio:.3g}") for row in rows}
    before = [pd.read_csv(HISTORY)] if HISTORY.exists() else []
    pd.concat([*before, pd.DataFrame([line])]).to_csv(HISTORY, index=False)


def _rate(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


if __name__ == "__main__":
    main()
