"""Quality against the bits of a report, the operating points of each system joined to one curve."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from linksim.comparison.bjontegaard import efficient
from linksim.report.figures.curves import interval_bars, legend_handle
from linksim.report.figures.layouts import Layout, columns_of, label_outer, new_blocks, with_legend
from linksim.report.view.axes import Panel
from linksim.report.view.curve_style import CurveStyle
from linksim.report.view.limits import WORST_ERROR_DB
from linksim.report.view.metric_format import MetricText, metric_text
from linksim.report.view.rate_distortion import (
    METRICS,
    curves_styles,
    parts_with_curves,
    points_of,
    references_of,
)
from linksim.report.view.references import CURVES, REFERENCES
from linksim.report.view.run_view import RunView, Sweep
from linksim.report.view.ticks import set_log_ticks
from linksim.reserved_names import NO_COMPRESSOR
from linksim.storage.reference_curves import ReferenceCurve


def draw_rate_distortion(run: RunView, sweep: Sweep) -> tuple[Layout, list[str]] | None:
    """A panel for each metric, and a row of them for each part; ``None`` where no curve is to be drawn.

    Args:
        run: the run.
        sweep: one of its sweeps.
    """
    parts = parts_with_curves(run, sweep)
    wanted = run.options.metrics or METRICS
    tables = [{name: points_of(run, sweep, part, name) for name in wanted} for part in parts]
    metrics = [name for name in wanted if any(not points[name].empty for points in tables)]
    if not metrics:
        return None
    styles = curves_styles(run)
    # A frame without any curve says nothing.
    kept = [i for i, points in enumerate(tables) if any(not points[name].empty for name in metrics)]
    parts, tables = [parts[i] for i in kept], [tables[i] for i in kept]
    shown = [[name for name in metrics if not points[name].empty] for points in tables]
    titles = [[part.title] * len(names) for part, names in zip(parts, shown, strict=True)]
    layout, blocks = new_blocks(titles, shown, run.options)
    faint = False
    first_of: dict[str, Axes] = {}
    for part, block, points, names in zip(parts, blocks, tables, shown, strict=True):
        for axes, name in zip(block, names, strict=True):
            first_of.setdefault(name, axes)
            faint |= _draw_panel(axes, points[name], metric_text(name), styles)
            _draw_references(layout, axes, part, name)
            for curve in references_of(run, part, name):
                _draw_curve(layout, axes, curve, points[name]["bits"])
    drawn = [
        curve
        for curve in styles
        if any((points[name]["curve"] == curve).any() for points in tables for name in metrics)
    ]
    layout.entries |= {curve: legend_handle(styles[curve]) for curve in drawn}
    for name, axes in first_of.items():
        _limit(layout, run, axes, name)
    set_log_ticks(blocks[0][0].xaxis, 2)
    for block in blocks:
        label_outer(block, columns_of(block), below=block is blocks[-1], left=False)
    if faint:
        layout.notes.append("Faint: points that others of the same curve and as few bits beat.")
    missing = _without(tables, "nmse_db", styles) if "nmse_db" in metrics else []
    if missing:
        layout.notes.append(f"NMSE is not defined for what reports a precoder: {', '.join(missing)}.")
    return with_legend(layout, run, [*drawn, *layout.references]), metrics


def _draw_references(layout: Layout, axes: Axes, part: Panel, metric: str) -> None:
    """Levels that no compressor influences, such as perfect CSI; nothing where they are not the same at all points."""
    for reference in REFERENCES.get(metric, ()):
        of_all = (part.rows["compressor"] == NO_COMPRESSOR) & (part.rows["metric"] == reference.metric)
        levels = part.rows.loc[of_all, "value"].unique()
        if len(levels) == 1:
            axes.axhline(levels[0], **reference.style.line_options(), zorder=2.2)
            layout.entries[reference.title] = legend_handle(reference.style)
            layout.references += [] if reference.title in layout.references else [reference.title]


def _draw_curve(layout: Layout, axes: Axes, curve: ReferenceCurve, bits: pd.Series) -> None:
    """A reference curve, as far as there are points of compressors; nothing where these have one number of bits."""
    look, low, high = CURVES[curve.name], bits.min(), bits.max()
    known, values = np.log2(curve.bits), np.array(curve.values)
    ends = np.clip(np.log2([low, high]), known[0], known[-1])
    if not ends[0] < ends[1]:
        return
    shown = np.unique([*ends, *known[(ends[0] < known) & (known < ends[1])]])
    axes.plot(2**shown, np.interp(shown, known, values), **look.style.line_options(), zorder=2.2)
    if look.title not in layout.references:
        layout.references.append(look.title)
        layout.entries[look.title] = legend_handle(look.style)
        layout.notes.append(look.note.format(channels=curve.channels))
        if curve.channels < curve.dimensions:
            layout.notes.append(
                f"These are fewer than the {curve.dimensions} entries of each, so that it lies too low."
            )


def _limit(layout: Layout, run: RunView, axes: Axes, metric: str) -> None:
    if metric in run.options.limits:
        axes.set_ylim(*run.options.limits[metric])
    elif metric_text(metric).is_error_db and axes.get_ylim()[1] > WORST_ERROR_DB:
        axes.set_ylim(top=WORST_ERROR_DB)
        layout.notes.append(f"Errors above {WORST_ERROR_DB:g} dB lie outside.")


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


def _without(tables: Sequence[Mapping[str, pd.DataFrame]], metric: str, styles: Mapping[str, CurveStyle]) -> list[str]:
    """Curves that a metric's panels lack and others have."""
    having = {curve for points in tables for curve in points[metric]["curve"]}
    others = {curve for points in tables for table in points.values() for curve in table["curve"]}
    return [curve for curve in styles if curve in others - having]
