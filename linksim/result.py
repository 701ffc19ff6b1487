"""What a run, and a training, leave to Python users."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linksim.scenario.model import Scenario
from linksim.scenario_like import load_scenario

if TYPE_CHECKING:
    import pandas as pd

    from feedback.checkpoint_info import CheckpointInfo
    from linksim.report.view.figure_options import FigureOptions


@dataclass(frozen=True)
class Result:
    """A run, by the files that it left; shows its main table in a notebook.

    Attributes:
        folder: where they lie: ``results.csv``, ``scenario.yaml``, ``manifest.json``, and more.
    """

    folder: Path

    @cached_property
    def table(self) -> "pd.DataFrame":
        """One row per (sweep, point, compressor, metric).

        Columns ``sweep``, ``compressor``, ``metric``, ``unit``, the axes, ``value``, ``ci_low`` and ``ci_high`` (95 %
        interval), ``n`` and percentiles: ``linksim.storage.results_table.read_results``.
        """
        from linksim.storage.results_table import read_results

        return read_results(self.folder)

    @cached_property
    def scenario(self) -> Scenario:
        """The scenario that was run, every default filled in."""
        return load_scenario(self.folder / "scenario.yaml")

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Where the results come from: versions, machine, times, warnings; empty if the run was stopped."""
        from linksim.storage.results_table import read_manifest

        return read_manifest(self.folder)

    def figures(self, options: "FigureOptions | None" = None) -> dict[str, Path]:
        """Draws the figures, PNG and PDF, into ``figures/`` of the folder.

        Args:
            options: which curves and figures, and how they look.

        Returns:
            The PNG file of each figure by its name.

        Raises:
            InputError: if an option does not fit the run.
        """
        from linksim.report import draw_figures

        return {file.stem: file for file in draw_figures(self.folder, options) if file.suffix == ".png"}

    def report(self, options: "FigureOptions | None" = None) -> Path:
        """Draws the figures and writes ``report.html``, a page that refers to nothing outside itself.

        Args:
            options: as for ``figures``.

        Returns:
            The page.

        Raises:
            InputError: if an option does not fit the run.
        """
        from linksim.report import write_report

        return write_report(self.folder, options)

    def _repr_html_(self) -> str:
        from linksim.report.tables.notebook import result_html

        return result_html(self.folder)


@dataclass(frozen=True)
class Weights:
    """Trained weights of a network.

    Attributes:
        path: file of tensors.
        info: what the document beside it says: training, channels seen, NMSE, hash.
    """

    path: Path
    info: "CheckpointInfo"
