"""Heat maps of generalisation studies: a colour bar that says all it has to, however few the sources are."""

from pathlib import Path

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from linksim.report.figures import generalisation
from linksim.report.figures.generalisation import draw_losses, draw_study


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that would be saved."""
    found: list[Figure] = []

    def keep(figure: Figure, *_: object) -> list[Path]:
        # A bar's limits are set when it is drawn.
        FigureCanvasAgg(figure).draw()
        found.append(figure)
        return []

    monkeypatch.setattr(generalisation, "save", keep)
    return found


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_the_label_of_the_colour_bar_is_whole(count: int, drawn: list[Figure], tmp_path: Path) -> None:
    sources = [f"source {i}" for i in range(count)]
    table = pd.DataFrame(
        {
            "tables": "one source", "trained_on": one, "tested_on": other, "case": "unseen", "bits_percent": 3.0 + i,
            "bits_percent_low": 2.0, "bits_percent_high": 4.0,
        }
        for i, one in enumerate(sources)
        for other in sources
    )  # fmt: skip
    draw_losses(table, tmp_path)
    (figure,) = drawn
    label = figure.axes[-1].yaxis.label
    assert " ".join(label.get_text().split()) == "More bits at equal NMSE [%]"
    box = label.get_window_extent(figure.canvas.get_renderer())
    assert 0 <= box.y0 < box.y1 <= figure.bbox.y1
    assert 0 <= box.x0 < box.x1 <= figure.bbox.x1


@pytest.mark.parametrize(("untrained", "extend"), [(-140.0, "min"), (5.0, "max"), (-7.0, "neither")])
def test_values_beyond_the_colours_have_an_arrow(
    untrained: float, extend: str, drawn: list[Figure], tmp_path: Path
) -> None:
    cells = [
        ("klt", "a", "a", "same", -9.0),
        ("klt", "b", "a", "unseen", -5.0),
        ("topk", "topk", "a", "none", untrained),
    ]
    columns = ["compressor", "trained_on", "tested_on", "case", "value"]
    table = pd.DataFrame(cells, columns=columns).assign(
        metric="nmse_db", normalisation="dataset", adaptation_part="", adaptation_samples=0
    )
    draw_study(table.assign(ci_low=table.value - 1, ci_high=table.value + 1), tmp_path)
    (figure,) = drawn
    (image,) = (panel.images[0] for panel in figure.axes[:1])
    assert (image.norm.vmin, image.norm.vmax) == (-9, -5)
    bar = figure.axes[-1]
    assert bar._colorbar.extend == extend
