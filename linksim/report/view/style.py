"""The one style of all figures: column widths, fonts and lines, and how they are saved."""

import io
import textwrap
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from channels.files import whole_file, write_whole
from linksim.report.view.quick_saving import quick_saving

COLUMN_IN = 3.5
DOUBLE_COLUMN_IN = 7.16
PNG_DPI = 200

# Longer names do not fit beside a legend's handle in one column.
MAX_CHARACTERS = 48
# Width of a character of titles and labels; a line has some of them, however narrow its place.
_CHARACTER_IN = 0.064
_FEWEST_CHARACTERS = 8

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "legend.columnspacing": 1.2,
    "legend.handletextpad": 0.5,
    "legend.labelspacing": 0.35,
    "legend.borderpad": 0.1,
    "legend.borderaxespad": 0.45,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "0.88",
    "grid.linewidth": 0.5,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.1,
    "lines.markersize": 4.2,
    "lines.markeredgewidth": 0.9,
    "errorbar.capsize": 1.8,
    "pdf.fonttype": 42,
    "figure.dpi": 100,
    "savefig.dpi": PNG_DPI,
}


def plain_text(text: str) -> str:
    """Text from outside as matplotlib shows it literally: short, no mathematics, and not hidden from legends."""
    text = _shortened(text).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def wrapped_text(text: str, width_in: float, *, split: bool = True) -> list[str]:
    """Text from outside in lines of ``plain_text`` that are no wider than a width, at the size of titles and labels.

    Args:
        text: the text.
        width_in: the width.
        split: whether parts after commas begin a line.
    """
    count = max(_FEWEST_CHARACTERS, int(width_in / _CHARACTER_IN))
    parts = [_shortened(part) for part in (text.strip().split(", ") if split else [text.strip()])]
    return [plain_text(line) for part in parts for line in textwrap.wrap(part, count) or [""]]


def _shortened(text: str) -> str:
    return textwrap.shorten(text, MAX_CHARACTERS, placeholder="...") if " " in text else text[:MAX_CHARACTERS]


def paper_style() -> AbstractContextManager[None]:
    """Within it, figures are made and saved in this style; settings of the caller come back afterwards."""
    defaults = {key: value for key, value in matplotlib.rcParamsDefault.items() if not key.startswith("backend")}
    settings: Any = defaults | STYLE
    return matplotlib.rc_context(settings)


def save(figure: Figure, stem: Path, vector: bool = True) -> list[Path]:
    """Writes ``<stem>.png`` and ``<stem>.pdf`` without dates, so that the same results give the same bytes.

    Args:
        figure: which.
        stem: path without suffix.
        vector: whether to write the PDF; a tiny run does without.
    """
    png, pdf = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.pdf")
    png.parent.mkdir(parents=True, exist_ok=True)
    with quick_saving(figure):
        _lay_out(figure)
        with whole_file(png) as temporary:
            figure.savefig(temporary, format="png", dpi=PNG_DPI, metadata={"Software": None})
        if not vector:
            pdf.unlink(missing_ok=True)
            return [png]
        write_pdf(figure, pdf)
    return [png, pdf]


def write_pdf(figure: Figure, file: Path) -> None:
    """Writes a figure as PDF, whole or not at all.

    Raises:
        OSError: if the disk is full, which Matplotlib's writer would tell as an error of its own.
    """
    content = io.BytesIO()
    figure.savefig(content, format="pdf", metadata={"CreationDate": None})
    write_whole(file, content.getvalue())


def _lay_out(figure: Figure) -> None:
    """Gives everything its place, once for all files, and takes the engine away: with one, each is drawn twice."""
    engine = figure.get_layout_engine()
    if engine is not None:
        # Widths of texts are those of the raster file.
        dpi, figure.dpi = figure.dpi, PNG_DPI
        engine.execute(figure)
        figure.dpi = dpi
        figure.set_layout_engine(None)
