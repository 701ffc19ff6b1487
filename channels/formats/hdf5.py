"""Datasets of HDF5 files that come from elsewhere: opened with one-line errors, read in slices."""

import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from channels.errors import ChannelInputError
from channels.formats.regular_file import require_file


@contextmanager
def open_hdf5(path: Path, expected: str) -> Iterator[h5py.File]:
    """Opens the file for the time of a ``with`` block.

    Args:
        path: the file.
        expected: what it should hold, for the error message.

    Raises:
        ChannelInputError: if the file is missing, no HDF5, or truncated, or if reading inside the block fails.
    """
    require_file(path, expected)
    try:
        with h5py.File(path, "r") as file:
            yield file
    except ChannelInputError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError, zlib.error) as error:
        raise ChannelInputError(f"{path}: cannot be read as HDF5, truncated or damaged ({one_line(error)})") from error


@contextmanager
def open_dataset(path: Path, name: str) -> Iterator[h5py.Dataset]:
    """Opens one dataset of the file for the time of a ``with`` block.

    Raises:
        ChannelInputError: as ``open_hdf5``; also if the file has no such dataset.
    """
    with open_hdf5(path, f"an HDF5 file with {name}") as file:
        found = plain_member(file, name)
        if not isinstance(found, h5py.Dataset):
            # What iterates names links too, also those that lead nowhere.
            if name in set(file):
                line = f"{path}: got {name} as a group or link, expected a dataset in the file itself"
                raise ChannelInputError(line)
            raise ChannelInputError(f"{path}: got the datasets {_some(file)}, expected {name}")
        yield found


def plain_member(group: h5py.Group, name: str) -> h5py.Dataset | h5py.Group | None:
    """Dataset or group of that name with its data in the file itself, ``None`` if there is no such thing.

    Raises:
        ChannelInputError: if the data of the dataset lie in other files.
    """
    # A soft or external link, or external storage, could name any file of the reader's machine.
    if name not in group or not isinstance(group.get(name, getlink=True), h5py.HardLink):
        return None
    return in_file(group[name])


def in_file(member: h5py.Dataset | h5py.Group) -> h5py.Dataset | h5py.Group:
    """The member itself, if its data lie in the file.

    Raises:
        ChannelInputError: if they lie in other files.
    """
    if isinstance(member, h5py.Dataset) and (member.external or member.is_virtual):
        name = member.name.lstrip("/")
        raise ChannelInputError(
            f"{member.file.filename}: {name} lies in other files, expected the data in the file itself"
        )
    return member


def positive_attribute(dataset: h5py.Dataset, name: str, path: Path) -> float:
    """A positive number among the attributes of the dataset's file.

    Raises:
        ChannelInputError: if it is missing or no positive number.
    """
    attributes = dataset.file.attrs
    if name not in attributes:
        raise ChannelInputError(f"{path}: attribute {name} is missing, expected a positive number")
    value: Any = attributes[name]
    number = np.asarray(value)
    if number.size != 1 or number.dtype.kind not in "iuf" or not 0 < float(number.item()) < np.inf:
        raise ChannelInputError(f"{path}: attribute {name}: got {one_line(value)}, expected a positive number")
    return float(number.item())


def positive_integer_attribute(dataset: h5py.Dataset, name: str, path: Path) -> int:
    """A positive whole number among the attributes of the dataset's file, of any numeric type.

    Raises:
        ChannelInputError: if it is missing or no positive whole number.
    """
    number = positive_attribute(dataset, name, path)
    if not number.is_integer():
        raise ChannelInputError(f"{path}: attribute {name}: got {number!r}, expected a whole number")
    return int(number)


def one_line(value: object) -> str:
    """Text of a value or an error, short, on one line, and without what a terminal would obey.

    Of Python's own objects (``<ast.BinOp object at 0x7f22>``), which say nothing to a reader, the kind is left.
    """
    text = re.sub(r"<(?:[\w.]+\.)?(\w+) object at 0x[0-9a-fA-F]+>", r"\1", str(value))
    text = re.sub(r"\s+", " ", text)[:120]
    return "".join(character if character.isprintable() else "?" for character in text)


def _some(file: h5py.File) -> str:
    names = sorted(file)
    return one_line(", ".join(names)) if names else "none"
