"""All figures of a run, chosen by what each sweep varies."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from linksim.comparison.operating_points import over_bits, spends_bits
from linksim.comparison.run_samples import point_rows
from linksim.report.figures.bits import draw_bits
from linksim.report.figures.captions import caption, example_caption, point_caption
from linksim.report.figures.complexity import draw_costs
from linksim.report.figures.distribution import draw_distributions
from linksim.report.figures.example import draw_example
from linksim.report.figures.file_stems import stems
from linksim.report.figures.layouts import Layout
from linksim.report.figures.levels import draw_levels
from linksim.report.figures.rate_distortion import draw_rate_distortion
from linksim.report.figures.sweep import NMSE_PAIR, draw_metrics, is_drawable
from linksim.report.tables.costs import at_ratios_of, ratios_beside, read_costs
from linksim.report.view.metric_format import metric_text
from linksim.report.view.rate_distortion import one_of_each_curve, parts_with_curves
from linksim.report.view.run_view import RunView, Sweep
from linksim.scenario.chosen_point import check_chosen, chosen_point
from linksim.scenario.sweep import Point
from linksim.simulation.example_matrices import read_example

OVERVIEW, EXAMPLE, COSTS, SWEEP = "overview", "example", "costs", "sweep:"
COSTS_FIGURE = "complexity"

# What stands side by side in one figure.
_SIMILARITY = ("sgcs",)
_RATE = ("rate_bps_hz", "rate_loss_bps_hz")
_SUM_RATE = ("sum_rate_bps_hz", "rank")
_CELL_RATE = ("cell_rate_bps_hz", "user_rate_bps_hz")
_THROUGHPUT = ("throughput_bps_hz", "bler")
_EDGE = ("rate_p5_bps_hz", "throughput_p5_bps_hz", "user_rate_p5_bps_hz")
# UEs differ by their place: distributions tell what curves over the bits do not.
_COVERAGE = "ue_snr_db"
_ERRORS = ("report_error_rate", "undetected_error_rate")
# What remembers earlier reports takes fewer bits where these are alike: errors over time say little without them.
_OVER_TIME = (("rate_bps_hz",), ("sgcs_e2e",), NMSE_PAIR, ("bits",), _SUM_RATE, _CELL_RATE, _THROUGHPUT)
# Figures by the column of the horizontal axis.
_FIGURES: dict[str, tuple[tuple[str, ...], ...]] = {
    "snr_db": (NMSE_PAIR, ("rho",), _SIMILARITY, _RATE, _SUM_RATE, _CELL_RATE, _THROUGHPUT, _EDGE),
    "feedback_snr_db": (NMSE_PAIR, _RATE, _CELL_RATE, _THROUGHPUT, _ERRORS),
    "compression_ratio": (NMSE_PAIR, ("rho",), _RATE),
    "speed_m_s": _OVER_TIME,
    "feedback_delay_s": _OVER_TIME,
    "feedback.report_period_s": _OVER_TIME,
    "feedback.n_reports": _OVER_TIME,
    "feedback.predictor.order": _OVER_TIME,
}
_OTHER_FIGURES = (NMSE_PAIR, ("rho",), _RATE, _SUM_RATE, _CELL_RATE, _THROUGHPUT, _EDGE, _ERRORS)
_POINT_METRICS = (*NMSE_PAIR, "rho", "rate_bps_hz", "report_error_rate")
# The first of these that a run has stands between error and rate; a cosine of channels is not defined for precoders.
_SIMILARITIES = ("sgcs", "rho")


@dataclass(frozen=True)
class Plan:
    """A figure before it is saved.

    Attributes:
        name: its file stem.
        place: where in a report: one of ``OVERVIEW``, ``EXAMPLE``, ``COSTS``, or the name of a sweep after ``sweep:``.
        caption: what it shows, which metrics, and what the bars are.
        figure: the figure.
    """

    name: str
    place: str
    caption: str
    figure: Figure


def figure_groups(run: RunView) -> dict[str, int]:
    """Names of the groups that a run's figures fall into, in their order, and how long each takes to draw, about."""
    drawn = {f"{SWEEP}{sweep.name}": len(sweep.rows) for sweep in run.sweeps}
    most = max(drawn.values(), default=1)
    return {OVERVIEW: most // 3, EXAMPLE: most // 4, **drawn, COSTS: most // 2}


def figure_layouts(run: RunView, groups: Iterable[str] | None = None) -> Iterator[Plan]:
    """Figures of a run, one after the other; to be drawn and saved within ``paper_style``.

    Args:
        run: the run.
        groups: which of ``figure_groups``; by default all.
    """
    check_chosen(run.samples.points, run.options.at)
    sweeps = {f"{SWEEP}{sweep.name}": (sweep, stem) for sweep, stem in zip(run.sweeps, sweep_stems(run), strict=True)}
    for group in figure_groups(run) if groups is None else groups:
        if group in sweeps:
            yield from _of_sweep(run, *sweeps[group])
        else:
            yield from {OVERVIEW: _overview, EXAMPLE: _example, COSTS: _costs}[group](run)


def _overview(run: RunView) -> Iterator[Plan]:
    overview = None if run.options.metrics else _overview_sweep(run)
    if overview is not None:
        metrics = _over_axis(run, overview, _overview_metrics(overview))
        layout = draw_metrics(run, overview, metrics)
        yield Plan(OVERVIEW, OVERVIEW, caption(run, overview, metrics, layout), layout.figure)


def _example(run: RunView) -> Iterator[Plan]:
    example = read_example(run.folder)
    if example is not None and not run.options.metrics and set(example.rebuilt) & set(run.styles):
        yield Plan(EXAMPLE, EXAMPLE, example_caption(run, example), draw_example(run, example))


def _of_sweep(run: RunView, sweep: Sweep, stem: str) -> Iterator[Plan]:
    joined = draw_rate_distortion(run, sweep)
    if joined is not None:
        layout, metrics = joined
        yield Plan(f"{stem}_equal_bits", OVERVIEW, caption(run, sweep, metrics, layout), layout.figure)
        if sweep.has(_COVERAGE):
            yield from _distributions(one_of_each_curve(run, sweep), sweep, stem)
        return
    for name, metrics, shown, layout in _layouts(run, sweep):
        text = caption(run, shown, metrics, layout)
        yield Plan(f"{stem}_{name}", f"{SWEEP}{sweep.name}", text, layout.figure)
    yield from _distributions(run, sweep, stem)


def _distributions(run: RunView, sweep: Sweep, stem: str) -> Iterator[Plan]:
    """Distributions at a sweep's chosen point; points that sweeps share are drawn once."""
    point = _distributed(run, sweep)
    earlier = itertools.takewhile(lambda other: other.name != sweep.name, run.sweeps)
    if point is None or any(point.key == shown.key for other in earlier if (shown := _distributed(run, other))):
        return
    samples = run.samples.of_point(point)
    made = None if samples is None else draw_distributions(run, samples)
    if samples is not None and made is not None:
        layout, metrics = made
        text = point_caption(run, sweep, point, metrics, layout, f"Distribution over {len(samples)} test channels")
        yield Plan(f"{stem}_cdf", f"{SWEEP}{sweep.name}", text, layout.figure)


def _distributed(run: RunView, sweep: Sweep) -> Point | None:
    """The point of a sweep whose distributions are shown, if any are."""
    if parts_with_curves(run, sweep) and not sweep.has(_COVERAGE):
        return None
    points = [point for point in run.samples.points if point.sweep == sweep.name]
    return chosen_point(points, run.scenario, run.options.at)


def _costs(run: RunView) -> Iterator[Plan]:
    """Errors against costs, at the point of the first sweep that has two compressors at the costs' ratios."""
    costs = read_costs(run.folder)
    if costs is None or (run.options.metrics and "nmse_db" not in run.options.metrics):
        return
    first: Point | None = None
    for sweep in run.sweeps:
        point = chosen_point([point for point in run.samples.points if point.sweep == sweep.name], run.scenario, {})
        first = first or point
        # Costs are of matrices of the first sweep that a compressor takes part in.
        if point is None or first is None or _matrices(point) != _matrices(first):
            continue
        rows = point_rows(run.results, point)
        made = draw_costs(run, at_ratios_of(costs, rows).set_index("compressor"), rows)
        if made is not None:
            layout, metrics = made
            text = point_caption(run, sweep, point, metrics, layout, "Error against what one report costs")
            others = ratios_beside(costs, rows, point.scenario.compression_ratio, run.title)
            yield Plan(COSTS_FIGURE, COSTS, " ".join(filter(None, (text, others))), layout.figure)
            return


def _matrices(point: Point) -> tuple[object, ...]:
    """What decides the size of the matrices that are reported."""
    return point.scenario.channel, point.scenario.transform.n_delay, point.scenario.sgcs, point.scenario.precoder


def _layouts(run: RunView, sweep: Sweep) -> Iterator[tuple[str, list[str], Sweep, Layout]]:
    """File stem, metrics, what of the sweep is shown, and the figure."""
    if sweep.axes.x is not None:
        drawn = False
        for group in _groups(run, sweep):
            metrics = _over_axis(run, sweep, group)
            # What is lost by the reports fills a figure of its own where there are several panels.
            for part in [metrics] if not sweep.axes.panels or group == NMSE_PAIR else [[name] for name in metrics]:
                if part and not (sweep.axes.panels and part == ["rate_loss_bps_hz"] and not run.options.metrics):
                    drawn = True
                    yield metric_text(part[0]).short, part, sweep, draw_metrics(run, sweep, part)
        errors = [metric for metric in NMSE_PAIR if sweep.has(metric)]
        wanted = not run.options.metrics or "bits" in run.options.metrics
        if errors and wanted and _bits_vary(sweep):
            layout = draw_bits(run, sweep, errors)
            if layout is not None:
                drawn = True
                yield "nmse_bits", [*errors, "bits"], sweep, layout
        if drawn:
            return
    # The horizontal axis has nothing of its own: each metric stands over what it does depend on, or is a single value.
    usual = (*_POINT_METRICS, *_SIMILARITY) if sweep.reports_precoders else _POINT_METRICS
    metrics = [name for name in _with_pair(run.options.metrics) or usual if is_drawable(run, sweep, name)]
    levels = [name for name in metrics if sweep.reduced_to(name).axes.x is None]
    for name in metrics:
        if name not in levels:
            shown = sweep.reduced_to(name)
            yield metric_text(name).short, [name], shown, draw_metrics(run, shown, [name])
    if levels:
        yield "point", levels, sweep, draw_levels(run, sweep, levels)


def _groups(run: RunView, sweep: Sweep) -> Sequence[Sequence[str]]:
    chosen = run.options.metrics
    if not chosen:
        assert sweep.axes.x is not None
        groups = _FIGURES.get(sweep.axes.x.column, _OTHER_FIGURES)
        # What precoders and channels have in common.
        return groups if _SIMILARITY in groups or not sweep.reports_precoders else (*groups, _SIMILARITY)
    return [
        NMSE_PAIR if metric == "nmse_db" else (metric,)
        for metric in chosen
        if metric != "nmse_e2e_db" or "nmse_db" not in chosen
    ]


def _with_pair(metrics: Sequence[str]) -> list[str]:
    """The error of the whole channel beside that of the truncated matrix."""
    pairs = [NMSE_PAIR if metric == "nmse_db" else (metric,) for metric in metrics]
    return list(dict.fromkeys(metric for pair in pairs for metric in pair))


def _over_axis(run: RunView, sweep: Sweep, metrics: Sequence[str]) -> list[str]:
    """Those metrics of a sweep that depend on its horizontal axis, and that a compressor has a curve of."""
    x = sweep.axes.x
    there = [metric for metric in metrics if sweep.has(metric) and is_drawable(run, sweep, metric)]
    return [metric for metric in there if x is not None and sweep.reduced_to(metric).axes.x == x]


def _bits_vary(sweep: Sweep) -> bool:
    varying = [axis.column for axis in sweep.varying]
    if not any(map(spends_bits, varying)) or not over_bits(sweep.rows, varying):
        # Lengths that follow the noise are no choice of operating points, and one curve is of one SNR.
        return False
    bits = sweep.rows[sweep.rows["metric"] == "bits"]
    # Side information may vary where the bits of all others are meant to be the same.
    return not bits.empty and bool((bits.groupby("compressor")["value"].nunique() > 1).mean() >= 0.5)


def _overview_sweep(run: RunView) -> Sweep | None:
    """The sweep over the downlink SNR, else the first that makes plain curves of NMSE, similarity and rate."""
    plain = [sweep for sweep in run.sweeps if sweep.axes.x is not None and not sweep.axes.panels]
    full = [sweep for sweep in plain if _is_full(run, sweep)]
    over_snr = [sweep for sweep in full if sweep.axes.x is not None and sweep.axes.x.column == "snr_db"]
    return next(iter(over_snr or full), None)


def _overview_metrics(sweep: Sweep) -> list[str]:
    """Errors, the first similarity that there is, and the rate."""
    similarity = next((name for name in _SIMILARITIES if sweep.has(name)), _SIMILARITIES[-1])
    return [*NMSE_PAIR, similarity, "rate_bps_hz"]


def _is_full(run: RunView, sweep: Sweep) -> bool:
    needed = [metric for metric in _overview_metrics(sweep) if metric != "nmse_e2e_db"]
    return len(_over_axis(run, sweep, needed)) == len(needed)


def sweep_stems(run: RunView) -> list[str]:
    """File-name stems of the sweeps, each once."""
    return stems([sweep.name for sweep in run.sweeps])
