"""Quality against the bits of a report, the operating points of each system joined to one curve."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from linksim.comparison.bjontegaard import efficient
from linksim.report.figures.curves import interval_bars, legend_handle
from linksim.report.figures.layouts import Layout, new_blocks, with_legend
from linksim.report.view.curve_style import CurveStyle
from linksim.report.view.limits import WORST_ERROR_DB
from linksim.report.view.metric_format import MetricText, metric_text
from linksim.report.view.rate_distortion import METRICS, curves_styles, points_of
from linksim.report.view.run_view import RunView, Sweep
from linksim.report.view.ticks import set_log_ticks


def draw_rate_distortion(run: RunView, sweep: Sweep) -> tuple[Layout, list[str]] | None:
    """A panel for each metric; ``None`` where no report has a bit count.

    Args:
        run: the run.
        sweep: a sweep of which ``has_curves`` holds.
    """
    tables = {name: points_of(run, sweep, name) for name in run.options.metrics or METRICS}
    tables = {name: points for name, points in tables.items() if not points.empty}
    if not tables:
        return None
    styles = curves_styles(run)
    layout, (block,) = new_blocks([[""] * len(tables)], [list(tables)], run.options)
    faint = False
    for axes, (name, points) in zip(block, tables.items(), strict=True):
        text = metric_text(name)
        faint |= _draw_panel(axes, points, text, styles)
        drawn = [curve for curve in styles if (points["curve"] == curve).any()]
        layout.entries |= {curve: legend_handle(styles[curve]) for curve in drawn}
        layout.references += [curve for curve in drawn if curve not in [*run.styles, *layout.references]]
        if name in run.options.limits:
            axes.set_ylim(*run.options.limits[name])
        elif text.is_error_db and axes.get_ylim()[1] > WORST_ERROR_DB:
            axes.set_ylim(top=WORST_ERROR_DB)
            layout.notes.append(f"Errors above {WORST_ERROR_DB:g} dB lie outside.")
    set_log_ticks(block[0].xaxis, 2)
    if faint:
        layout.notes.append("Faint: points that others of the same curve and as few bits beat.")
    missing = _without(tables, "nmse_db", styles)
    if missing:
        layout.notes.append(f"NMSE is not defined for what reports a precoder: {', '.join(missing)}.")
    made = with_legend(layout, run)
    # In the legend, but neither references nor without markers.
    made.references.clear()
    return made, list(tables)


def _draw_panel(axes: Axes, points: pd.DataFrame, text: MetricText, styles: Mapping[str, CurveStyle]) -> bool:
    """Draws all curves; returns whether some of their points are beaten by others."""
    sign, some_beaten = -1.0 if text.better == "low" else 1.0, False
    for place, (curve, style) in enumerate(styles.items()):
        own = points[points["curve"] == curve]
        if own.empty:
            continue
        kept = efficient(own["bits"].to_numpy(float), sign * own["value"].to_numpy(float))
        shown, beaten = own.iloc[kept], own.iloc[np.setdiff1d(np.arange(len(own)), kept)]
        if not beaten.empty:
            some_beaten = True
            faint = {**style.line_options(), "linestyle": "", "alpha": 0.35, "zorder": 2.3}
            axes.plot(beaten["bits"], beaten["value"], **faint)
        options = {**style.line_options(), "elinewidth": 0.8, "zorder": 2.5 + 0.01 * place}
        axes.errorbar(shown["bits"], shown["value"], yerr=interval_bars(shown), **options)
    axes.set_xscale("log", base=2)
    axes.set_xlabel(metric_text("bits").label)
    axes.set_ylabel(text.label)
    return some_beaten


def _without(tables: Mapping[str, pd.DataFrame], metric: str, styles: Mapping[str, CurveStyle]) -> list[str]:
    """Curves that a metric's panel lacks and another has."""
    if metric not in tables:
        return []
    others = {curve for name, points in tables.items() if name != metric for curve in points["curve"]}
    return [curve for curve in styles if curve in others and not (tables[metric]["curve"] == curve).any()]
