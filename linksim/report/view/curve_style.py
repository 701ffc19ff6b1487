"""Which colour, marker and line a compressor has: the same in every figure of every command.

A style is a place in one table. Well-known schemes have a place of their own, so that they look the same in all runs;
others get one that their name prefers, in the order of the scenario, so that they look the same in all figures of a
run. Places differ in marker and line as well as in colour: curves stay apart in grey print and for colour-blind eyes.
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DEFAULT_PALETTE = "okabe-ito"

# Sets of eight colours; the first is Okabe and Ito's without its yellow, which is invisible on white.
PALETTES: Mapping[str, tuple[str, ...]] = {
    DEFAULT_PALETTE: ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#5D3A9B", "#7F7F7F"),
    # Paul Tol's muted set, without its two palest colours.
    "muted": ("#332288", "#CC6677", "#117733", "#AA4499", "#88CCEE", "#DDCC77", "#882255", "#44AA99"),
    "grey": ("#000000", "#6E6E6E", "#2E2E2E", "#8C8C8C", "#555555", "#A5A5A5", "#1A1A1A", "#7F7F7F"),
}
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "*")
_LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (5, 1.5, 1, 1.5)), (0, (1.2, 1.2)), (0, (8, 2)))
_N_COLOURS = len(PALETTES[DEFAULT_PALETTE])

# Places of well-known schemes; predictors and denoisers, which are curves of other figures, stay clear of the first.
_HOMES: Mapping[str, int] = {
    "topk": 0,
    "klt": 1,
    "csinet": 2,
    "crnet": 3,
    "acrnet": 4,
    "cllwcsinet": 5,
    "deq": 6,
    "csinet+": 7,
    "hold": 7,
    "ar": 5,
    "kalman": 6,
}
# Scenario name of the compressor that reports the channel as it is: a reference, drawn in black.
UNCOMPRESSED = "identity"


@dataclass(frozen=True)
class CurveStyle:
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
PERFECT = CurveStyle("black", "", "-", 0.9)
TRUNCATION = CurveStyle("0.35", "", (0, (3, 1.5)), 0.9)
ESTIMATION = CurveStyle("0.35", "", (0, (1, 1.2)), 1.1)
IDEAL = CurveStyle("0.65", "", (0, (4, 2)), 1.1)
CHANNEL = CurveStyle("0.35", "", (0, (5, 1.2, 1, 1.2)), 1.1)
_UNCOMPRESSED_STYLE = CurveStyle("black", "x", (0, (5, 1.5)), 0.9)


def curve_style_at(place: int, palette: str = DEFAULT_PALETTE) -> CurveStyle:
    """The style at a place of the table; 55 places differ in marker and line, neighbours in colour as well."""
    colours = PALETTES[palette]
    return CurveStyle(colours[place % _N_COLOURS], _MARKERS[place % len(_MARKERS)], _LINES[place % len(_LINES)])


def curve_styles(
    labels: Sequence[str], names: Mapping[str, str] | None = None, palette: str = DEFAULT_PALETTE
) -> dict[str, CurveStyle]:
    """A style for each label.

    Args:
        labels: all curves of a run, in the order of the scenario; a figure that shows some of them passes all.
        names: scheme that a label stands for, such as ``csinet`` for ``csinet 1/16``; by default the label itself.
        palette: one of ``PALETTES``.
    """
    names = names or {}
    compressed = [label for label in labels if names.get(label, label) != UNCOMPRESSED]
    places: dict[str, int] = {}
    # Who is called by its own name comes before who only is of that kind.
    for own_name in (True, False):
        for label in compressed:
            home = _HOMES.get(label.lower() if own_name else _family(names.get(label, label)))
            if label not in places and home is not None and home not in places.values():
                places[label] = home
    for label in compressed:
        if label not in places:
            places[label] = _free_place(zlib.crc32(label.encode(errors="replace")), set(places.values()))
    table = {label: curve_style_at(place, palette) for label, place in places.items()}
    return {label: table.get(label, _UNCOMPRESSED_STYLE) for label in labels}


def _family(name: str) -> str:
    """The scheme that a name is a variant of: ``acrnet`` of ``acrnet-1x``."""
    return re.split(r"[ ,(\-]", name.lower())[0]


def _free_place(preferred: int, taken: set[int]) -> int:
    """The preferred of the places of colours that are left, then the first beyond them."""
    for step in range(_N_COLOURS):
        place = (preferred + step) % _N_COLOURS
        if place not in taken:
            return place
    return next(place for place in range(_N_COLOURS, _N_COLOURS + len(taken) + 1) if place not in taken)
