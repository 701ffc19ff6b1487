"""Content of files that ``torch.save`` wrote, with nothing in them run: tensors and plain values, or one line."""

import io
import zipfile
from typing import Any

import torch

from feedback.errors import FeedbackInputError


def torch_content(content: bytes, max_bytes: int) -> Any:
    """What the bytes of such a file hold, on the CPU.

    Args:
        content: the bytes.
        max_bytes: it must not unpack to more.

    Raises:
        FeedbackInputError: if it is damaged, holds anything but tensors and plain values, or unpacks to more.
    """
    stream = io.BytesIO(content)
    try:
        unpacked = _unpacked_bytes(stream)
        if unpacked > max_bytes:
            raise FeedbackInputError(f"got {unpacked} bytes, expected at most {max_bytes}")
        return torch.load(stream, map_location="cpu", weights_only=True)
    except FeedbackInputError:
        raise
    except Exception as error:
        # Bytes from outside make the readers of zip files and pickles raise what they please. PyTorch's words are
        # advice on how to run what the file holds.
        raise FeedbackInputError("unreadable, or it holds more than tensors") from error


def _unpacked_bytes(stream: io.BytesIO) -> int:
    """Bytes that a zip file says it unpacks to; 0 for the older form, which is not compressed."""
    if not zipfile.is_zipfile(stream):
        return 0
    with zipfile.ZipFile(stream) as archive:
        found = sum(member.file_size for member in archive.infolist())
    stream.seek(0)
    return found
