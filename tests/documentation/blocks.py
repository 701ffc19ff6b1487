"""Code blocks of the documentation, as a reader meets them.

A block with a title is a file that the reader writes. Tests run no command whose comment says that it takes minutes,
hours or days, and none of a block that is marked ``.elsewhere``, which needs another machine.
"""

import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from docs.generators import scenario_keys
from tests.folder_listing import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(file for file in DOCS.rglob("*.md"))
# Pages whose every block is run from top to bottom.
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))
WALKED = [DOCS / "get-started.md", *sorted((DOCS / "how-to").glob("*.md"))]

# Made when they are asked for: collecting tests would else take seconds longer in every process.
pages_of_keys = cache(scenario_keys.pages)

_FENCE = re.compile(r"^```(?P<head>[^\n`]*)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)
_TITLE = re.compile(r'title="([^"]+)"')
_LONG = re.compile(r"\b(minutes?|hours?|days?)\b")
_SHELL = {"sh", "bash", "console"}


@dataclass(frozen=True)
class Block:
    """One fenced block: language, file name if it is a file, text, and where it stands."""

    page: str
    language: str
    title: str | None
    text: str
    elsewhere: bool

    @property
    def commands(self) -> list[str]:
        """Lines of a block of commands, without comments."""
        return [line for line, _ in self._lines()]

    @property
    def quick_commands(self) -> list[str]:
        """Those that neither take long nor need another machine."""
        return [] if self.elsewhere else [line for line, comment in self._lines() if not _LONG.search(comment)]

    def _lines(self) -> list[tuple[str, str]]:
        if self.language not in _SHELL:
            return []
        found = []
        for line in self.text.replace("\\\n", " ").splitlines():
            command, _, comment = line.partition("  #")
            if command.strip() and not command.startswith("#"):
                found.append((command.strip(), comment))
        return found


def blocks(page: Path) -> list[Block]:
    """All blocks of a page in their order."""
    found = []
    for fence in _FENCE.finditer(page.read_text("utf-8")):
        head = fence["head"].strip("{} .")
        language = re.split(r"[\s{]", head)[0] if head else ""
        title = _TITLE.search(head)
        name = str(page.relative_to(ROOT))
        found.append(Block(name, language, title[1] if title else None, fence["body"], "elsewhere" in head))
    return found


def words_of(command: str) -> list[str] | None:
    """The words after ``linksim`` of a command of ours, up to a pipe or redirection; ``None`` for others."""
    words = shlex.split(command)
    for cut in (">", "|"):
        words = words[: words.index(cut)] if cut in words else words
    if words[:1] == ["linksim"]:
        return words[1:]
    return words[3:] if words[:3] == ["python", "-m", "linksim"] else None
