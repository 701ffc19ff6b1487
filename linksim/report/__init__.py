"""Figures, HTML report and terminal tables of a run, all from its ``results.csv``."""

from linksim.report.figures import draw_figures
from linksim.report.html import write_report
from linksim.report.table import show

__all__ = ["draw_figures", "show", "write_report"]
