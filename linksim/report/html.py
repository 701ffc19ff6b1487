"""The report of a run: one self-contained HTML page, readable in any browser and on paper."""

import base64
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from linksim.files import write_whole
from linksim.report.figures.drawing import FIGURES_FOLDER, Drawing, remove_superseded
from linksim.report.figures.learning_curves import LEARNING_CURVES, write_learning_curves
from linksim.report.figures.of_a_run import COSTS, EXAMPLE, OVERVIEW, SWEEP
from linksim.report.page_parts import PageParts, page_parts
from linksim.report.tables.costs import cost_rows, read_costs
from linksim.report.tables.learning import HEADS as LEARNING_HEADS
from linksim.report.tables.learning import learning_rows
from linksim.report.tables.rate_distortion import distance_heads, distance_rows, distance_table
from linksim.report.tables.sampling import read_sampling
from linksim.report.tables.sweep import SweepTable
from linksim.report.view.figure_options import FigureOptions
from linksim.report.view.run_view import RunView, view_run
from linksim.report.view.scenario_summary import quantity, scenario_summary
from linksim.storage.csv_text import csv_text

if TYPE_CHECKING:
    from linksim.execution.executor import Executor

REPORT_NAME = "report.html"
DISTANCES_NAME = "equal_bits.csv"
# Place of the learning curves on the page.
_TRAINING = "training"

# Shown elsewhere on the page, or too long for a line.
_OWN_PLACE = ("scenario", "description", "command", "wall_time_s", "compressors", "estimators", "warnings")


@dataclass(frozen=True)
class InlineFigure:
    """A figure as the page holds it: PNG in base64, its caption, and whether it spans two columns on paper."""

    name: str
    png: str
    caption: str
    wide: bool


@dataclass(frozen=True)
class SweepSection:
    """Figures and tables of one sweep."""

    name: str
    figures: list[InlineFigure]
    tables: list[SweepTable]


def write_report(
    of_run: Path | RunView, options: FigureOptions | None = None, executor: "Executor | None" = None
) -> Path:
    """Draws the figures of a run and writes ``<run_folder>/report.html``.

    Args:
        of_run: folder of the run; or the run as it is viewed, which has its options.
        options: which curves and figures of the folder, and how they look.
        executor: where figures are drawn and tables made; by default in this process.

    Returns:
        The page; it refers to nothing outside itself.

    Raises:
        InputError: if the run's files cannot be read; one line.
    """
    run = of_run if isinstance(of_run, RunView) else view_run(of_run, options=options)
    return write_page(run, page_parts(run, executor))


def write_page(run: RunView, parts: PageParts) -> Path:
    """Writes ``report.html`` from its parts, and ``equal_bits.csv``; figures that it does not show are removed.

    Returns:
        The page.
    """
    costs = cost_rows(read_costs(run.folder))
    drawings = [*parts.drawings, *_training(run)]
    page = _template().render(_content(run, replace(parts, drawings=drawings), costs))
    path = run.folder / REPORT_NAME
    write_whole(path, page)
    table = distance_table(parts.distances)
    if table.empty:
        (run.folder / DISTANCES_NAME).unlink(missing_ok=True)
    else:
        write_whole(run.folder / DISTANCES_NAME, csv_text(table))
    remove_superseded(run, drawings)
    return path


def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("linksim.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")


def _training(run: RunView) -> list[Drawing]:
    """Learning curves of the networks that the run trained itself."""
    folder = run.folder / FIGURES_FOLDER
    logs = [path for path in (run.folder / "training").glob("*") if path.is_dir()]
    files = write_learning_curves(folder, logs, run.options.palette, run.options.vector)
    text = "Error on validation channels while the networks of this run were trained, against training channels seen."
    return [Drawing(LEARNING_CURVES, _TRAINING, text, files, True)] if files else []


def _content(run: RunView, parts: PageParts, costs: tuple[list[str], list[list[str]]]) -> dict[str, Any]:
    manifest = run.manifest

    def figures(place: str) -> list[InlineFigure]:
        return [_inline(drawing) for drawing in parts.drawings if drawing.place == place]

    sections = [
        SweepSection(
            sweep.name,
            figures(f"{SWEEP}{sweep.name}"),
            [table for table in parts.tables if table.sweep == sweep.name],
        )
        for sweep in run.sweeps
    ]
    scenario_file = run.folder / "scenario.yaml"
    times = manifest.get("wall_time_s")
    return {
        "name": run.name,
        "description": str(run.scenario.get("description") or manifest.get("description") or ""),
        "finished": str(manifest.get("finished") or ""),
        "warnings": [str(line) for line in manifest.get("warnings") or ()],
        "words": scenario_summary(run.scenario),
        "overview": figures(OVERVIEW),
        "distances": [(distance_heads(run, found), distance_rows(run, found)) for found in parts.distances],
        "training": figures(_TRAINING),
        "example": figures(EXAMPLE),
        "cost_figures": figures(COSTS),
        "sections": sections,
        "sampling": read_sampling(run.folder),
        "cost_heads": costs[0],
        "costs": costs[1],
        "learning_heads": LEARNING_HEADS,
        "learning": learning_rows(manifest),
        "scenario_yaml": scenario_file.read_text(encoding="utf-8") if run.scenario else "",
        "facts": [(_words(key), _fact(key, value)) for key, value in manifest.items() if key not in _OWN_PLACE],
        "times": [(_words(stage), _seconds(time)) for stage, time in times.items()] if isinstance(times, dict) else [],
        "command": str(manifest.get("command") or ""),
    }


def _inline(drawing: Drawing) -> InlineFigure:
    png = base64.b64encode(drawing.files[0].read_bytes()).decode("ascii")
    return InlineFigure(drawing.name, png, drawing.caption, drawing.wide)


def _words(key: Any) -> str:
    return str(key).replace("_", " ").capitalize()


def _fact(key: str, value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(quantity(str(name), entry) for name, entry in value.items() if entry is not None)
    return quantity(str(key), value, bare=True)


def _seconds(time: Any) -> str:
    return f"{time:.1f} s" if isinstance(time, int | float) else str(time)
