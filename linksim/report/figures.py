"""All figures of a run, PNG and PDF, chosen by what each sweep varies."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from linksim.report.axes import Axis
from linksim.report.layouts import Layout, draw_bits, draw_panels, draw_point, draw_side_by_side, panel_letter
from linksim.report.metric_texts import metric_text
from linksim.report.run_view import RunView, Sweep, view_run
from linksim.report.style import COLUMN_IN, paper_style, save

FIGURES_FOLDER = "figures"

# Metrics that get a figure of their own, by the column of the horizontal axis.
_METRICS = {
    "snr_db": ("nmse_db", "nmse_e2e_db", "rho", "sgcs", "rate_bps_hz"),
    "feedback_snr_db": ("nmse_db", "rate_bps_hz", "report_error_rate"),
    "compression_ratio": ("nmse_db", "rho", "rate_bps_hz"),
    "speed_m_s": ("rate_bps_hz", "nmse_e2e_db"),
    "feedback_delay_s": ("rate_bps_hz", "nmse_e2e_db"),
    "feedback.report_period_s": ("rate_bps_hz", "nmse_e2e_db"),
    "feedback.n_reports": ("rate_bps_hz", "nmse_e2e_db"),
    "feedback.predictor.order": ("rate_bps_hz", "nmse_e2e_db"),
}
_OTHER_METRICS = ("nmse_db", "rho", "rate_bps_hz", "report_error_rate")
_OVERVIEW_METRICS = ("nmse_db", "rho", "rate_bps_hz")


@dataclass(frozen=True)
class Drawing:
    """One figure on disk.

    Attributes:
        name: its file stem.
        sweep: the sweep it shows.
        caption: what it shows, which metrics, and what the bars are.
        png: raster file.
        pdf: vector file.
        wide: whether it spans two columns on paper.
    """

    name: str
    sweep: str
    caption: str
    png: Path
    pdf: Path
    wide: bool


def draw_figures(run_folder: Path) -> list[Path]:
    """Draws all figures of a run into ``<run_folder>/figures``; an incomplete run gives what it has.

    Returns:
        The files written, PNG and PDF.

    Raises:
        InputError: if the run's files cannot be read; one line.
    """
    return [path for drawing in draw(view_run(run_folder)) for path in (drawing.png, drawing.pdf)]


def draw(run: RunView) -> list[Drawing]:
    """Draws all figures of a run; the overview comes first."""
    folder = run.folder / FIGURES_FOLDER
    with paper_style():
        return [_finish(run, folder, *each) for each in figure_layouts(run)]


def figure_layouts(run: RunView) -> Iterator[tuple[str, Sweep, list[str], Layout]]:
    """File stem, sweep, metrics and layout of all figures of a run; to be drawn and saved within ``paper_style``."""
    overview = _overview_sweep(run)
    if overview is not None:
        metrics = [name for name in _OVERVIEW_METRICS if overview.has(name)]
        yield "overview", overview, metrics, draw_side_by_side(run, overview, metrics)
    for sweep, stem in zip(run.sweeps, sweep_stems(run), strict=True):
        for name, metrics, layout in _layouts(run, sweep):
            yield f"{stem}_{name}", sweep, metrics, layout


def _layouts(run: RunView, sweep: Sweep) -> list[tuple[str, list[str], Layout]]:
    if sweep.axes.x is None:
        metrics = [name for name in _OTHER_METRICS if sweep.has(name)]
        return [("point", metrics, draw_point(run, sweep, metrics))] if metrics else []
    layouts = []
    for metric in _METRICS.get(sweep.axes.x.column, _OTHER_METRICS):
        if not sweep.has(metric):
            continue
        short = metric_text(metric).short
        if metric == "rate_bps_hz" and sweep.has("rate_loss_bps_hz") and not sweep.axes.panels:
            both = [metric, "rate_loss_bps_hz"]
            layouts.append((short, both, draw_side_by_side(run, sweep, both)))
        else:
            layouts.append((short, [metric], draw_panels(run, sweep, metric)))
    if sweep.has("nmse_db") and _bits_vary(sweep):
        layout = draw_bits(run, sweep)
        if layout is not None:
            layouts.append(("nmse_bits", ["nmse_db", "bits"], layout))
    return layouts


def _bits_vary(sweep: Sweep) -> bool:
    bits = sweep.rows[sweep.rows["metric"] == "bits"]
    # Side information may vary where the bits of all others are meant to be the same.
    return not bits.empty and bool((bits.groupby("compressor")["value"].nunique() > 1).mean() >= 0.5)


def _overview_sweep(run: RunView) -> Sweep | None:
    """The sweep over the downlink SNR, else the first that makes plain curves of all three metrics."""
    plain = [sweep for sweep in run.sweeps if sweep.axes.x is not None and not sweep.axes.panels]
    full = [sweep for sweep in plain if all(sweep.has(metric) for metric in _OVERVIEW_METRICS)]
    over_snr = [sweep for sweep in full if sweep.axes.x is not None and sweep.axes.x.column == "snr_db"]
    return next(iter(over_snr or full), None)


def _finish(run: RunView, folder: Path, name: str, sweep: Sweep, metrics: list[str], layout: Layout) -> Drawing:
    png, pdf = save(layout.figure, folder / name)
    return Drawing(
        name, sweep.name, _caption(run, sweep, metrics, layout), png, pdf, layout.figure.get_figwidth() > COLUMN_IN
    )


def _caption(run: RunView, sweep: Sweep, metrics: list[str], layout: Layout) -> str:
    sentences = [f"Sweep {sweep.name}."]
    lettered = len(metrics) > 1 and "bits" not in metrics
    for i, metric in enumerate(metrics):
        meaning = metric_text(metric).meaning or f"{metric}."
        sentences.append(f"{panel_letter(i)} {meaning}" if lettered else meaning)
    if layout.references:
        sentences.append(f"Curves without markers: {'; '.join(layout.references)}.")
    sentences += layout.notes
    if sweep.axes.x is not None and "bits" not in metrics:
        sentences += [_going_together(sweep, sweep.axes.x, follower) for follower in sweep.axes.followers]
    if layout.lossless:
        sentences.append(f"No NMSE curve, as the error is rounding only: {', '.join(layout.lossless)}.")
    shown = sweep.rows[sweep.rows["metric"].isin(metrics)]
    if any(metric_text(name).logarithmic and (shown["value"][shown["metric"] == name] == 0).any() for name in metrics):
        sentences.append("Zeros have no place on the logarithmic scale.")
    if (shown["ci_low"].notna() & shown["ci_high"].notna()).any():
        counts = shown.loc[shown["ci_low"].notna(), "n"].dropna()
        span = sorted({round(counts.min()), round(counts.max())}) if len(counts) else []
        over = f" over {' to '.join(map(str, span))} samples" if span else ""
        sentences.append(f"Bars: 95 % confidence intervals{over}.")
    return " ".join(sentences)


def _going_together(sweep: Sweep, x: Axis, follower: Axis) -> str:
    pairs = sweep.rows.drop_duplicates(x.column).sort_values(x.column)
    texts = (", ".join(axis.text(value) for value in pairs[axis.column]) for axis in (x, follower))
    return f"{x.name} {next(texts)} goes with {follower.name.lower()} {next(texts)}."


def sweep_stems(run: RunView) -> list[str]:
    """File-name stems of the sweeps: letters, digits, - and _ only, each once."""
    stems: list[str] = []
    for sweep in run.sweeps:
        stem = re.sub(r"[^A-Za-z0-9_-]+", "_", sweep.name)[:60].strip("_") or "sweep"
        while stem in stems:
            stem += "_"
        stems.append(stem)
    return stems
