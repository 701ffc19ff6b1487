"""Figures of merit, and curves over the bits, that no compressor is behind; and the metrics that they go with."""

from collections.abc import Mapping
from dataclasses import dataclass

from linksim.report.view.curve_style import ESTIMATION, IDEAL, PERFECT, TRUNCATION, CurveStyle
from linksim.reserved_names import ESTIMATION_ONLY, GAUSSIAN_SOURCE, PERFECT_CSI, TRUNCATION_ONLY


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
    "rate_bps_hz": (Reference("rate_perfect_bps_hz", PERFECT_CSI, PERFECT),),
    "sum_rate_bps_hz": (Reference("sum_rate_perfect_bps_hz", PERFECT_CSI, PERFECT),),
    "cell_rate_bps_hz": (Reference("cell_rate_perfect_bps_hz", PERFECT_CSI, PERFECT),),
    "rate_p5_bps_hz": (Reference("rate_perfect_p5_bps_hz", PERFECT_CSI, PERFECT),),
    "throughput_p5_bps_hz": (Reference("throughput_perfect_p5_bps_hz", PERFECT_CSI, PERFECT),),
    "user_rate_p5_bps_hz": (Reference("user_rate_perfect_p5_bps_hz", PERFECT_CSI, PERFECT),),
    "throughput_bps_hz": (Reference("throughput_perfect_bps_hz", PERFECT_CSI, PERFECT),),
    "nmse_e2e_db": (
        Reference("estimation_nmse_db", ESTIMATION_ONLY, ESTIMATION),
        Reference("truncation_nmse_db", TRUNCATION_ONLY, TRUNCATION),
    ),
}


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
        GAUSSIAN_SOURCE,
        IDEAL,
        "Gaussian source: rate-distortion function of one that has the covariance of {channels} training channels, by "
        "reverse water-filling of its spectrum, the scale's bits not counted. It bounds no code for channels, which "
        "are not Gaussian: each has a few paths in directions of its own, and a code that finds these takes fewer "
        "bits.",
    ),
}
# Metrics that have no tables and figures of their own.
REFERENCE_METRICS = frozenset(reference.metric for found in REFERENCES.values() for reference in found)
