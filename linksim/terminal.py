"""The one way to the terminal: control characters of others' text are shown, not obeyed, and every encoding will do.

Labels, names of files and texts of files from elsewhere are printed by ``say`` or a ``Console`` of this module.
"""

import codecs
import contextlib
import io
import re
import sys
import unicodedata
from collections.abc import Iterable
from typing import Any, TextIO

import rich.console
from rich.cells import cell_len
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment

# Controls of C0 and C1 but line breaks and tabs, and the marks that turn the direction of what follows.
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

# What stands for signs of ours where the encoding of the terminal has none.
_ASCII = {
    "\N{MINUS SIGN}": "-",
    "\N{PLUS-MINUS SIGN}": "~",
    "\N{INFINITY}": "inf",
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{MIDDLE DOT}": ".",
    "\N{DEGREE SIGN}": " deg",
    "\N{MICRO SIGN}": "u",
    "\N{GREEK SMALL LETTER RHO}": "rho",
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{EN DASH}": "-",
    "\N{DOUBLE VERTICAL LINE}": "||",
}
_RULES = re.compile("[\N{BOX DRAWINGS LIGHT HORIZONTAL}-\N{BOX DRAWINGS HEAVY DOUBLE DASH VERTICAL}]")
_ERRORS = "linksim-terminal"


def prepare_streams() -> None:
    """Lets standard output and standard error take any text: what their encoding lacks is replaced or escaped."""
    codecs.register_error(_ERRORS, _fallback)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A stream that is in use already keeps its ways.
            with contextlib.suppress(OSError, ValueError):
                stream.reconfigure(errors=_ERRORS)


def shown(text: str) -> str:
    """Text as it may go to a terminal: characters that a terminal obeys are escaped as in Python."""
    return _OBEYED.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def say(text: str, *, file: TextIO | None = None, end: str = "\n") -> None:
    """Prints text of any origin; ``print`` of the builtins is for nothing but text of our own."""
    print(shown(text), file=file or sys.stdout, end=end, flush=True)


class Console(rich.console.Console):
    """A console that takes brackets in text for brackets, and on which no text moves the cursor."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"markup": False, "emoji": False, **options})

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As rich's, with texts as ``shown``."""
        for segment in super().render(renderable, options):
            if segment.control or not _OBEYED.search(segment.text):
                yield segment
            else:
                yield Segment(shown(segment.text), segment.style)


def _fallback(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    return "".join(map(_replaced, characters)), error.end


def _replaced(character: str) -> str:
    if character in _ASCII:
        return _ASCII[character]
    if _RULES.fullmatch(character):
        return "-"
    if "\ud800" <= character <= "\udfff":
        # A byte of a file's name that is no text.
        return character.encode("ascii", "backslashreplace").decode()
    letter = unicodedata.normalize("NFKD", character)[0]
    # As wide as the character, so that tables stay in line.
    return letter if letter.isascii() else "?" * cell_len(character)
