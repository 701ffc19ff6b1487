"""Formulas without scripts: reStructuredText's in docstrings become TeX in Markdown, TeX becomes MathML."""

import html
import re

from griffe import Docstring, Extension, Object
from latex2mathml.converter import convert

_INLINE = re.compile(r":math:`([^`]+)`")
# A directive with its formula on the same line, or on the more indented lines below.
_BLOCK = re.compile(r"^( *)\.\. math:: *(.*(?:\n(?:\1 +\S.*| *(?=\n)))*)", re.MULTILINE)
_ROLE = re.compile(r":(?:class|func|meth|mod|attr|ref):`~?([^`]+)`")
_RENDERED = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def markdown_of(docstring: str) -> str:
    """A docstring with its formulas as ``\\(TeX\\)`` and ``\\[TeX\\]``."""
    text = _BLOCK.sub(lambda found: f"\n{found[1]}\\[{' '.join(found[2].split())}\\]\n\n", docstring)
    text = _INLINE.sub(r"\\(\1\\)", text)
    return _ROLE.sub(r"`\1`", text)


def with_mathml(page: str) -> str:
    """A page's HTML with every formula as MathML, which browsers show by themselves."""
    return _RENDERED.sub(lambda found: _mathml(html.unescape(found[3]), found[2] == "["), page)


def _mathml(formula: str, is_block: bool) -> str:
    return str(convert(formula.strip(), display="block" if is_block else "inline"))


class DocstringFormulas(Extension):
    """Has mkdocstrings see docstrings with formulas in Markdown."""

    def on_object(self, *, obj: Object, **_: object) -> None:
        """Rewrites the docstring of an object that was just loaded."""
        if isinstance(obj.docstring, Docstring):
            obj.docstring.value = markdown_of(obj.docstring.value)
