"""A run's tables and figures as files for a paper."""

from pathlib import Path

import pandas as pd

from linksim.errors import InputError
from linksim.files import write_whole
from linksim.report.figures.of_a_run import figure_layouts, sweep_stems
from linksim.report.figures.pgf import write_pgf
from linksim.report.figures.sweep import NMSE_PAIR
from linksim.report.tables.formats import suffix, table_text
from linksim.report.tables.sweep import sweep_tables
from linksim.report.view.figure_options import FigureOptions
from linksim.report.view.metric_format import metric_text
from linksim.report.view.run_view import RunView, view_run
from linksim.report.view.style import paper_style, write_pdf
from linksim.reserved_names import NO_COMPRESSOR


def write_tables(
    run_folder: Path,
    kind: str,
    metrics: tuple[str, ...],
    axis: str | None,
    folder: Path,
    options: FigureOptions | None = None,
) -> list[Path]:
    """Writes a table for every metric, sweep and panel.

    Args:
        run_folder: folder of the run.
        kind: ``latex``, ``markdown`` or ``csv``.
        metrics: metrics of the run; by default the error of the truncated matrix, and that of the whole channel, or
            all that compressors differ in where it has neither.
        axis: column of the results that goes across; by default that of the most values.
        folder: where to.
        options: which compressors, in which order.

    Raises:
        InputError: if the run's files cannot be read, or it has no such metric or axis; one line.
    """
    run = _view(run_folder, axis, options)
    known = list(run.results["metric"].drop_duplicates())
    files = []
    for metric in metrics or _usual_metrics(run.results):
        if metric not in known:
            raise InputError(f"--metric: got {metric!r}, expected one of {', '.join(known)}")
        stems = dict(zip((sweep.name for sweep in run.sweeps), sweep_stems(run), strict=True))
        counts: dict[str, int] = {}
        tables = sweep_tables(run, (metric,))
        for table in tables:
            counts[table.sweep] = counts.get(table.sweep, 0) + 1
            several = sum(other.sweep == table.sweep for other in tables) > 1
            number = f"_{counts[table.sweep]}" if several else ""
            stem = f"{stems[table.sweep]}_{metric_text(metric).short}{number}"
            files.append(folder / f"{stem}.{suffix(kind)}")
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(files[-1], table_text(table, kind, stem))
    return files


def export_figures(
    run_folder: Path, kind: str, axis: str | None, folder: Path, options: FigureOptions | None = None
) -> list[Path]:
    """Writes all figures of a run as ``pdf`` or ``pgf``; images, which PGF cannot hold, as PDF in either case."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    with paper_style():
        for plan in figure_layouts(_view(run_folder, axis, options)):
            has_images = any(axes.images for axes in plan.figure.axes)
            files.append(folder / f"{plan.name}.{'pdf' if has_images else kind}")
            (write_pgf if files[-1].suffix == ".pgf" else write_pdf)(plan.figure, files[-1])
    return files


def _usual_metrics(results: pd.DataFrame) -> list[str]:
    known = list(results["metric"].drop_duplicates())
    of_compressors = set(results["metric"][results["compressor"] != NO_COMPRESSOR])
    return [name for name in NMSE_PAIR if name in known] or [name for name in known if name in of_compressors] or known


def _view(run_folder: Path, axis: str | None, options: FigureOptions | None = None) -> RunView:
    run = view_run(run_folder, axis, options)
    if not run.sweeps:
        swept = [sweep.axes.x.column for sweep in view_run(run_folder).sweeps if sweep.axes.x is not None]
        raise InputError(f"--axis: got {axis!r}, expected an axis of the run, such as {', '.join(swept) or 'none'}")
    return run
