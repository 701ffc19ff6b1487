"""Figures that are saved quickly are those that matplotlib makes of its own accord."""

import re
import zlib
from io import BytesIO

import numpy as np
import pytest
from fontTools import subset
from matplotlib import rc_context
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text

from linksim.report.view import quick_saving as module
from linksim.report.view.quick_saving import quick_saving
from linksim.report.view.style import paper_style

# "stream", its content, "endstream".
_STREAM = re.compile(rb"<<(.*?)>>\s*stream\r?\n(.*?)\r?\nendstream", re.DOTALL)


def drawn() -> Figure:
    """Shared and logarithmic axes, minor ticks, a factor of all ticks, formulas, accents, broken lines, a legend."""
    figure = Figure(figsize=(5, 4), layout="constrained")
    (first, second), (third, fourth) = figure.subplots(2, 2, sharex="col")
    places = np.arange(1.0, 6.0)
    first.plot(places, 1e6 + places**2, "o-", label="$10^{-3}$ → Δé")
    second.plot(places, 10.0**places, label="a")
    second.set_yscale("log")
    third.plot(places, -places)
    third.minorticks_on()
    third.set_title("long words that have to be broken " * 3, wrap=True)
    fourth.imshow(np.outer(places, places), aspect="equal")
    fourth.set_xlabel("two\nlines", rotation=10)
    for axes, letter in zip((first, second, fourth), "abc", strict=True):
        axes.set_title(f"({letter})", loc="left")
        axes.set_ylabel("NMSE [dB]")
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def saved(figure: Figure, kind: str) -> bytes:
    """As ``style.save`` does: laid out once, at the resolution of the raster file."""
    engine = figure.get_layout_engine()
    assert engine is not None
    figure.dpi = 200
    engine.execute(figure)
    figure.dpi = 100
    figure.set_layout_engine(None)
    raster, vector = BytesIO(), BytesIO()
    figure.savefig(raster, format="png", dpi=200, metadata={"Software": None})
    figure.savefig(vector, format="pdf", metadata={"CreationDate": None})
    return (raster if kind == "png" else vector).getvalue()


def streams(pdf: bytes) -> list[bytes]:
    """Contents of a PDF but the files of its fonts, which have a length of their own."""
    found = [body for head, body in _STREAM.findall(pdf) if b"FlateDecode" in head and b"/Length1" not in head]
    return [zlib.decompressobj().decompress(body) for body in found]


def test_raster_has_the_same_bytes() -> None:
    with paper_style():
        plain = saved(drawn(), "png")
        figure = drawn()
        with quick_saving(figure):
            assert saved(figure, "png") == plain


def test_vector_differs_in_files_of_fonts_alone() -> None:
    # As figures of runs have it; those of the other tests have the type that is quicker to write.
    with paper_style(), rc_context({"pdf.fonttype": 42}):
        plain = saved(drawn(), "pdf")
        figure = drawn()
        with quick_saving(figure):
            quick = saved(figure, "pdf")
    assert len(streams(plain)) >= 3
    assert streams(quick) == streams(plain)
    assert len(quick) < len(plain)


def test_ticks_and_texts_of_a_version_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a matplotlib without these names is noticed here, where it costs time only."""
    asked = {"ticks": 0, "texts": 0}
    update, lay_out = Axis._update_ticks, Text._get_layout  # type: ignore[attr-defined]

    def counted_update(axis: Axis) -> object:
        asked["ticks"] += 1
        return update(axis)

    def counted_layout(text: Text, renderer: object) -> object:
        asked["texts"] += 1
        return lay_out(text, renderer)

    monkeypatch.setattr(Axis, "_update_ticks", counted_update)
    monkeypatch.setattr(Text, "_get_layout", counted_layout)
    with paper_style():
        saved(drawn(), "png")
        often = dict(asked)
        asked.update(ticks=0, texts=0)
        figure = drawn()
        with quick_saving(figure):
            saved(figure, "png")
    # Before the layout, between its two passes, and after it.
    assert asked["ticks"] <= 3 * 2 * len(figure.axes) < often["ticks"] / 3
    assert asked["texts"] < often["texts"] / 2


def test_other_figures_are_as_ever() -> None:
    with paper_style(), quick_saving(drawn()):
        figure = Figure()
        axes = figure.subplots()
        title = axes.set_title("a")
        before = title.get_window_extent().width
        title.set_fontsize(40)
        assert title.get_window_extent().width > 2 * before


def test_libraries_are_as_before_afterwards() -> None:
    functions = lambda: (Axis._update_ticks, Text._get_layout, subset.load_font)  # type: ignore[attr-defined] # noqa: E731
    before = functions()
    with pytest.raises(ZeroDivisionError), quick_saving(Figure()):
        raise ZeroDivisionError
    assert functions() == before


def test_a_name_that_a_library_has_not_is_left_out() -> None:
    with module._replaced(Axis, "_no_such_function", lambda function: function):
        assert not hasattr(Axis, "_no_such_function")
