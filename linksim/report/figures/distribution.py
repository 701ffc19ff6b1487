"""Distributions over the test channels of one point: what share of them has at most a value of a metric."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from linksim.report.figures.curves import TICK_STEPS, legend_handle
from linksim.report.figures.layouts import PANEL_HEIGHT_IN, Layout, new_layout, panel_letter, with_legend
from linksim.report.view.curve_style import CHANNEL, PERFECT, CurveStyle
from linksim.report.view.limits import apply_limits, mark_outside, robust_limits
from linksim.report.view.metric_format import LOSSLESS_DB, MetricText, metric_text
from linksim.report.view.references import REFERENCES
from linksim.report.view.run_view import RunView
from linksim.report.view.style import COLUMN_IN, DOUBLE_COLUMN_IN, plain_text
from linksim.reserved_names import NO_COMPRESSOR
from linksim.storage.sample_values import SampleValues

DISTRIBUTION_METRICS = (
    *("ue_snr_db", "nmse_db", "nmse_e2e_db", "rho", "sgcs"),
    *("rate_bps_hz", "throughput_bps_hz", "user_rate_bps_hz"),
)
_MARKERS = 6
# What is a property of the channel, such as its SNR, and of no CSI at all.
_BEFORE_REPORTS = "before any report"
# The axis shows this much of each curve; a few channels may be far away.
_SHOWN_SHARE = (0.005, 0.995)


def draw_distributions(run: RunView, samples: SampleValues) -> tuple[Layout, list[str]] | None:
    """Empirical distribution functions of the metrics that are kept for each test channel.

    Returns:
        The figure and the metrics of its panels, ``None`` if nothing is kept.
    """
    chosen = run.options.metrics or DISTRIBUTION_METRICS
    found = {metric: _values(run, samples, metric_text(metric)) for metric in DISTRIBUTION_METRICS if metric in chosen}
    shown = {metric: _shown(metric_text(metric), curves) for metric, curves in found.items()}
    lossless = {label: None for metric, curves in found.items() for label in curves if label not in shown[metric]}
    # What is rounding alone in all curves has no panel.
    found = {metric: curves for metric, curves in shown.items() if curves}
    if not found:
        return None
    columns = min(run.options.columns or 3, len(found))
    lines = -(-len(found) // columns)
    layout = new_layout(COLUMN_IN if columns == 1 else DOUBLE_COLUMN_IN, lines * PANEL_HEIGHT_IN)
    layout.lossless += lossless
    grid = list(layout.figure.subplots(lines, columns, sharey=True, squeeze=False).flat)
    for i, (axes, (metric, curves)) in enumerate(zip(grid, found.items(), strict=False)):
        _draw_panel(layout, axes, run, metric_text(metric), curves)
        axes.set_title(panel_letter(i) if len(found) > 1 else "", loc="left")
        axes.set_ylabel("Share of test channels" if i % columns == 0 else "")
    for axes in grid[len(found) :]:
        axes.set_axis_off()
    for axes, metric in zip(grid, found, strict=False):
        _draw_bound(layout, axes, samples, metric)
    return with_legend(layout, run), list(found)


def _draw_bound(layout: Layout, axes: Axes, samples: SampleValues, metric: str) -> None:
    """Perfect CSI, where the metric has it."""
    for reference in REFERENCES.get(metric, ()):
        bound = samples.columns.get((NO_COMPRESSOR, reference.metric))
        if bound is not None and len(bound) == 1 and reference.style == PERFECT:
            _step(axes, np.sort(bound[0]), PERFECT)
            _note_reference(layout, reference.title, PERFECT)


def _note_reference(layout: Layout, title: str, style: CurveStyle) -> None:
    if title not in layout.references:
        layout.references.append(title)
    layout.entries[title] = legend_handle(style)


def _values(run: RunView, samples: SampleValues, metric: MetricText) -> dict[str, NDArray[np.float64]]:
    """Values of each compressor in ascending order, errors in dB; of what none influences under its own label."""
    found = {}
    for label in (*run.styles, NO_COMPRESSOR):
        column = samples.columns.get((label, metric.name))
        if column is not None:
            # A second row says which samples have a value.
            values = column[0] if len(column) == 1 else column[0, column[1] > 0]
            if metric.is_error_db:
                # An error of 0 lies below all that can be shown.
                values = 10 * np.log10(np.maximum(values, 10 ** (2 * LOSSLESS_DB / 10)))
            if len(values):
                found[label] = np.sort(values)
    return found


def _shown(metric: MetricText, curves: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Those curves that are not rounding alone."""
    return {label: values for label, values in curves.items() if not metric.is_error_db or values[-1] > LOSSLESS_DB}


def _draw_panel(
    layout: Layout, axes: Axes, run: RunView, metric: MetricText, curves: Mapping[str, NDArray[np.float64]]
) -> None:
    for label, values in curves.items():
        _step(axes, values, run.styles.get(label, CHANNEL))
        if label in run.styles:
            layout.entries[label] = legend_handle(run.styles[label])
        else:
            _note_reference(layout, _BEFORE_REPORTS, CHANNEL)
    axes.set(xlabel=metric.label, ylim=(0, 1.0))
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=TICK_STEPS))
    if metric.name in run.options.limits:
        axes.set_xlim(*run.options.limits[metric.name])
        return
    ends = {label: [*np.quantile(values, _SHOWN_SHARE)] for label, values in curves.items()}
    rivals = {label: pair for label, pair in ends.items() if label not in run.uncompressed}
    limits = robust_limits(metric, rivals, {label: pair for label, pair in ends.items() if label in run.uncompressed})
    everything = [value for pair in ends.values() for value in pair]
    if limits is None and everything:
        limits = (min(everything), max(everything))
    if limits is not None:
        low, high = apply_limits(axes, limits, [], vertical=False)
        marks = {
            plain_text(run.title(label)): (pair, run.styles.get(label, CHANNEL).colour)
            for label, pair in ends.items()
            if max(pair) < low or min(pair) > high
        }
        marked = mark_outside(axes, marks, metric, vertical=False)
        layout.outside += [name for name in marked if name not in layout.outside]


def _step(axes: Axes, values: NDArray[np.float64], style: CurveStyle) -> None:
    shares = np.arange(1, len(values) + 1) / len(values)
    every = max(1, len(values) // _MARKERS)
    axes.plot(
        np.append(values[:1], values), np.append(0.0, shares), drawstyle="steps-post", markevery=(every // 2, every),
        **style.line_options(),
    )  # fmt: skip
