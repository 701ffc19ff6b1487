"""The state of a training on disk, so that a killed training goes on where it was.

It is what ``torch.save`` writes, and a SHA-256 of that behind it, which readers of zip files pass over.
"""

import hashlib
import io
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from feedback.bounded_file import read_bounded
from feedback.errors import FeedbackInputError
from feedback.files import write_whole
from feedback.torch_file import torch_content

_LOGGER = logging.getLogger(__name__)

_MARK = b"\nsha256 "
_CHECKSUM = re.compile(re.escape(_MARK) + rb"([0-9a-f]{64})\Z")
_CHECKSUM_BYTES = len(_MARK) + 64


def save_state_file(file: Path, document: Mapping[str, Any], signature: Mapping[str, Any]) -> None:
    """Keeps a state whole or not at all; its folder is made.

    Args:
        file: to write.
        document: tensors and plain values.
        signature: what the training is told from others by, plain values.

    Raises:
        OSError: that names the file, if it cannot be written.
    """
    stream = io.BytesIO()
    torch.save({**document, "signature": dict(signature)}, stream)
    content = stream.getvalue()
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, content + _MARK + hashlib.sha256(content).hexdigest().encode())


def kept_state(file: Path, signature: Mapping[str, Any], max_bytes: int) -> dict[str, Any] | None:
    """What ``save_state_file`` kept, ``None`` where there is no file; a damaged one is set aside with a warning.

    Args:
        file: to read.
        signature: of the training that is to go on.
        max_bytes: more than that is not read, and is another training's.

    Raises:
        FeedbackInputError: if it cannot be read, or is of another training; one line names what differs.
    """
    if not file.exists():
        return None
    content = read_bounded(file, max_bytes, "the state of this training; without it training starts anew")
    try:
        document = _document(content, max_bytes)
        found = document.pop("signature")
    except FeedbackInputError as error:
        _set_aside(file, str(error))
        return None
    differing = _difference(found, signature)
    if differing is not None:
        raise FeedbackInputError(f"{file}: is the state of a training with {differing}; without it a new one starts")
    return document


def _document(content: bytes, max_bytes: int) -> dict[str, Any]:
    """Tensors and plain values; a state without a checksum, as linksim 0.1 wrote them, is taken unchecked."""
    if checksum := _CHECKSUM.search(content, max(len(content) - _CHECKSUM_BYTES, 0)):
        content = content[:-_CHECKSUM_BYTES]
        if hashlib.sha256(content).hexdigest().encode() != checksum[1]:
            raise FeedbackInputError("its checksum is another")
    document = torch_content(content, max_bytes)
    if not isinstance(document, dict) or not isinstance(document.get("signature"), dict):
        raise FeedbackInputError("without the signature of a training")
    return document


def _set_aside(file: Path, reason: str) -> None:
    aside = file.with_name(f"{file.name}.damaged")
    try:
        file.replace(aside)
    except FileNotFoundError:
        # Another process of the same training was faster.
        return
    _LOGGER.warning("%s: damaged (%s), set aside as %s; training starts anew", file, reason, aside.name)


def _difference(found: Mapping[str, Any], expected: Mapping[str, Any], place: str = "") -> str | None:
    for name in sorted(expected.keys() | found.keys(), key=str):
        mine, theirs = expected.get(name), found.get(name)
        if isinstance(mine, dict) and isinstance(theirs, dict):
            inner = _difference(theirs, mine, f"{place}{name}.")
            if inner is not None:
                return inner
        elif mine != theirs:
            return f"{place}{name} {repr(theirs)[:80]}, expected {repr(mine)[:80]}"
    return None
