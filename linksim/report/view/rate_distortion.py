"""Operating points of a run that its scenario joins to curves: which there are, and what the curves look like."""

import pandas as pd
from pandas.api.types import is_numeric_dtype

from linksim.comparison.operating_points import curve_names, operating_points, spends_bits
from linksim.report.view.axes import Panel, SweepAxes, sweep_panels
from linksim.report.view.curve_style import CurveStyle, curve_styles
from linksim.report.view.metric_format import drawable, metric_text
from linksim.report.view.run_view import RunView, Sweep

METRICS = ("nmse_db", "sgcs", "rate_bps_hz")


_MOST_PARTS = 6


def parts_with_curves(run: RunView, sweep: Sweep) -> list[Panel]:
    """What of a sweep is shown over the bits: one part, or one for each value of what has a name, such as a channel.

    Empty where no compressors are joined to curves, and where numbers other than those of the bits vary.
    """
    joined = any(curve != label for label, curve in curve_names(run.scenario).items() if label in sweep.compressors)
    named = tuple(axis for axis in sweep.varying if not spends_bits(axis.column))
    if not joined or any(is_numeric_dtype(sweep.rows[axis.column]) for axis in named):
        return []
    parts = sweep_panels(sweep.rows, SweepAxes(None, named))
    return parts if len(parts) <= _MOST_PARTS else []


def points_of(run: RunView, sweep: Sweep, part: Panel, metric: str) -> pd.DataFrame:
    """The operating points of a part of a sweep that can be shown."""
    text, axes = metric_text(metric), [axis.column for axis in sweep.varying]
    return drawable(operating_points(part.rows, axes, curve_names(run.scenario), metric), text)


def curves_styles(run: RunView) -> dict[str, CurveStyle]:
    """Looks of the curves, in the order of the scenario."""
    names = curve_names(run.scenario)
    schemes: dict[str, str] = {}
    for section in run.scenario.get("compressors") or []:
        label = str(section.get("label") or section.get("name") or section.get("plugin") or "")
        if label in run.styles:
            schemes.setdefault(names[label], str(section.get("name") or ""))
    return curve_styles(list(schemes), schemes, run.options.palette)
