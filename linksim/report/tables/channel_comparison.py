"""A comparison of two sets of channels as a table in the terminal and as CSV."""

import csv
import math
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from channels.files import whole_file
from channels.statistics.sliced_wasserstein import Range
from linksim.datasets.comparison import Comparison, Row, profile_rows
from linksim.statistics.accumulator import Estimate
from linksim.storage.csv_text import guarded
from linksim.terminal import Console

# Differences beyond this are shown in bold.
_NOTABLE_ERRORS = 3.0
_COLUMNS = (
    "set_a", "set_b", "statistic", "at", "unit",
    "a", "a_low", "a_high", "a_n", "b", "b_low", "b_high", "b_n", "difference_standard_errors",
)  # fmt: skip


def show(comparison: Comparison, console: Console) -> None:
    """Prints the statistics side by side, 95 % intervals dim, and what the distance between the sets means."""
    labels = [part.channels.label for part in (comparison.a, comparison.b)]
    counts = [len(part.csi) for part in (comparison.a, comparison.b)]
    table = Table(box=box.SIMPLE_HEAD, padding=0)
    table.add_column("statistic", no_wrap=True)
    for label, count in zip(labels, counts, strict=True):
        table.add_column(Text(f"{label}\n{count} samples"), justify="right", overflow="fold")
    table.add_column("difference\n(std. err.)", justify="right", no_wrap=True)
    for row in comparison.rows:
        unit = f" [{row.unit}]" if row.unit else ""
        name = f"{row.statistic}, {row.at}{unit}" if row.at else f"{row.statistic}{unit}"
        table.add_row(Text(name), _cell(row.a), _cell(row.b), _errors(row))
    console.print(table)
    _print_distance(comparison, console)


def write_csv(comparison: Comparison, path: Path) -> None:
    """Writes all statistics, the profiles and the distances, one a line; numbers with all their digits."""
    labels = [guarded(part.channels.label) for part in (comparison.a, comparison.b)]
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for row in [*comparison.rows, *profile_rows(comparison)]:
            errors = "" if row.errors is None else repr(row.errors)
            writer.writerow([*labels, row.statistic, row.at, row.unit, *_numbers(row.a), *_numbers(row.b), errors])
        for at, values, n in _distances(comparison):
            numbers = [repr(values.mean), repr(values.low), repr(values.high), n]
            writer.writerow([*labels, "sliced Wasserstein distance", at, "", *numbers, "", "", "", "", ""])


def _distances(comparison: Comparison) -> list[tuple[str, Range, int]]:
    distance = comparison.distance
    if distance is None:
        return []
    ranges = (("A to B", distance.between), ("within A", distance.within_a), ("within B", distance.within_b))
    return [(at, values, distance.n) for at, values in ranges]


def _print_distance(comparison: Comparison, console: Console) -> None:
    distances = _distances(comparison)
    if not distances:
        shapes = [tuple(part.csi.shape[1:]) for part in (comparison.a, comparison.b)]
        reason = f"matrices of {shapes[0]} and {shapes[1]}" if shapes[0] != shapes[1] else "fewer than 4 samples"
        console.print(f"sliced Wasserstein distance: none, {reason}", highlight=False)
        return
    console.print(
        f"sliced Wasserstein distance of |X| / ||X|| between halves of {distances[0][2]} samples, 95 % interval",
        highlight=False,
        soft_wrap=True,
    )
    for at, values, _ in distances:
        console.print(
            f"  {at:9} {values.mean:.4f}  [{values.low:.4f}, {values.high:.4f}]", highlight=False, markup=False
        )


def _cell(estimate: Estimate | None) -> Text:
    if estimate is None:
        return Text("-")
    if estimate.high is None:
        return Text(f"{estimate.value:.4g}")
    half = estimate.high - estimate.value
    decimals = max(0, 1 - math.floor(math.log10(half))) if half > 0 else 3
    return Text(f"{estimate.value:.{decimals}f}").append(f" \N{PLUS-MINUS SIGN}{half:.{decimals}f}", style="dim")


def _errors(row: Row) -> Text:
    if row.errors is None:
        return Text("-")
    return Text(f"{row.errors:+.1f}", style="bold" if abs(row.errors) > _NOTABLE_ERRORS else "")


def _numbers(estimate: Estimate | None) -> list[str]:
    if estimate is None:
        return ["", "", "", ""]
    ends = ["" if end is None else repr(end) for end in (estimate.low, estimate.high)]
    return [repr(estimate.value), *ends, str(estimate.n)]
