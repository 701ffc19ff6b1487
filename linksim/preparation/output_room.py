"""Can what is learnt be kept? Found out before it is learnt, and it is kept somewhere if that was wrong."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from linksim.errors import InputError

# Room for the document beside the tensors, and for what else is written meanwhile.
_MARGIN_BYTES = 2**20


def require_room(sizes: Mapping[Path, int], key: str = "zoo") -> None:
    """Makes the folders of some files and checks that each can be written.

    Args:
        sizes: bytes that each file takes, at most.
        key: what the user named the folder or file with.

    Raises:
        InputError: if a folder cannot be written, or there is too little room for its files.
    """
    for folder in dict.fromkeys(file.parent for file in sizes):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=folder, prefix=".room"):
                pass
            free = shutil.disk_usage(folder).free
        except OSError as error:
            raise InputError(
                f"{key}: cannot write to {folder.absolute()} ({error.strerror}), expected a writable folder for "
                "what is to be learnt"
            ) from None
        wanted = _MARGIN_BYTES + sum(size for file, size in sizes.items() if file.parent == folder)
        if free < wanted:
            raise InputError(
                f"{key}: got {free / 1e6:.1f} MB of room in {folder.absolute()}, expected {wanted / 1e6:.1f} MB for "
                "what is to be learnt"
            )


def keep_somewhere(save: Callable[[Path], object], file: Path, others: Iterable[Path] = (), key: str = "zoo") -> None:
    """Saves what was learnt in a file, or where that fails in the first of other folders that takes them.

    Args:
        save: writes them to a path, and a document beside it.
        file: where they belong.
        others: folders to fall back to, those of temporary files last.
        key: what the user named the folder or file with.

    Raises:
        InputError: if they had to go elsewhere; the line says where they are.
    """
    try:
        save(file)
        return
    except OSError as error:
        reason = error.strerror
    for folder in (*others, Path(tempfile.gettempdir())):
        elsewhere = folder / file.name
        try:
            save(elsewhere)
        except OSError:
            continue
        raise InputError(
            f"{key}: {file}: {reason}, expected to keep there what was learnt; it is in {elsewhere.absolute()} with "
            "the .json beside it: move both there"
        )
    raise InputError(f"{key}: {file}: {reason}, expected to keep there what was learnt; no other folder took it")
