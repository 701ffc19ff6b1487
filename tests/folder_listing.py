"""The listing of rooms in CONTRIBUTING.md, made from docstrings: ``python -m tests.folder_listing`` writes it anew.

A room is a sub-package: its line is the first paragraph of the docstring in its ``__init__.py``. A module that lies
outside of a room has the first sentence of its docstring.
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("channels", "feedback", "linksim")
FILE = ROOT / "CONTRIBUTING.md"
BEGIN = "<!-- rooms: made by `python -m tests.folder_listing` -->"
END = "<!-- end of rooms -->"

_NOT_LISTED = {"__init__.py", "__main__.py"}


def listing(root: Path = ROOT) -> str:
    """All packages: for each a heading, its rooms (rooms inside them indented), then its other modules."""
    return "\n\n".join(_package(root / package) for package in PACKAGES)


def with_listing(text: str, rooms: str) -> str:
    """The text with the listing between its two markers replaced."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{rooms}\n\n{END}{rest.split(END)[1]}"


def _package(folder: Path) -> str:
    modules = [file for file in sorted(folder.glob("*.py")) if file.name not in _NOT_LISTED]
    lines = [f"**`{folder.name}/`** {_paragraph(folder / '__init__.py')}", "", *_rooms(folder, 0)]
    return "\n".join(lines + [f"- `{file.name}` {_first_sentence(_paragraph(file))}" for file in modules])


def _rooms(folder: Path, depth: int) -> list[str]:
    lines = []
    for inner in sorted(file.parent for file in folder.glob("*/__init__.py")):
        lines.append(f"{'  ' * depth}- `{inner.name}/` {_paragraph(inner / '__init__.py')}")
        lines += _rooms(inner, depth + 1)
    return lines


def _paragraph(file: Path) -> str:
    docstring = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
    return " ".join(docstring.split("\n\n")[0].split()).replace("``", "`")


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=\.)\s+(?=[A-Z])", text)[0]


if __name__ == "__main__":
    FILE.write_text(with_listing(FILE.read_text("utf-8"), listing()), "utf-8")
