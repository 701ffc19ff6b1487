"""Axes of costs can be read, however little the costs differ and whether some compressor is free."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_run import write_run
from matplotlib.backends.backend_agg import FigureCanvasAgg

from linksim.report.figures.complexity import COSTS, draw_costs
from linksim.report.view.run_view import view_run
from linksim.report.view.style import paper_style


@pytest.mark.parametrize("seed", range(8))
def test_costs_have_most_of_the_axis_and_labels_stand_apart(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    labels = ("topk", "klt", "csinet")
    run = view_run(write_run(tmp_path, {"one_point": {}}, compressors=labels))
    # Costs of a kilo to a giga that differ by nothing to six decades; the first is free in every other case.
    least = 10.0 ** rng.uniform(3, 6, len(COSTS))
    ratio = 10.0 ** rng.choice([0, 0.1, 0.3, 0.8, 1.5, 2.7, 6], len(COSTS))
    table = pd.DataFrame([least, least, least * ratio], index=list(labels), columns=list(COSTS))
    if seed % 2:
        table.loc["topk"] = 0.0
    with paper_style():
        made = draw_costs(run, table, run.results)
        assert made is not None
        figure = made[0].figure
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        for axes in figure.axes[: len(COSTS)]:
            texts = [text for text in axes.get_xticklabels() if text.get_text()]
            boxes = sorted((text.get_window_extent(canvas.get_renderer()) for text in texts), key=lambda box: box.x0)
            assert len(boxes) >= 3
            assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
            low, _ = axes.get_xlim()
            places = {float(line.get_xdata()[0]) for line in axes.get_lines() if line.get_marker() != "None"}
            assert min(places) > low
