"""Learning curves can be read: ticks, however little of a decade they show, and levels, however many there are."""

from itertools import pairwise
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from feedback.training.state import Progress
from linksim.report.figures import learning_curves


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that would be saved."""
    found: list[Figure] = []

    def keep(figure: Figure, *_: object) -> list[Path]:
        found.append(figure)
        return []

    monkeypatch.setattr(learning_curves, "save", keep)
    return found


@pytest.mark.parametrize("most", [30_000, 120_000, 500_000, 2_000_000, 100_000_000])
def test_ticks_of_channels_seen_do_not_overlap(most: int, drawn: list[Figure], tmp_path: Path) -> None:
    validations = [Progress(most * k // 20, k, k / 20, 1e-3, -0.5 * k, 6e-3, float(k)) for k in range(21)]
    learning_curves.write_curves_together(tmp_path / "x", {"A": validations}, {"level": -5.0}, log_samples=True)
    (panel,) = drawn[0].axes
    canvas = FigureCanvasAgg(drawn[0])
    canvas.draw()
    texts = [*panel.get_xticklabels(minor=False), *panel.get_xticklabels(minor=True)]
    boxes = sorted(
        (text.get_window_extent(canvas.get_renderer()) for text in texts if text.get_text()), key=lambda box: box.x0
    )
    inside = [box for box in boxes if panel.bbox.x0 - 1 <= (box.x0 + box.x1) / 2 <= panel.bbox.x1 + 1]
    assert len(inside) >= 2
    assert all(left.x1 < right.x0 for left, right in pairwise(inside))


def test_no_two_levels_look_alike(drawn: list[Figure], tmp_path: Path) -> None:
    validations = [Progress(100 * k, k, k / 20, 1e-3, -0.5 * k, 6e-3, float(k)) for k in range(3)]
    levels = {f"level {i}": -5.0 - i for i in range(30)}
    learning_curves.write_curves_together(tmp_path / "x", {"A": validations}, levels)
    (panel,) = drawn[0].axes
    of_levels = [line for line in panel.lines if line.get_label() in levels]
    assert len(of_levels) == len(levels)
    # What a line is made of has no other public name.
    looks = {(line.get_color(), str(line._unscaled_dash_pattern)) for line in of_levels}
    assert len(looks) == len(levels)
