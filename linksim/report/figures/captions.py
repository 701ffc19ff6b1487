"""What stands below a figure: the sweep, the definition of each metric, and what is special about its curves."""

from collections.abc import Mapping, Sequence

import pandas as pd

from linksim.metrics import METRICS
from linksim.metrics.delivery import ReportErrorRate
from linksim.report.figures.layouts import Layout, panel_letter
from linksim.report.view.axes import all_axes, going_together
from linksim.report.view.independence import largest_change
from linksim.report.view.metric_format import metric_text
from linksim.report.view.run_view import RunView, Sweep
from linksim.scenario.sweep import Point
from linksim.simulation.example_matrices import ExampleMatrices


def caption(run: RunView, sweep: Sweep, metrics: Sequence[str], layout: Layout) -> str:
    """Caption of a figure of a sweep."""
    sentences = [f"Sweep {sweep.name}."]
    one_each = len(metrics) > 1 and "bits" not in metrics and not sweep.axes.panels
    for i, metric in enumerate(metrics):
        meaning = metric_text(metric).meaning or f"{metric}."
        sentences.append(f"{panel_letter(i)} {meaning}" if one_each else meaning)
    if layout.references:
        sentences.append(f"Curves without markers: {'; '.join(layout.references)}.")
    sentences += layout.notes
    x = sweep.axes.x
    if x is not None and layout.flat:
        flat = ", ".join(_flat_in(run.title(label), found, metrics) for label, found in layout.flat.items())
        sentences.append(f"On the right edge, the same whatever the {x.words}: {flat}.")
    if layout.outside:
        sentences.append(f"Outside the axis, with an arrow and how far: {', '.join(layout.outside)}.")
    if x is not None and "bits" not in metrics:
        together = going_together(sweep.rows, sweep.axes)
        sentences.append(f"V{together[1:]}." if together else "")
    if layout.lossless:
        names = ", ".join(run.title(label) for label in layout.lossless)
        sentences.append(f"No NMSE curve, as the error is rounding only: {names}.")
    sentences += [sentence for metric in metrics for sentence in _hardly_over(sweep, metric)]
    shown = sweep.rows[sweep.rows["metric"].isin(metrics)]
    if any(metric_text(name).logarithmic and (shown["value"][shown["metric"] == name] == 0).any() for name in metrics):
        sentences.append("Zeros have no place on the logarithmic scale.")
    if "nmse_db" in metrics and "nmse_e2e_db" not in metrics and not sweep.has("nmse_e2e_db"):
        sentences.append("What truncation costs beside is not among the run's metrics (nmse_e2e_db).")
    if (shown["ci_low"].notna() & shown["ci_high"].notna()).any():
        counts = shown.loc[shown["ci_low"].notna(), "n"].dropna()
        span = sorted({round(counts.min()), round(counts.max())}) if len(counts) else []
        over = f" over {' to '.join(map(str, span))} samples" if span else ""
        allowed = "; where no report was lost, they allow for losses that so many can have missed"
        sentences.append(f"Bars: 95 % confidence intervals{over}{allowed if _met_no_loss(sweep, shown) else ''}.")
    return " ".join(filter(None, sentences))


def point_caption(run: RunView, sweep: Sweep, point: Point, metrics: Sequence[str], layout: Layout, what: str) -> str:
    """Caption of a figure of a single point; ``what`` says what it shows."""
    where = ", ".join(part for part in (f"sweep {sweep.name}", _values_in_words(run, sweep, point.axes)) if part)
    meanings = [metric_text(metric).meaning for metric in metrics]
    sentences = [f"{what} ({where}).", *meanings]
    if layout.references:
        sentences.append(f"Curves without compressor: {'; '.join(layout.references)}.")
    if layout.outside:
        sentences.append(f"Outside the axis, with an arrow and how far: {', '.join(layout.outside)}.")
    if layout.lossless:
        sentences.append(f"Rounding only: {', '.join(run.title(label) for label in layout.lossless)}.")
    return " ".join(sentences)


def example_caption(run: RunView, example: ExampleMatrices) -> str:
    """Caption of the true matrix beside the rebuilt ones."""
    sweep = next((sweep for sweep in run.sweeps if sweep.name == example.sweep), None)
    point = "" if sweep is None else _values_in_words(run, sweep, example.axes)
    where = ", ".join(part for part in (f"sweep {example.sweep}", point) if part)
    return (
        f"The first test channel ({where}): truncated angular-delay matrix, true and as the BS rebuilt it, with the "
        "error of this one channel."
    )


def _values_in_words(run: RunView, sweep: Sweep, values: Mapping[str, float | str | bool]) -> str:
    """Swept values, such as ``SNR 10 dB``."""
    axes = {axis.column: axis for axis in all_axes(sweep.rows, run.compressors)}
    return ", ".join(
        f"{key} {value}" if key not in axes or isinstance(value, bool) else axes[key].phrase(value)
        for key, value in values.items()
    )


def _flat_in(title: str, found: Sequence[str], metrics: Sequence[str]) -> str:
    """A compressor that is the same in some metrics; these are named where there are others."""
    return title if set(found) >= set(metrics) else f"{title} ({' and '.join(map(_named, found))})"


def _hardly_over(sweep: Sweep, metric: str) -> list[str]:
    """That a metric does not depend on an axis which is not shown, or by how little."""
    text, sentences = metric_text(metric), []
    for axis in sweep.reduced_to(metric).same_over if sweep.has(metric) else ():
        if axis.name:
            change = largest_change(sweep.rows, axis.column, sweep.others(axis.column), text)
            unit = text.label.partition(" [")[2].rstrip("]")
            most = f"{change:.1g} {unit}".strip()
            how = f"differs by at most {most} over" if change else "is the same whatever"
            sentences.append(f"{_named(metric)} {how} the {axis.words}.")
    return sentences


def _met_no_loss(sweep: Sweep, shown: pd.DataFrame) -> bool:
    """Whether some interval that is shown may be that of losses of reports which no sample met."""
    rates = sweep.rows[(sweep.rows["metric"] == ReportErrorRate.name) & (sweep.rows["value"] == 0)]
    lossy = [
        name
        for name in shown["metric"].unique()
        if name in METRICS and METRICS.get_class(name).without_report is not None
    ]
    place = [*(axis.column for axis in all_axes(sweep.rows)), "compressor"]
    return not shown[shown["metric"].isin(lossy)].merge(rates[place], on=place).empty


def _named(metric: str) -> str:
    return metric_text(metric).label.partition(" [")[0]
