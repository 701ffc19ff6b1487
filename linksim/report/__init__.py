"""HTML report, figures, tables and exports of a run, all from the files that it left."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from linksim.report.figures.drawing import draw_figures
    from linksim.report.html import write_report
    from linksim.report.tables.terminal import show

__all__ = ["draw_figures", "show", "write_report"]

_MODULES = {"draw_figures": "figures.drawing", "show": "tables.terminal", "write_report": "html"}


def __getattr__(name: str) -> Any:
    # Loaded when asked for: a reader of results alone, such as a comparison of runs, needs none of the figures.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
