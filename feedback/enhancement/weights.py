"""Weights of the filters that refine a report at the BS: those that ship, and files of one's own."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from numpy.typing import NDArray
from safetensors.numpy import load

from feedback.bounded_file import read_parsed
from feedback.errors import FeedbackInputError

Weights = Mapping[str, NDArray[np.float32]]

_MAX_FILE_BYTES = 2**22
_MAX_MAPS = 256
# Magnitudes on two scales, step and delay.
FEATURES = 4
_FIRST, _SECOND = 5, 3


def read_weights(file: Path | None) -> Weights:
    """Weights from a file that ``linksim context-enhancer`` has written; by default those that ship.

    Raises:
        FeedbackInputError: if it cannot be read, or does not hold such weights.
    """
    if file is None:
        return _shipped()
    return read_parsed(file, _MAX_FILE_BYTES, "a readable file of filters", weights_of)


def weights_of(content: bytes) -> Weights:
    """Weights from the content of a safetensors file.

    Raises:
        FeedbackInputError: if it is none, or does not hold such weights.
    """
    try:
        tensors: dict[str, NDArray[Any]] = load(content)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise FeedbackInputError(f"filters: got no safetensors file ({error}), expected one") from error
    expected = layout(*_sizes(tensors))
    if set(tensors) != set(expected):
        raise FeedbackInputError(f"filters: got {sorted(tensors)}, expected {sorted(expected)}")
    for name, shape in expected.items():
        found = tensors[name]
        if found.dtype != np.float32 or found.shape != shape or not np.isfinite(found).all():
            raise FeedbackInputError(
                f"filters: {name}: got {found.dtype} of shape {list(found.shape)}, expected finite float32 of shape "
                f"{list(shape)}"
            )
    return tensors


def layout(width: int, filters: int, delays: int, angles: int) -> dict[str, tuple[int, ...]]:
    """Shapes of the weights by name: feature maps, filters, and the filters' size along delay and angle."""
    return {
        "first.weight": (width, FEATURES, _FIRST, _FIRST),
        "first.bias": (width,),
        "second.weight": (width, width, _SECOND, _SECOND),
        "second.bias": (width,),
        "gate.weight": (filters, width, 1, 1),
        "gate.bias": (filters,),
        "real": (filters, 1, delays, angles),
        "imaginary": (filters, 1, delays, angles),
    }


def _sizes(tensors: Mapping[str, NDArray[Any]]) -> tuple[int, int, int, int]:
    try:
        (width,), (filters, _, delays, angles) = tensors["first.bias"].shape, tensors["real"].shape
    except (KeyError, ValueError):
        raise FeedbackInputError(f"filters: got {sorted(tensors)[:8]}, expected biases and filters") from None
    if not (1 <= width <= _MAX_MAPS and 1 <= filters <= _MAX_MAPS and delays % 2 and angles % 2):
        raise FeedbackInputError(
            f"filters: got {width} maps and {filters} filters of {delays} x {angles}, expected up to {_MAX_MAPS} of "
            "each, of odd sizes"
        )
    return width, filters, delays, angles


@cache
def _shipped() -> Weights:
    return weights_of(files("feedback.enhancement").joinpath("data/filters.safetensors").read_bytes())
