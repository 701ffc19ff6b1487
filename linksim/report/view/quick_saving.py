"""What matplotlib does again and again while a figure is saved, done once: ticks, sizes of texts, tables of fonts.

To lay a figure out and draw it, matplotlib asks an axis for its ticks some twenty times and a text for its size some
five times, and works them out anew each time. Nothing of a figure that is being saved changes but the places of its
axes and its resolution. Matplotlib's functions that are replaced here are not public: where a version has none of a
name, figures are the same, and take longer.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fontTools import subset
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text

# Tables of a font that a PDF has no use for, as it names glyphs by number: the font's glyphs of characters, names,
# kerning, and tables that make glyphs of several characters or of formulas. Reading them takes longer than a drawing.
_NOT_IN_PDFS = ("cmap", "post", "name", "OS/2", "kern", "GSUB", "GPOS", "GDEF", "MATH")
# Functions of libraries are those of all threads.
_ONE_AT_A_TIME = threading.RLock()


@contextmanager
def quick_saving(figure: Figure) -> Iterator[None]:
    """Within it a figure is laid out and saved, and does not change otherwise; other figures are as ever."""
    ticks: dict[Any, Any] = {}
    layouts: dict[Any, Any] = {}

    def kept_ticks(update: Callable[[Axis], Any]) -> Callable[[Axis], Any]:
        def ticks_of(axis: Axis) -> Any:
            if axis.get_figure(root=True) is not figure:
                return update(axis)
            # Their number depends on the room for them, but not on the resolution.
            key = (axis, *axis.get_view_interval(), *axis.axes.get_position(original=True).bounds)
            if key not in ticks:
                ticks[key] = update(axis)
            return ticks[key]

        return ticks_of

    def kept_layouts(lay_out: Callable[[Text, Any], Any]) -> Callable[[Text, Any], Any]:
        def layout_of(text: Text, renderer: Any) -> Any:
            # Where lines are broken depends on the place of the text.
            if text.get_figure(root=True) is not figure or text.get_wrap():
                return lay_out(text, renderer)
            key = (text, text.get_text(), figure.dpi, type(renderer))
            if key not in layouts:
                layouts[key] = lay_out(text, renderer)
            return layouts[key]

        return layout_of

    with (
        _ONE_AT_A_TIME,
        _replaced(Axis, "_update_ticks", kept_ticks),
        _replaced(Text, "_get_layout", kept_layouts),
        _replaced(subset, "load_font", _without_tables),
    ):
        yield


def _without_tables(load: Callable[..., Any]) -> Callable[..., Any]:
    def load_without(*arguments: Any, **settings: Any) -> Any:
        font = load(*arguments, **settings)
        for table in _NOT_IN_PDFS:
            if table in font:
                del font[table]
        return font

    return load_without


@contextmanager
def _replaced(owner: Any, name: str, around: Callable[[Any], Any]) -> Iterator[None]:
    """Within it, a library's function is what is made of it; nothing happens where the library has none of the name."""
    function = getattr(owner, name, None)
    if function is None:
        yield
        return
    setattr(owner, name, around(function))
    try:
        yield
    finally:
        setattr(owner, name, function)
