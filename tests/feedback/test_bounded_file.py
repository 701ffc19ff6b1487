"""Every reader of a file from outside: no more than it may hold, and one line that names it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from feedback.bounded_file import read_bounded
from feedback.checkpoint_info import read_info
from feedback.context_codec.tables import read_tables
from feedback.enhancement.weights import read_weights
from feedback.errors import FeedbackInputError

READERS: dict[str, Callable[[Path], Any]] = {"tables": read_tables, "filters": read_weights, "checkpoint": read_info}


def test_a_file_of_just_the_size_is_read(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"four")
    assert read_bounded(file, 4, "text") == b"four"
    with pytest.raises(FeedbackInputError, match=f"^{re.escape(str(file))}: got more than 3 bytes, expected text$"):
        read_bounded(file, 3, "text")


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("missing", "No such file or directory, expected a readable"),
        ("folder", "Is a directory, expected a readable"),
        ("huge", "got more than [0-9]+ bytes, expected a readable"),
        ("empty", ".*expected"),
    ],
)
def test_bad_files_are_one_line(kind: str, state: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    if state == "folder":
        file.mkdir()
    elif state != "missing":
        with file.open("wb") as opened:
            # Without a byte on the disk; reading all of it would take the memory.
            opened.truncate(2**40 if state == "huge" else 0)
    with pytest.raises(FeedbackInputError, match=f"^{re.escape(str(file))}: {message}[^\n]*$"):
        READERS[kind](file)
