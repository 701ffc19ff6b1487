"""Figures of merit, and curves over the bits, that no compressor is behind; and the metrics that they go with."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from linksim.report.view.curve_style import ESTIMATION, IDEAL, PERFECT, TRUNCATION, CurveStyle
from linksim.scenario.axis import Axis
from linksim.storage.results_table import NO_COMPRESSOR


@dataclass(frozen=True)
class Reference:
    """One of them.

    Attributes:
        metric: its name.
        title: what it is called beside the compressors.
        style: how figures draw it.
    """

    metric: str
    title: str
    style: CurveStyle


# By the metric that they go with.
REFERENCES: Mapping[str, tuple[Reference, ...]] = {
    "rate_bps_hz": (Reference("rate_perfect_bps_hz", "perfect CSI", PERFECT),),
    "sum_rate_bps_hz": (Reference("sum_rate_perfect_bps_hz", "perfect CSI", PERFECT),),
    "cell_rate_bps_hz": (Reference("cell_rate_perfect_bps_hz", "perfect CSI", PERFECT),),
    "throughput_bps_hz": (Reference("throughput_perfect_bps_hz", "perfect CSI", PERFECT),),
    "nmse_e2e_db": (
        Reference("estimation_nmse_db", "estimation only", ESTIMATION),
        Reference("truncation_nmse_db", "truncation only", TRUNCATION),
    ),
}


def common_references(metric: str, rows: pd.DataFrame, x: Axis | None) -> list[Reference]:
    """The references of a metric that are one curve in a panel.

    Where curves are of several estimators, each has an estimation error of its own, and none is that of all.

    Args:
        metric: what the panel shows.
        rows: results that the panel is of.
        x: its horizontal axis, ``None`` where it has none.
    """
    of_none = rows[rows["compressor"] == NO_COMPRESSOR]

    def is_one(reference: Reference) -> bool:
        there = of_none[of_none["metric"] == reference.metric]
        places = there[x.column] if x is not None else pd.Series(0, index=there.index)
        return bool((there.groupby(places, dropna=False)["value"].nunique() <= 1).all())

    return [reference for reference in REFERENCES.get(metric, ()) if is_one(reference)]


@dataclass(frozen=True)
class CurveLook:
    """How a reference curve over the bits is shown.

    Attributes:
        title: what it is called beside the compressors.
        style: how figures draw it.
        note: what a reader should know of it, with a place for the ``channels`` that it comes from.
    """

    title: str
    style: CurveStyle
    note: str


# By their names in the scenario's key ``reference_curves``.
CURVES: Mapping[str, CurveLook] = {
    "gaussian_source": CurveLook(
        "Gaussian source, ideal code (no bound)",
        IDEAL,
        "Gaussian source: rate-distortion function of one that has the covariance of {channels} training channels, by "
        "reverse water-filling of its spectrum, the scale's bits not counted. It bounds no code for channels, which "
        "are not Gaussian: each has a few paths in directions of its own, and a code that finds these takes fewer "
        "bits.",
    ),
}
# Metrics that have no tables and figures of their own.
REFERENCE_METRICS = frozenset(reference.metric for found in REFERENCES.values() for reference in found)
