"""A file that a reader takes in at once, and that pytest finds."""

from pathlib import Path

import linksim

_ROOT = Path(linksim.__file__).parents[1]
_MOST_LINES = 300


def test_no_file_is_longer_than_a_reader_takes_in() -> None:
    folders = ("channels", "feedback", "linksim", "docs", "benchmarks", "tests")
    files = [file for folder in folders for file in (_ROOT / folder).rglob("*.py")]
    lengths = {str(file.relative_to(_ROOT)): file.read_text(encoding="utf-8").count("\n") for file in files}
    assert {file: lines for file, lines in lengths.items() if lines > _MOST_LINES} == {}


def test_no_two_test_files_share_a_name() -> None:
    # pytest imports them by their name alone, and leaves the second one out.
    names = [file.name for file in (_ROOT / "tests").rglob("test_*.py")]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []
