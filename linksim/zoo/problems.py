"""What is wrong with a folder of weights."""

from collections.abc import Iterator
from pathlib import Path

from feedback.checkpoint_info import read_info
from feedback.checkpoint_key import checkpoint_path
from feedback.errors import FeedbackInputError
from feedback.file_digest import file_digest
from linksim.errors import InputError
from linksim.zoo.entries import DOCUMENT, TENSORS, ZooEntry, zoo_files


def problems(folder: Path, max_bytes: int) -> Iterator[str]:
    """What is wrong with a zoo, one line each: hashes, names, sizes, weights that do not load; of plug-ins the hashes.

    Args:
        folder: the zoo.
        max_bytes: what all its files may take together.

    Raises:
        InputError: if there is no such folder.
    """
    files = zoo_files(folder)
    total = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    if total > max_bytes:
        yield f"{folder}: got {total / 1e6:.1f} MB, expected at most {max_bytes / 1e6:.1f} MB"
    for document in sorted(folder.glob(f"*{DOCUMENT}")):
        if document.with_suffix(TENSORS) not in files:
            yield f"{document}: no {TENSORS} file beside it, expected the tensors that it describes"
    for file in files:
        try:
            yield from _entry_problems(ZooEntry(file, read_info(file)))
        except (InputError, FeedbackInputError) as error:
            yield str(error)


def _entry_problems(entry: ZooEntry) -> Iterator[str]:
    if entry.info.storage == "float32":
        yield f"{entry.file}: got float32 weights, expected matrices in half precision or 8 bits"
    if entry.plugin:
        # Its code is not at hand, as a document may not name a file to run.
        digest = file_digest(entry.file)
        if digest != entry.info.sha256:
            yield f"{entry.file}: got SHA-256 {digest}, expected {entry.info.sha256} as its .json says"
        return
    compressor = entry.load()
    trained_for = entry.info.training.get("trained_for") or entry.spec().trained_for
    expected = checkpoint_path(entry.file.parent, compressor, trained_for)
    if expected.name != entry.file.name:
        yield f"{entry.file}: its document describes {expected.name}, expected the name of the file"
