"""Files that appear whole or not at all, so that a reader, or a kill at any moment, never sees half of one."""

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Names of at most 255 bytes fit every file system; the temporary's adds 34.
_LONGEST_STEM = 100


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary name beside a file, to be written within the block; it takes the file's name when the block ends.

    Args:
        path: the file; whatever has its name is replaced.

    Yields:
        The temporary name. Nothing is left of it if the block fails.

    Raises:
        OSError: that names ``path``, if it cannot be written, as on a full disk.
    """
    # Not the process's number: two machines that share the folder can have the same.
    temporary = path.with_name(f".{path.name[:_LONGEST_STEM]}.{uuid.uuid4().hex}")
    try:
        yield temporary
        # File systems that allocate late tell of a full disk here.
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if error.filename not in (None, str(temporary), temporary):
            raise
        raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(path)) from error
    finally:
        _remove(temporary)


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file of these bytes whole or not at all.

    Raises:
        OSError: that names ``path``, if it cannot be written.
    """
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def _remove(temporary: Path) -> None:
    try:
        temporary.unlink(missing_ok=True)
    except OSError:
        # A folder that is gone has no temporary either.
        return
