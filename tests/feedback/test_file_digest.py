"""Hashes of files: never an old one, whatever the clock and the times of the file say."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from feedback import file_digest
from feedback.file_digest import MISSING, content_of


@pytest.fixture
def remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Large files start at one byte, and their memory is a file of this test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(file_digest, "SMALLEST_REMEMBERED_BYTES", 1)
    monkeypatch.setattr(file_digest, "_in_memory", {})
    return tmp_path / "cache" / "linksim" / "file_digests.json"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def age(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every file's times lie an hour back."""
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 3600 * 10**9)


def test_a_large_file_is_read_once(remembered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"first")
    age(monkeypatch)
    assert content_of(file) == sha256(b"first")
    assert remembered.exists()
    # Also by another process.
    file_digest._in_memory.clear()
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert content_of(file) == sha256(b"first")


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    """Nobody may ever write into it."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no regular file") as caught:
        content_of(tmp_path / "pipe")
    assert caught.value.filename == str(tmp_path / "pipe")


def test_edits_within_a_tick_of_the_clock_are_seen(remembered: Path, tmp_path: Path) -> None:
    file = tmp_path / "x"
    for content in (b"first", b"other"):
        file.write_bytes(content)
        os.utime(file, ns=(10**18, 10**18))
        assert content_of(file) == sha256(content)
    assert not remembered.exists()


def test_times_that_were_set_back_hide_nothing(
    remembered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"first")
    before = file.stat()
    age(monkeypatch)
    assert content_of(file) == sha256(b"first")
    # Same size, time and inode; and one that was moved there.
    with file.open("r+b") as stream:
        stream.write(b"other")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert content_of(file) == sha256(b"other")
    (tmp_path / "y").write_bytes(b"third")
    os.utime(tmp_path / "y", ns=(before.st_atime_ns, before.st_mtime_ns))
    (tmp_path / "y").replace(file)
    assert content_of(file) == sha256(b"third")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"x": 1}', b'{"x": [[1], "short"]}', b"[" * 100000])
def test_a_damaged_memory_is_none(
    content: bytes, remembered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remembered.parent.mkdir(parents=True)
    remembered.write_bytes(content)
    (tmp_path / "x").write_bytes(b"first")
    age(monkeypatch)
    assert content_of(tmp_path / "x") == sha256(b"first")


def test_folders_count_by_names_and_contents(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    found = {content_of(folder), content_of(tmp_path / "nothing")}
    assert MISSING in found
    for name, content in (("a", b"1"), ("b", b"2"), ("a", b"3")):
        (folder / name).write_bytes(content)
        found.add(content_of(folder))
    (folder / "a").rename(folder / "c")
    found.add(content_of(folder))
    assert len(found) == 6
