"""Operating points of a run that its scenario joins to curves: which there are, and what the curves look like."""

from dataclasses import replace

import numpy as np
import pandas as pd

from linksim.comparison.operating_points import curve_names, operating_points, over_bits, spends_bits
from linksim.comparison.run_samples import rows_at
from linksim.report.view.axes import Panel, SweepAxes, sweep_panels
from linksim.report.view.curve_style import CurveStyle
from linksim.report.view.metric_format import drawable, metric_text
from linksim.report.view.references import CURVES
from linksim.report.view.run_view import RunView, Sweep, styles_of_curves
from linksim.storage.reference_curves import ReferenceCurve

METRICS = (
    *("nmse_db", "sgcs", "rate_bps_hz", "cell_rate_bps_hz"),
    *("rate_p5_bps_hz", "user_rate_p5_bps_hz"),
)


_MOST_PARTS = 6


def parts_with_curves(run: RunView, sweep: Sweep) -> list[Panel]:
    """What of a sweep is shown over the bits: one part, or one for each value of what has a name, such as a channel.

    Empty where no compressors are joined to curves, and where numbers other than those of the bits vary.
    """
    joined = any(curve != label for label, curve in curve_names(run.scenario).items() if label in sweep.compressors)
    named = tuple(axis for axis in sweep.varying if not spends_bits(axis.column))
    if not joined or not over_bits(sweep.rows, [axis.column for axis in sweep.varying]):
        return []
    parts = sweep_panels(sweep.rows, SweepAxes(None, named))
    return parts if len(parts) <= _MOST_PARTS else []


def points_of(run: RunView, sweep: Sweep, part: Panel, metric: str) -> pd.DataFrame:
    """The operating points of a part of a sweep that can be shown."""
    text, axes = metric_text(metric), [axis.column for axis in sweep.varying]
    return drawable(operating_points(part.rows, axes, curve_names(run.scenario), metric), text)


def references_of(run: RunView, part: Panel, metric: str) -> list[ReferenceCurve]:
    """The reference curves of a metric that belong to every point of a part of a sweep."""
    found = []
    for curve in run.reference_curves:
        if curve.metric == metric and curve.name in CURVES:
            rows = {row for place in curve.points for row in rows_at(part.rows, *place).index}
            found += [curve] if rows.issuperset(part.rows.index) else []
    return found


def curves_styles(run: RunView) -> dict[str, CurveStyle]:
    """Looks of the curves that have a compressor of the run, in the order of the scenario."""
    names = curve_names(run.scenario)
    shown = {names[label] for label in run.styles if label in names}
    found = styles_of_curves(run.scenario, run.options.palette)
    return {curve: style for curve, style in found.items() if curve in shown}


def one_of_each_curve(run: RunView, sweep: Sweep) -> RunView:
    """The run with one operating point of each curve, those of the most similar bits, and called by curve and bits.

    It is the point of the bits nearest to the middle between the fewest and the most of all, on a logarithmic scale.
    """
    part, *_ = parts_with_curves(run, sweep)
    points = points_of(run, sweep, part, "bits")
    points = points.assign(away=(np.log(points["bits"] ** 2 / (points["bits"].min() * points["bits"].max())) / 2).abs())
    nearest = points.sort_values("away", kind="stable").drop_duplicates("curve").set_index("curve")
    looks = {curve: style for curve, style in curves_styles(run).items() if curve in nearest.index}
    labels = {curve: str(nearest.at[curve, "compressor"]) for curve in looks}
    bits = {str(curve): float(count) for curve, count in nearest["bits"].items()}
    titles = {labels[curve]: f"{curve}, {bits[curve]:.0f} bits" for curve in looks}
    return replace(run, styles={labels[curve]: style for curve, style in looks.items()}, titles=titles)
