"""Tables of a generalisation study in Markdown."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

_ENDS = {"value": "", "ci_low": "_low", "ci_high": "_high"}
# What was trained on knows of the tested source.
_CASES = {
    "same": "same source",
    "mixed": "mixture with it",
    "mixed_without": "mixture without it",
    "unseen": "one other source",
}


def study_tables(table: pd.DataFrame, metric: str) -> str:
    """Train x test matrices, means over the training cases, and adaptation, as Markdown.

    Args:
        table: as ``linksim.studies.generalisation.gather`` gives it.
        metric: which.
    """
    rows = table[table.metric == metric]
    matrix = rows[rows.adaptation_part == ""]
    unit = str(rows.unit.iloc[0] or "")
    title = f"{metric} [{unit}]" if unit else metric
    sections = [
        f"### {title}, {normalisation}: rows trained on, columns tested on\n\n{_matrix(part)}"
        for normalisation, part in matrix.groupby("normalisation", sort=False)
    ]
    sections.append(f"### {title}: mean over the pairs of sources of a case\n\n{_cases(matrix)}")
    adapted = rows[rows.adaptation_part != ""]
    if len(adapted):
        target = adapted.tested_on.iloc[0]
        sections.append(f"### {title}: adapted to so many channels of {target}\n\n{_adaptation(matrix, adapted)}")
    return "\n\n".join(sections) + "\n"


def loss_tables(losses: pd.DataFrame, points: pd.DataFrame) -> str:
    """What tables of the context codec lose, and the curves of each source's own, as Markdown.

    Args:
        losses: of ``linksim.studies.table_generalisation.table_losses``.
        points: of ``table_points``.
    """
    return (
        "\n\n".join(
            [
                "### More bits at equal NMSE than with the source's own tables [%]: rows trained on, columns tested on",
                _loss_matrix(losses),
                "### Mean over the pairs of a case",
                _loss_cases(losses),
                "### Bits and NMSE [dB] with tables of the source itself, at each step",
                _own_curves(points),
            ]
        )
        + "\n"
    )


def _loss_matrix(losses: pd.DataFrame) -> str:
    sources, lines = list(losses.tested_on.unique()), []
    for trained_on, cells in losses.groupby("trained_on", sort=False):
        by_source = {
            cell["tested_on"]: {name: cell[f"bits_percent{end}"] for name, end in _ENDS.items()}
            for cell in cells.to_dict("records")
        }
        lines.append([trained_on, f"{int(cells.samples_seen.iloc[0])}", *(_cell(by_source[one]) for one in sources)])
    tested = [f"{source} ({int(losses.n[losses.tested_on == source].iloc[0])})" for source in sources]
    return _markdown(["trained on", "samples seen", *tested], lines)


def _loss_cases(losses: pd.DataFrame) -> str:
    others = {name: losses.case == case for case, name in _CASES.items() if case != "same"}
    lines = [
        [
            name,
            f"{int(part.sum())}",
            _mean(losses.bits_percent[part]),
            _worst(losses.bits_percent[part]),
            _mean(losses.loss_db[part]),
        ]
        for name, part in others.items()
    ]
    return _markdown(["trained on", "pairs", "more bits [%]", "at worst [%]", "NMSE at equal bits [dB]"], lines)


def _own_curves(points: pd.DataFrame) -> str:
    own, lines = points[points.trained_on == points.tested_on], []
    for source, cells in own.groupby("tested_on", sort=False):
        lines.append(
            [source, *(f"{bits:.0f}: {nmse_db:.1f}" for bits, nmse_db in zip(cells.bits, cells.nmse_db, strict=True))]
        )
    return _markdown(["tested on", *(f"step {step:g}" for step in own.step.unique())], lines)


def _matrix(part: pd.DataFrame) -> str:
    sources = list(part.tested_on.unique())
    lines = []
    for (compressor, trained_on), cells in part.groupby(["compressor", "trained_on"], sort=False):
        by_source = {cell["tested_on"]: cell for cell in cells.to_dict("records")}
        seen = f"{int(cells.samples_seen.iloc[0])}"
        lines.append([compressor, trained_on, seen, *(_cell(by_source.get(source)) for source in sources)])
    return _markdown(["compressor", "trained on", "samples seen", *sources], lines)


def _cases(matrix: pd.DataFrame) -> str:
    lines = []
    for (compressor, normalisation), cells in matrix.groupby(["compressor", "normalisation"], sort=False):
        if (cells.case == "none").all():
            mean = _mean(cells.value)
            lines.append([compressor, normalisation, *([mean] * len(_CASES))])
        else:
            lines.append([compressor, normalisation, *(_mean(cells.value[cells.case == case]) for case in _CASES)])
    return _markdown(["compressor", "normalisation", *_CASES.values()], lines)


def _adaptation(matrix: pd.DataFrame, adapted: pd.DataFrame) -> str:
    counts = sorted(adapted.adaptation_samples.unique())
    first = adapted.iloc[0]
    start = matrix[(matrix.tested_on == first.tested_on) & (matrix.normalisation == first.normalisation)]
    lines = []
    for (compressor, source, part), cells in adapted.groupby(
        ["compressor", "trained_on", "adaptation_part"], sort=False
    ):
        here = start[(start.compressor == compressor) & (start.trained_on == source)]
        before = next(iter(here.to_dict("records")), None)
        by_count = {cell["adaptation_samples"]: cell for cell in cells.to_dict("records")}
        lines.append([compressor, source, part, _cell(before), *(_cell(by_count.get(count)) for count in counts)])
    return _markdown(["compressor", "trained on", "learns", "0", *map(str, counts)], lines)


def _cell(cell: Mapping[Any, Any] | None) -> str:
    if cell is None:
        return ""
    value, low, high = (float(cell[name]) for name in ("value", "ci_low", "ci_high"))
    half = (high - low) / 2
    return _text(value) + (f" \N{PLUS-MINUS SIGN} {half:.2f}" if math.isfinite(half) else "")


def _mean(values: "pd.Series[float]") -> str:
    return _text(float(np.mean(values))) if len(values) else ""


def _worst(values: "pd.Series[float]") -> str:
    return _text(float(np.max(values))) if len(values) else ""


def _text(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else f"{value:+}".replace("inf", "\N{INFINITY}")


def _markdown(header: Sequence[object], lines: Sequence[Sequence[object]]) -> str:
    rows: list[Sequence[object]] = [header, ["---"] * len(header), *lines]
    return "\n".join(f"| {' | '.join(str(entry).replace('|', chr(92) + '|') for entry in row)} |" for row in rows)
