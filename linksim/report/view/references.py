"""Figures of merit that no compressor influences, and the metrics that they are shown beside."""

from collections.abc import Mapping
from dataclasses import dataclass

from linksim.report.view.curve_style import ESTIMATION, PERFECT, TRUNCATION, CurveStyle


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
    "nmse_e2e_db": (
        Reference("estimation_nmse_db", "estimation only", ESTIMATION),
        Reference("truncation_nmse_db", "truncation only", TRUNCATION),
    ),
}
# Metrics that have no tables and figures of their own.
REFERENCE_METRICS = frozenset(reference.metric for found in REFERENCES.values() for reference in found)
