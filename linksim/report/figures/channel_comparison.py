"""Figures of two sets of channels side by side."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from channels.statistics.sliced_wasserstein import phase_free
from linksim.datasets.comparison import SPARSITY_PERCENT, Comparison, SampleStatistics, Track
from linksim.report.figures.matrix_image import DELAY_LABEL, angle_label, decibels, draw_matrix
from linksim.report.view.curve_style import CurveStyle, curve_style_at
from linksim.report.view.style import DOUBLE_COLUMN_IN, paper_style, plain_text, save
from linksim.statistics.accumulator import interval
from linksim.statistics.skewed_interval import Spread

_PANEL_HEIGHT_IN = 2.1
_N_PICTURES = 4
# As many fit beside a picture.
_LABEL_CHARACTERS = 24
_MIN_SHARE = 1e-6


def draw_comparison(comparison: Comparison, folder: Path) -> list[Path]:
    """Draws all figures of a comparison, PNG and PDF.

    Returns:
        The files written.
    """
    sets = [comparison.a, comparison.b]
    drawings: dict[str, Callable[[list[SampleStatistics]], Figure]] = {
        "spreads": _draw_spreads,
        "profiles": _draw_profiles,
        "sparsity": _draw_sparsity,
        "mean_matrix": _draw_mean_matrices,
        "samples": _draw_samples,
    }
    if all(part.track is not None for part in sets):
        drawings["temporal"] = _draw_temporal
    written: list[Path] = []
    with paper_style():
        for name, draw in drawings.items():
            written += save(draw(sets), folder / name)
    return written


def _draw_spreads(sets: list[SampleStatistics]) -> Figure:
    figure, (delay, angle) = _panels(sets, 2)
    for part, style in _with_styles(sets):
        _draw_distribution(delay, part.delay_spread_s.cpu().numpy() * 1e9, style)
        _draw_distribution(angle, part.angular_spread_rad.rad2deg().cpu().numpy(), style)
    delay.set(xlabel="RMS delay spread [ns]", ylabel="Share of samples", xlim=(0, None), ylim=(0, 1))
    angle.set(xlabel="Angular spread, electrical [deg]", ylabel="Share of samples", xlim=(0, None), ylim=(0, 1))
    return figure


def _draw_profiles(sets: list[SampleStatistics]) -> Figure:
    figure, (delay, angle) = _panels(sets, 2)
    for part, style in _with_styles(sets):
        row_ns = 1e9 / part.channels.source.grid.bandwidth_hz
        rows = np.arange(part.delay_profile.shape[1]) * row_ns
        _draw_mean(delay, rows, part.delay_profile, style, decibel=True)
        bins = np.arange(float(part.angle_profile.shape[1]))
        _draw_mean(angle, bins, part.angle_profile, style, decibel=True)
    delay.set(xlabel="Delay [ns]", ylabel="Share of energy per row [dB]", xlim=(0, None))
    label = angle_label(max((part.channels.source.array for part in sets), key=lambda array: array.n_ports))
    angle.set(xlabel=label, ylabel="Share of energy per bin [dB]", xlim=(0, None))
    return figure


def _draw_sparsity(sets: list[SampleStatistics]) -> Figure:
    figure, (curve, image) = _panels(sets, 2)
    for part, style in _with_styles(sets):
        _draw_mean(curve, np.asarray(SPARSITY_PERCENT), part.sparsity, style)
        _draw_distribution(image, part.image_energy.cpu().numpy(), style)
    curve.set(xlabel="Largest entries [% of the matrix]", ylabel="Share of energy", xlim=(0, None), ylim=(None, 1))
    image.set(xlabel="Energy of the image scaled to [0, 1]", ylabel="Share of samples", xlim=(0, None), ylim=(0, 1))
    return figure


def _draw_temporal(sets: list[SampleStatistics]) -> Figure:
    figure, (correlation, hold) = _panels(sets, 2)
    for part, style in _with_styles(sets):
        assert part.track is not None
        track: Track = part.track
        lags_ms = track.lags_s.cpu().numpy() * 1e3
        _draw_mean(correlation, lags_ms, track.correlation, style)
        _draw_mean(hold, lags_ms[1:], track.hold[:, 1:], style, decibel=True)
    correlation.set(xlabel="Lag [ms]", ylabel=r"Correlation $|\rho|$", xlim=(0, None), ylim=(0, 1))
    hold.set(xlabel="Lag [ms]", ylabel="NMSE of holding [dB]", xlim=(0, None))
    return figure


def _draw_mean_matrices(sets: list[SampleStatistics]) -> Figure:
    figure = Figure(figsize=(DOUBLE_COLUMN_IN, 2.6), layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, part in zip(panels, sets, strict=True):
        mean = phase_free(part.csi).to(torch.float64).mean(0).reshape(part.csi.shape[1:])
        image = draw_matrix(axes, decibels(mean.cpu().numpy()))
        axes.set(
            xlabel=angle_label(part.channels.source.array), ylabel=DELAY_LABEL, title=plain_text(part.channels.label)
        )
    figure.colorbar(image, ax=panels, label=r"Mean $|X| / \Vert X \Vert$, to the largest [dB]", pad=0.015)
    return figure


def _draw_samples(sets: list[SampleStatistics]) -> Figure:
    count = min(_N_PICTURES, *(len(part.csi) for part in sets))
    figure = Figure(figsize=(DOUBLE_COLUMN_IN, 3.9), layout="constrained")
    panels = figure.subplots(2, count, sharex="row", sharey="row", squeeze=False)
    for line, part in zip(panels, sets, strict=True):
        for i, axes in enumerate(line):
            image = draw_matrix(axes, decibels(part.csi[i].abs().cpu().numpy()))
            axes.set_title(f"sample {i}")
            axes.set_xlabel("Angular bin")
        line[0].set_ylabel(f"{plain_text(part.channels.label)[:_LABEL_CHARACTERS]}\n{DELAY_LABEL}")
    figure.colorbar(image, ax=panels, label=r"$|X|$, to the largest [dB]", pad=0.015)
    return figure


def _panels(sets: list[SampleStatistics], count: int) -> tuple[Figure, list[Axes]]:
    """Panels side by side under a legend of both sets."""
    figure = Figure(figsize=(DOUBLE_COLUMN_IN, _PANEL_HEIGHT_IN + 0.15), layout="constrained")
    panels = list(figure.subplots(1, count, squeeze=False).flat)
    for i, axes in enumerate(panels):
        axes.set_title(f"({chr(ord('a') + i)})", loc="left")
    handles = [panels[0].plot([], [], **_line(style))[0] for _, style in _with_styles(sets)]
    names = [plain_text(part.channels.label) for part in sets]
    figure.legend(handles, names, loc="outside upper center", ncols=2)
    return figure, panels


def _with_styles(sets: list[SampleStatistics]) -> list[tuple[SampleStatistics, CurveStyle]]:
    return [(part, curve_style_at(place)) for place, part in enumerate(sets)]


def _line(style: CurveStyle) -> dict[str, object]:
    return {"color": style.colour, "linestyle": style.line, "linewidth": style.width}


def _draw_distribution(axes: Axes, values: NDArray[np.floating], style: CurveStyle) -> None:
    values = np.sort(values)
    shares = np.arange(1, len(values) + 1) / len(values)
    axes.step(np.append(values[:1], values), np.append(0, shares), where="post", **_line(style))  # type: ignore[arg-type]


def _draw_mean(
    axes: Axes, x: NDArray[np.floating], values: Tensor, style: CurveStyle, *, decibel: bool = False
) -> None:
    """Mean over the samples and the band of its 95 % interval."""
    table = values.cpu().numpy()
    mean = table.mean(axis=0)
    if decibel:
        mean = np.maximum(mean, _MIN_SHARE)
    # The same intervals as in the table.
    found = [interval(float(m), Spread.of(column), decibel=decibel) for m, column in zip(mean, table.T, strict=True)]
    mean = np.array([each.value for each in found])
    low, high = (
        np.array([each.value if end is None else end for each, end in zip(found, ends, strict=True)])
        for ends in ([each.low for each in found], [each.high for each in found])
    )
    axes.plot(x, mean, **_line(style))  # type: ignore[arg-type]
    axes.fill_between(x, low, high, color=style.colour, alpha=0.2, linewidth=0)
