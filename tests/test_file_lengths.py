"""A file that a reader takes in at once."""

from pathlib import Path

import linksim

_ROOT = Path(linksim.__file__).parents[1]
_MOST_LINES = 300


def test_no_file_is_longer_than_a_reader_takes_in() -> None:
    folders = ("channels", "feedback", "linksim", "docs", "benchmarks")
    files = [file for folder in folders for file in (_ROOT / folder).rglob("*.py")]
    lengths = {str(file.relative_to(_ROOT)): file.read_text(encoding="utf-8").count("\n") for file in files}
    assert {file: lines for file, lines in lengths.items() if lines > _MOST_LINES} == {}
