"""Figures as PGF, which a LaTeX document sets in its own fonts, written without a TeX installation.

matplotlib's PGF backend asks a TeX engine for the size of every text. Here sizes are those of the figure's own font:
they only place the axes, since a text is anchored where it stands and set by the document.
"""

import io
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backend_bases import GraphicsContextBase
from matplotlib.backends.backend_mixed import MixedModeRenderer
from matplotlib.backends.backend_pgf import RendererPgf
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from linksim.files import write_whole
from linksim.report.view.latex_text import latex

_HEAD = r"""% In the preamble of the document: \usepackage{pgf}
% Where the figure belongs: \input{<this file>}
\begingroup
\providecommand{\mathdefault}[1]{#1}
\makeatletter
\begin{pgfpicture}
"""
_TAIL = r"""\end{pgfpicture}
\makeatother
\endgroup
"""


_POINTS_PER_INCH = 72.0


def write_pgf(figure: Figure, path: Path) -> None:
    """Writes a figure as one PGF picture of its size in inches."""
    figure.draw_without_rendering()
    # Laid out once is enough; the engine would start again in every output.
    figure.set_layout_engine("none")
    width, height = figure.get_size_inches()
    drawing = io.StringIO()
    with matplotlib.rc_context({"pgf.rcfonts": False}):
        pgf = _WithoutTex(figure, drawing)  # type: ignore[no-untyped-call]
        renderer: Any = MixedModeRenderer(figure, width, height, figure.dpi, pgf)
        figure.draw(renderer)
    box = f"\\pgfpathrectangle{{\\pgfpointorigin}}{{\\pgfqpoint{{{width:f}in}}{{{height:f}in}}}}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, f"{_HEAD}{box}\\pgfusepath{{use as bounding box, clip}}\n{drawing.getvalue()}{_TAIL}")


class _WithoutTex(RendererPgf):
    """Draws PGF; measures text in the figure's own font, and writes it as LaTeX."""

    def get_text_width_height_descent(self, s: str, prop: FontProperties, ismath: Any) -> tuple[float, float, float]:
        """Width, height and descent of a text in the figure's dots."""
        scale = self.dpi / _POINTS_PER_INCH
        width, height, descent = text_to_path.get_text_width_height_descent(s, prop, bool(ismath))
        return float(width) * scale, float(height) * scale, float(descent) * scale

    def draw_text(
        self,
        gc: GraphicsContextBase,
        x: float,
        y: float,
        s: str,
        prop: FontProperties,
        angle: float,
        ismath: Any = False,
        mtext: Any = None,
    ) -> None:
        """Writes a text; plain text is escaped, formulas are LaTeX already but for the minus sign."""
        text = s.replace("\N{MINUS SIGN}", "-") if ismath else latex(s)
        super().draw_text(gc, x, y, text, prop, angle, ismath, mtext)  # type: ignore[no-untyped-call]
