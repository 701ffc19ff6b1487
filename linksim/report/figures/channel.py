"""The figure of one channel: response and angular-delay matrix above, paths and time below."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from linksim.datasets.view import ChannelView, PathView, TimeView
from linksim.report.figures.layouts import panel_letter
from linksim.report.figures.matrix_image import COLOUR_MAP, DELAY_LABEL, FLOOR_DB, angle_label, decibels, draw_matrix
from linksim.report.view.curve_style import curve_style_at
from linksim.report.view.style import DOUBLE_COLUMN_IN, paper_style, plain_text, save

_ROW_HEIGHT_IN = 2.5
_MIN_POWER = 1e-12


def draw_channel(view: ChannelView, stem: Path) -> list[Path]:
    """Draws a channel into ``<stem>.png`` and ``<stem>.pdf``."""
    with paper_style():
        return save(_figure(view), stem)


def _figure(view: ChannelView) -> Figure:
    lower: list[Callable[[Figure, Axes], None]] = []
    if view.paths is not None:
        paths = view.paths
        lower.append(lambda figure, axes: _draw_paths(figure, axes, paths))
    if view.time is not None:
        time = view.time
        lower += [lambda _, axes: _draw_fading(axes, time), lambda _, axes: _draw_correlation(axes, time)]
    figure = Figure(figsize=(DOUBLE_COLUMN_IN, (2 if lower else 1) * _ROW_HEIGHT_IN + 0.2), layout="constrained")
    figure.suptitle(plain_text(f"{view.label}, {view.split} sample {view.sample}"))
    parts = figure.subfigures(2 if lower else 1, 1, squeeze=False)[:, 0]
    upper = parts[0].subplots(1, 2)
    _draw_response(parts[0], upper[0], view)
    _draw_angular_delay(parts[0], upper[1], view)
    panels = list(upper)
    if lower:
        panels += list(parts[1].subplots(1, len(lower), squeeze=False).flat)
        for draw, axes in zip(lower, panels[2:], strict=True):
            draw(parts[1], axes)
    for i, axes in enumerate(panels):
        axes.set_title(panel_letter(i), loc="left")
    return figure


def _draw_response(figure: Figure, axes: Axes, view: ChannelView) -> None:
    level = decibels(view.response.abs().cpu().numpy().T)
    image = draw_matrix(axes, level)
    offsets_mhz = view.grid.frequencies_hz().numpy() / 1e6
    image.set_extent((offsets_mhz[0], offsets_mhz[-1], len(level) - 0.5, -0.5))
    axes.set(xlabel="Frequency from the carrier [MHz]", ylabel="Port")
    figure.colorbar(image, ax=axes, label="$|H|$, to the largest [dB]", pad=0.02)


def _draw_angular_delay(figure: Figure, axes: Axes, view: ChannelView) -> None:
    image = draw_matrix(axes, decibels(view.csi.abs().cpu().numpy()))
    if len(view.csi) > view.n_delay:
        axes.axhline(view.n_delay - 0.5, color="white", linewidth=1.2, linestyle=(0, (4, 2)))
        text = f"{view.n_delay} rows kept: {100 * view.energy_kept:.1f} % of the energy"
        axes.annotate(
            text, (0.5, view.n_delay - 0.5), xycoords=("axes fraction", "data"), xytext=(0, -3),
            textcoords="offset points", color="white", fontsize=7, ha="center", va="top",
        )  # fmt: skip
    axes.set(xlabel=angle_label(view.array), ylabel=DELAY_LABEL)
    figure.colorbar(image, ax=axes, label="$|X|$, to the largest [dB]", pad=0.02)


def _draw_paths(figure: Figure, axes: Axes, paths: PathView) -> None:
    power = paths.power.cpu().numpy()
    level = decibels(np.sqrt(power))
    delay_ns = paths.delay_s.cpu().numpy() * 1e9
    shown = level > FLOOR_DB
    delay_ns, level = delay_ns[shown], level[shown]
    axes.set(xlabel="Delay [ns]")
    if paths.azimuth_rad is None:
        axes.vlines(delay_ns, FLOOR_DB, level, color=_colours()[0], linewidth=0.9)
        axes.plot(delay_ns, level, "o", color=_colours()[0], markersize=2.5)
        axes.set(ylabel="Path power [dB]", ylim=(FLOOR_DB, 2))
    else:
        azimuth = np.rad2deg(paths.azimuth_rad.cpu().numpy()[shown])
        # The strongest on top.
        order = np.argsort(level)
        dots = axes.scatter(
            delay_ns[order], azimuth[order], c=level[order], s=9, cmap=COLOUR_MAP, vmin=FLOOR_DB, vmax=0, linewidths=0
        )
        axes.set(ylabel="Azimuth from array axis [deg]", ylim=(-180, 180), yticks=(-180, -90, 0, 90, 180))
        figure.colorbar(dots, ax=axes, label="Ray power [dB]", pad=0.02)
    axes.set_title(f"RMS delay spread {1e9 * paths.delay_spread_s:.3g} ns", fontsize=7)


def _draw_fading(axes: Axes, time: TimeView) -> None:
    times_ms = time.times_s.numpy() * 1e3
    mean = float(time.mean_power.mean())
    for power, name, colour, line in zip(
        (time.entry_power, time.mean_power), ("port 0, carrier", "mean of all"), _colours(), ("-", (0, (5, 1.5))),
        strict=True,
    ):  # fmt: skip
        level = 10 * np.log10(np.maximum(power.cpu().numpy() / (mean or 1.0), _MIN_POWER))
        axes.plot(times_ms, level, color=colour, linestyle=line, label=name)
    axes.set(xlabel="Time [ms]", ylabel="Power, to the mean [dB]", xlim=(0, times_ms[-1]))
    # Room for the legend above the curves.
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.3 * (high - low))
    axes.legend(loc="upper left")


def _draw_correlation(axes: Axes, time: TimeView) -> None:
    axes.plot(time.times_s.numpy() * 1e3, time.correlation.cpu().numpy(), color=_colours()[0])
    axes.set(xlabel="Lag [ms]", ylabel=r"Correlation $|\rho|$", xlim=(0, None), ylim=(0, 1.02))


def _colours() -> list[str]:
    return [curve_style_at(place).colour for place in range(2)]
