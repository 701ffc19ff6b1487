"""What a file or folder holds, as a hash: names and times of files identify nothing.

Hashes of large files are remembered by path, size, inode and times of change, in memory and in a small file of the
user's cache folder, so that they are not read at every start.
"""

import errno
import hashlib
import json
import os
import re
import stat
import time
from pathlib import Path

from feedback.files import write_whole

# Smaller files are read anew in every process.
SMALLEST_REMEMBERED_BYTES = 2**20
# Two edits within one tick of a file system's clock leave the same times; the coarsest in use ticks every 2 s.
RECENT_NS = 3 * 10**9
_MOST_REMEMBERED = 1000
_SHA256 = re.compile(r"[0-9a-f]{64}")

MISSING = "missing"

_in_memory: dict[str, tuple[list[int], str]] = {}


def content_of(path: Path) -> str:
    """SHA-256 of a file, or of the files that lie in a folder, names included; ``missing`` where there is neither.

    Raises:
        OSError: that names the file, if it cannot be read.
    """
    if not path.is_dir():
        return file_digest(path)
    files = sorted(file for file in path.iterdir() if file.is_file())
    return digest_of([(file.name, file_digest(file)) for file in files])


def digest_of(parts: list[tuple[str, str]]) -> str:
    """SHA-256 over names and hashes of several files."""
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file, ``missing`` where there is none.

    Raises:
        OSError: that names the file, if it cannot be read.
    """
    name, started = os.path.abspath(path), time.time_ns()
    try:
        before = _marks(path)
        if not stat.S_ISREG(path.stat().st_mode):
            # A pipe would be waited for, a device may have no end.
            raise OSError(errno.EINVAL, "no regular file", str(path))
        known = _in_memory.get(name) or _remembered().get(name)
        if known is not None and known[0] == before:
            return known[1]
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        after = _marks(path)
    except (FileNotFoundError, NotADirectoryError):
        return MISSING
    if before == after and started - max(before[1:3]) > RECENT_NS:
        _in_memory[name] = (before, digest)
        if before[0] >= SMALLEST_REMEMBERED_BYTES:
            _remember(name, before, digest)
    return digest


def _marks(path: Path) -> list[int]:
    """Size, times of the last change of content and of the inode in ns, inode, device."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev]


def _memory_file() -> Path:
    folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(folder) / "linksim" / "file_digests.json"


def _remembered() -> dict[str, tuple[list[int], str]]:
    try:
        document = json.loads(_memory_file().read_bytes())
        return {
            str(name): ([int(mark) for mark in marks], str(digest))
            for name, (marks, digest) in document.items()
            if _SHA256.fullmatch(digest)
        }
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, RuntimeError):
        # Without a memory, or home, every file is read.
        return {}


def _remember(name: str, marks: list[int], digest: str) -> None:
    known = {**_remembered(), name: (marks, digest)}
    newest = dict(list(known.items())[-_MOST_REMEMBERED:])
    try:
        file = _memory_file()
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps(newest).encode())
    except (OSError, RuntimeError):
        return
