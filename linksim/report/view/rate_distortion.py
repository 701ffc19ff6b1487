"""Operating points of a run that its scenario joins to curves: which there are, and what the curves look like."""

import pandas as pd

from linksim.comparison.operating_points import curve_names, operating_points, spends_bits
from linksim.report.view.curve_style import CurveStyle, curve_styles
from linksim.report.view.metric_format import drawable, metric_text
from linksim.report.view.run_view import RunView, Sweep

METRICS = ("nmse_db", "sgcs", "rate_bps_hz")


def has_curves(run: RunView, sweep: Sweep) -> bool:
    """Whether compressors of a sweep are joined to curves, and nothing but the bits of a report varies."""
    joined = any(curve != label for label, curve in curve_names(run.scenario).items() if label in sweep.compressors)
    return joined and all(spends_bits(axis.column) for axis in sweep.varying)


def points_of(run: RunView, sweep: Sweep, metric: str) -> pd.DataFrame:
    """The operating points of a sweep that can be shown."""
    text, axes = metric_text(metric), [axis.column for axis in sweep.varying]
    return drawable(operating_points(sweep.rows, axes, curve_names(run.scenario), metric), text)


def curves_styles(run: RunView) -> dict[str, CurveStyle]:
    """Looks of the curves, in the order of the scenario."""
    names = curve_names(run.scenario)
    schemes: dict[str, str] = {}
    for section in run.scenario.get("compressors") or []:
        label = str(section.get("label") or section.get("name") or section.get("plugin") or "")
        if label in run.styles:
            schemes.setdefault(names[label], str(section.get("name") or ""))
    return curve_styles(list(schemes), schemes, run.options.palette)
