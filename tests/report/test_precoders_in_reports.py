"""Tables and figures of a run in which some compressors report precoders, which have no error of a channel."""

from pathlib import Path

import pandas as pd
import pytest

from linksim.report import draw_figures
from linksim.report.tables.sweep import UNDEFINED, shown_metrics, sweep_tables
from linksim.report.view.figure_options import FigureOptions
from linksim.report.view.run_view import view_run
from tests.report.made_up_run import write_run

OF_CHANNELS = ["nmse_db", "nmse_e2e_db", "rho"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over the ratio in which top-k stands for a codebook."""
    folder = write_run(tmp_path_factory.mktemp("run"), {"over_ratio": {"compression_ratio": (4.0, 8.0)}})
    table = pd.read_csv(folder / "results.csv")
    undefined = (table["compressor"] == "topk") & table["metric"].isin(OF_CHANNELS)
    table[~undefined].to_csv(folder / "results.csv", index=False)
    return folder


def test_cells_say_where_a_metric_is_not_defined(run: Path) -> None:
    view = view_run(run)
    assert shown_metrics(view) == ("nmse_db", "rho", "sgcs", "rate_bps_hz")
    (table,) = sweep_tables(view, shown_metrics(view))
    blocks = {block.metric.name: {row.label: row for row in block.rows} for block in table.blocks}
    for name in OF_CHANNELS:
        row = blocks[name]["topk"]
        assert [cell.value for cell in row.cells] == [UNDEFINED, UNDEFINED]
        # It competes with nobody.
        assert row.reference
        assert UNDEFINED not in {cell.value for cell in blocks[name]["csinet"].cells}
    assert blocks["sgcs"]["topk"].cells[0].value == "0.7700"
    assert UNDEFINED not in {cell.value for row in blocks["rate_bps_hz"].values() for cell in row.cells}


def test_without_precoders_tables_are_as_they_were(tmp_path: Path) -> None:
    assert shown_metrics(view_run(write_run(tmp_path))) == ("nmse_db", "rho", "rate_bps_hz")


@pytest.mark.usefixtures("without_layout")
def test_the_similarity_that_all_have_gets_a_figure(run: Path) -> None:
    assert "over_ratio_sgcs" in {file.stem for file in draw_figures(run, FigureOptions(vector=False))}
