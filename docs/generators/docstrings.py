"""Docstrings as Markdown: formulas without scripts (TeX becomes MathML), papers as links, sessions as code."""

import html
import re

from griffe import Docstring, Extension, Object
from latex2mathml.converter import convert

_INLINE = re.compile(r":math:`([^`]+)`")
# A directive with its formula on the same line, or on the more indented lines below.
_BLOCK = re.compile(r"^( *)\.\. math:: *(.*(?:\n(?:\1 +\S.*| *(?=\n)))*)", re.MULTILINE)
# Lines that begin with a prompt, and what they print, up to an empty line.
_SESSION = re.compile(r"^( *)>>> .*(?:\n\1\S.*)*", re.MULTILINE)
_ROLE = re.compile(r":(?:class|func|meth|mod|attr|ref):`~?([^`]+)`")
# Identifiers of papers, where they are no link yet.
_ARXIV = re.compile(r"(?<![\[/\w])arXiv:(\d{4}\.\d{4,5})")
_DOI = re.compile(r"(?<![\[/\w])(?:doi:|DOI )(10\.\d+/[^\s,;)\]]*[\w])")
_RENDERED = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def markdown_of(docstring: str) -> str:
    r"""A docstring with its formulas as ``\(TeX\)`` and ``\[TeX\]``, its papers as links, its sessions as code."""
    text = _SESSION.sub(lambda found: f"{found[1]}```pycon\n{found[0]}\n{found[1]}```", docstring)
    text = _BLOCK.sub(lambda found: f"\n{found[1]}\\[{' '.join(found[2].split())}\\]\n\n", text)
    text = _INLINE.sub(r"\\(\1\\)", text)
    text = _ARXIV.sub(r"[arXiv:\1](https://arxiv.org/abs/\1)", text)
    text = _DOI.sub(r"[doi:\1](https://doi.org/\1)", text)
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
