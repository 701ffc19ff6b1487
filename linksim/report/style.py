"""The one look of all figures: column widths, fonts, and a colour, marker and line style per compressor.

Colours are Okabe and Ito's colour-blind-safe set without its yellow, which is invisible on white; markers and line
styles differ as well, so that curves stay apart in black-and-white print.
"""

import textwrap
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

COLUMN_IN = 3.5
DOUBLE_COLUMN_IN = 7.16
PNG_DPI = 200

# Longer names do not fit beside a legend's handle in one column.
MAX_CHARACTERS = 48

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

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#5D3A9B", "#7F7F7F")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "*")
_LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (5, 1.5, 1, 1.5)), (0, (1.2, 1.2)), (0, (8, 2)))


@dataclass(frozen=True)
class Look:
    """Colour, marker and line style of one curve."""

    colour: str
    marker: str
    line: Any
    width: float = 1.1

    def line_options(self) -> dict[str, Any]:
        """Keywords for ``Axes.plot``, ``Axes.errorbar`` and ``Line2D``."""
        return {
            "color": self.colour,
            "marker": self.marker,
            "linestyle": self.line,
            "linewidth": self.width,
            "markerfacecolor": "white",
        }


# Curves that no compressor influences.
PERFECT = Look("black", "", "-", 0.9)
TRUNCATION = Look("0.35", "", (0, (3, 1.5)), 0.9)
ESTIMATION = Look("0.35", "", (0, (1, 1.2)), 1.1)
_UNCOMPRESSED = Look("black", "x", (0, (5, 1.5)), 0.9)


def looks(compressors: Sequence[str], uncompressed: frozenset[str] = frozenset()) -> dict[str, Look]:
    """A look per compressor, by its place in the run, so that it is the same in all figures of the run.

    Args:
        compressors: labels in the order of the scenario.
        uncompressed: those that report the channel without compression; they are black.
    """
    compressed = [label for label in compressors if label not in uncompressed]
    table = {
        label: Look(_COLOURS[i % len(_COLOURS)], _MARKERS[i % len(_MARKERS)], _LINES[i % len(_LINES)])
        for i, label in enumerate(compressed)
    }
    return {label: table.get(label, _UNCOMPRESSED) for label in compressors}


def plain_text(text: str) -> str:
    """Text from outside as matplotlib shows it literally: short, no mathematics, and not hidden from legends."""
    text = textwrap.shorten(text, MAX_CHARACTERS, placeholder="...") if " " in text else text[:MAX_CHARACTERS]
    text = text.replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def paper_style() -> AbstractContextManager[None]:
    """Within it, figures are made and saved in this style; settings of the caller come back afterwards."""
    defaults = {key: value for key, value in matplotlib.rcParamsDefault.items() if not key.startswith("backend")}
    settings: Any = defaults | STYLE
    return matplotlib.rc_context(settings)


def save(figure: Figure, stem: Path) -> tuple[Path, Path]:
    """Writes ``<stem>.png`` and ``<stem>.pdf`` without dates, so that the same results give the same bytes."""
    png, pdf = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.pdf")
    png.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(png, dpi=PNG_DPI, metadata={"Software": None})
    # Laid out once is enough; both files get the same places.
    figure.set_layout_engine("none")
    figure.savefig(pdf, metadata={"CreationDate": None})
    return png, pdf
