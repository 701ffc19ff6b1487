"""How much each curve of quality against bits gains on the first: Bjøntegaard deltas."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from linksim.comparison.bjontegaard import Bjontegaard, compare
from linksim.report.view.axes import Panel
from linksim.report.view.metric_format import MetricText, metric_text
from linksim.report.view.rate_distortion import (
    METRICS,
    curves_styles,
    parts_with_curves,
    points_of,
    references_of,
)
from linksim.report.view.references import CURVES
from linksim.report.view.run_view import RunView, Sweep


@dataclass(frozen=True)
class Distances:
    """Distances of all curves of a sweep from one of them, for one metric.

    Attributes:
        sweep: the sweep.
        part: which part of it, in words; empty where it has one.
        metric: the metric.
        reference: the curve that the others are compared with.
        by_curve: the distance of each other curve.
    """

    sweep: str
    part: str
    metric: MetricText
    reference: str
    by_curve: dict[str, Bjontegaard]


def distances(run: RunView) -> list[Distances]:
    """Distances in each sweep whose compressors are joined to curves, for each metric with two or more of them.

    The reference is the first curve of the scenario that has the metric at two points or more.
    """
    return [
        found
        for sweep in run.sweeps
        for part in parts_with_curves(run, sweep)
        for metric in run.options.metrics or METRICS
        if (found := _distances(run, sweep, part, metric)) is not None
    ]


def _distances(run: RunView, sweep: Sweep, part: Panel, metric: str) -> Distances | None:
    points, text = points_of(run, sweep, part, metric), metric_text(metric)
    curves = [curve for curve in curves_styles(run) if (points["curve"] == curve).any()]
    references = references_of(run, part, metric)
    if text.better is None or not curves or len(curves) + len(references) < 2:
        return None
    sign = -1.0 if text.better == "low" else 1.0
    pairs = {
        curve: (own["bits"].to_numpy(float), sign * own["value"].to_numpy(float))
        for curve in curves
        for own in [points[points["curve"] == curve]]
    }
    # A single point is no curve, and has no distance from any.
    reference = next((curve for curve in curves if len(pairs[curve][0]) > 1), curves[0])
    pairs |= {CURVES[ideal.name].title: (np.array(ideal.bits), sign * np.array(ideal.values)) for ideal in references}
    return Distances(
        sweep.name,
        part.title,
        text,
        reference,
        {curve: compare(*pair, *pairs[reference]) for curve, pair in pairs.items() if curve != reference},
    )


def distance_rows(run: RunView, found: Distances) -> list[list[str]]:
    """Rows of text: curve, bits at equal quality, quality at equal bits, and the bits that this is a mean over."""
    return [[run.title(curve), *_texts(found.metric, distance)] for curve, distance in found.by_curve.items()]


def distance_heads(run: RunView, found: Distances) -> list[str]:
    """Heads of the rows."""
    reference = run.title(found.reference)
    unit = found.metric.label.partition(" [")[2].rstrip("]")
    return [
        f"{found.metric.label.partition(' [')[0]}, against {reference}{f' ({found.part})' if found.part else ''}",
        "Bits at equal quality",
        f"Better at equal bits{f' [{unit}]' if unit else ''}",
        "Bits compared",
    ]


def distance_table(of_run: list[Distances]) -> pd.DataFrame:
    """All distances as numbers, a row for each sweep, part, metric and curve; empty where curves have none in common.

    Columns: ``sweep``, ``part``, ``metric``, ``curve``, ``reference``, ``bits_ratio``, ``gain``, ``bits_from``,
    ``bits_to``.
    """
    rows = [
        {
            "sweep": found.sweep,
            "part": found.part,
            "metric": found.metric.name,
            "curve": curve,
            "reference": found.reference,
            "bits_ratio": distance.bits_ratio,
            "gain": distance.gain,
            "bits_from": distance.bits[0] if distance.bits else math.nan,
            "bits_to": distance.bits[1] if distance.bits else math.nan,
        }
        for found in of_run
        for curve, distance in found.by_curve.items()
    ]
    return pd.DataFrame(rows)


def _texts(text: MetricText, distance: Bjontegaard) -> list[str]:
    """Three cells; an empty one where the curves have no quality, or no number of bits, in common."""
    saved = "" if distance.bits_ratio is None else f"{100 * (distance.bits_ratio - 1):+.0f} %"
    gain = "" if distance.gain is None else f"{distance.gain:+.{max(text.digits or 0, 2)}f}"
    span = "" if distance.bits is None else f"{distance.bits[0]:.0f} to {distance.bits[1]:.0f}"
    return [cell.replace("-", "\N{MINUS SIGN}") for cell in (saved, gain, span)]
