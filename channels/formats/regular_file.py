"""Files that have to be there before they are opened."""

from pathlib import Path

from channels.errors import ChannelInputError


def require_file(path: Path, expected: str) -> None:
    """Refuses what is no file that can be read from its start: nothing, folders, pipes and devices.

    Raises:
        ChannelInputError: that says which of them it is.
    """
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no regular file" if path.exists() else "no such file"
        raise ChannelInputError(f"{path}: {found}, expected {expected}")
