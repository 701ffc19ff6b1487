"""How many test channels each point of an adaptive run took, and which ended at the maximum."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich import box
from rich.table import Table

from linksim.errors import InputError
from linksim.report.view.scenario_summary import quantity
from linksim.scenario.axis import AXIS_COLUMNS
from linksim.storage.csv_text import read_csv

_COLUMNS = ("sweep", "metric", "half_width_wanted", "half_width", "samples", "at_maximum")


@dataclass(frozen=True)
class SampledPoint:
    """One point.

    Attributes:
        sweep: its sweep.
        point: what tells it from the others of its sweep, in words.
        samples: test channels that it took.
        half_width: half the width of its widest interval.
        at_maximum: whether that is wider than wanted still.
    """

    sweep: str
    point: str
    samples: int
    half_width: float
    at_maximum: bool


@dataclass(frozen=True)
class Sampling:
    """The adaptive sampling of a run: what was wanted, and what each point took."""

    wanted: str
    points: list[SampledPoint]

    @property
    def summary(self) -> str:
        """One sentence."""
        counts = [point.samples for point in self.points]
        over = sum(point.at_maximum for point in self.points)
        ending = f"{over} of {len(counts)} points are wider still at the maximum" if over else "all points got there"
        return f"Sampled until {self.wanted}: {min(counts)} to {max(counts)} test channels a point; {ending}."


def read_sampling(run_folder: Path) -> Sampling | None:
    """What ``sampling.csv`` says, ``None`` for a run of a fixed number of samples.

    Raises:
        InputError: if the file is not as a run writes it.
    """
    path = run_folder / "sampling.csv"
    if not path.exists():
        return None
    try:
        table = read_csv(path)
        for column in table.columns:
            numbers = pd.to_numeric(table[column].replace("", "nan"), errors="coerce")
            if not (numbers.isna() & (table[column] != "")).any():
                table[column] = numbers
        table["at_maximum"] = table["at_maximum"] == "True"
        rows = list(table.groupby("sweep", sort=False))
        points = [_point(part.iloc[i], part, str(sweep)) for sweep, part in rows for i in range(len(part))]
        first = table.iloc[0]
        wanted = f"{first['metric']} \N{PLUS-MINUS SIGN}{first['half_width_wanted']:g}"
    except (OSError, ValueError, KeyError, IndexError) as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"{path}: cannot be read ({reason}), expected columns {', '.join(_COLUMNS)}") from None
    return Sampling(wanted, points)


def sampling_table(sampling: Sampling) -> Table:
    """As a table for the terminal."""
    made = Table(box=box.SIMPLE_HEAD, padding=0)
    made.add_column("sweep")
    made.add_column("point")
    for heading in ("samples", "interval", ""):
        made.add_column(heading, justify="right")
    for point in sampling.points:
        width = f"\N{PLUS-MINUS SIGN}{point.half_width:.2g}"
        made.add_row(point.sweep, point.point, str(point.samples), width, "maximum" if point.at_maximum else "")
    return made


def _point(row: pd.Series, sweep: pd.DataFrame, name: str) -> SampledPoint:
    varied = [
        column
        for column in sweep.columns
        if column not in _COLUMNS and (sweep[column].nunique(dropna=False) > 1 or column not in AXIS_COLUMNS)
    ]
    return SampledPoint(
        sweep=name,
        point=", ".join(quantity(column.rpartition(".")[2], row[column]) for column in varied if pd.notna(row[column])),
        samples=int(row["samples"]),
        half_width=float(row["half_width"]),
        at_maximum=bool(row["at_maximum"]),
    )
