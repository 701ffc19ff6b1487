"""Files that a run keeps: whole or not at all, with a checksum, and set aside when they turn out to be damaged.

A checksum is over what a file says, not over its bytes: tensors by name, type, shape and values, documents in canonical
JSON. It is kept in the file itself, so that both appear in one step.
"""

import errno
import hashlib
import json
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from channels import files as channel_files
from channels.files import whole_file
from linksim.errors import InputError

_LOGGER = logging.getLogger(__name__)

_CHECKSUM = "sha256"
_OS_ERROR = re.compile(r"os error (\d+)")


class DamagedFileError(Exception):
    """A kept file is not what was written; the text says in a few words why."""


@dataclass(frozen=True)
class KeptTensors:
    """What a file of tensors holds.

    Attributes:
        tensors: by name.
        metadata: texts kept with them.
        sha256: checksum of both.
    """

    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    sha256: str


def write_whole(path: Path, text: str) -> None:
    """Writes a text file so that a reader, or a kill, never sees half of it.

    Raises:
        OSError: that names the file, if it cannot be written.
    """
    channel_files.write_whole(path, text.encode())


def save_tensors(file: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Keeps tensors, and texts beside them, with their checksum.

    Raises:
        OSError: that names the file, if it cannot be written.
    """
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    texts = dict(metadata or {})
    with whole_file(file) as temporary:
        try:
            save_file(kept, temporary, {**texts, _CHECKSUM: _checksum(kept, texts)})
        except SafetensorError as error:
            # The library has an exception of its own for what the system refused.
            found = _OS_ERROR.search(str(error))
            number = int(found[1]) if found else errno.EIO
            raise OSError(number, os.strerror(number) if found else _reason(error), str(file)) from error


def load_tensors(file: Path, device: torch.device | None = None) -> KeptTensors:
    """What ``save_tensors`` kept.

    Args:
        file: the file.
        device: where the tensors go, by default to the CPU.

    Raises:
        OSError: if there is no such file, or the system does not let it be read.
        DamagedFileError: if it is anything but what was written.
    """
    try:
        with safe_open(file, framework="pt") as content:
            texts = dict(content.metadata() or {})
            tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, ValueError, RuntimeError, TypeError, KeyError) as error:
        raise DamagedFileError(f"not to be read: {_reason(error)}") from error
    digest = texts.pop(_CHECKSUM, None)
    if digest is None:
        raise DamagedFileError("without a checksum")
    if digest != _checksum(tensors, texts):
        raise DamagedFileError("its checksum is another")
    if device is not None:
        tensors = {name: tensor.to(device) for name, tensor in tensors.items()}
    return KeptTensors(tensors, texts, digest)


def kept_tensors(file: Path) -> KeptTensors | None:
    """What ``save_tensors`` kept, ``None`` where there is nothing; a damaged file is set aside."""
    try:
        return load_tensors(file)
    except FileNotFoundError:
        return None
    except DamagedFileError as error:
        set_aside(file, error)
        return None


def needed_tensors(file: Path) -> dict[str, Tensor]:
    """Tensors that an earlier stage has kept.

    Raises:
        InputError: if they are missing or damaged.
    """
    return needed_file(file).tensors


def needed_file(file: Path) -> KeptTensors:
    """What an earlier stage has kept.

    Raises:
        InputError: if it is missing or damaged.
    """
    try:
        return load_tensors(file)
    except (FileNotFoundError, DamagedFileError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else f"damaged ({error})"
        raise InputError(f"{file}: {reason}, expected what was fitted; the same command makes it again") from None


def save_document(file: Path, document: Mapping[str, Any]) -> None:
    """Keeps a document that ``json`` can write, with its checksum.

    Raises:
        OSError: that names the file, if it cannot be written.
    """
    write_whole(file, json.dumps({**document, _CHECKSUM: checksum_of(document)}))


def load_document(file: Path) -> dict[str, Any]:
    """What ``save_document`` kept.

    Raises:
        OSError: if there is no such file, or the system does not let it be read.
        DamagedFileError: if it is anything but what was written.
    """
    try:
        document = json.loads(file.read_bytes())
        if not isinstance(document, dict):
            raise ValueError(f"got {type(document).__name__}, expected a mapping")
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"not to be read: {_reason(error)}") from error
    digest = document.pop(_CHECKSUM, None)
    if digest is None:
        raise DamagedFileError("without a checksum")
    if digest != checksum_of(document):
        raise DamagedFileError("its checksum is another")
    return document


def checksum_of(document: Mapping[str, Any]) -> str:
    """SHA-256 of a document in canonical JSON."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def set_aside(file: Path, reason: object) -> None:
    """Renames a damaged file out of the way and says so in one line; what it held is made again by the caller."""
    aside = file.with_name(f"{file.name}.damaged")
    try:
        file.replace(aside)
    except FileNotFoundError:
        # Another process was faster.
        return
    line = f"{file}: damaged ({reason}), set aside as {aside.name}; what it held is made again"
    _LOGGER.warning(" ".join(line.split()))


def _checksum(tensors: Mapping[str, Tensor], texts: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(dict(texts), sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        if tensor.numel():
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
