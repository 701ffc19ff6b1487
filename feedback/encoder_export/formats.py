"""The formats that an encoder is exported in."""

from collections.abc import Sequence
from typing import Literal, get_args

from torch import nn

from feedback.errors import FeedbackInputError
from feedback.layers.binary import BinaryLinear

ExportFormat = Literal["float", "int8", "int8-static", "packed"]
FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)


def formats_of(encoder: nn.Module) -> tuple[ExportFormat, ...]:
    """The formats that an encoder can have: ``packed`` needs a layer of binary weights."""
    binary = any(isinstance(layer, BinaryLinear) for layer in encoder.modules())
    return tuple(format_ for format_ in FORMATS if binary or format_ != "packed")


def checked_formats(names: Sequence[str], encoder: nn.Module) -> tuple[ExportFormat, ...]:
    """The formats of those names, each once; all that the encoder can have where none is named.

    Raises:
        FeedbackInputError: for a name that is no format, or one that the encoder cannot have.
    """
    possible = formats_of(encoder)
    for name in names:
        if name not in possible:
            reason = ": no layer at the UE has binary weights" if name in FORMATS else ""
            raise FeedbackInputError(f"format: got {name!r}, expected {', '.join(possible)}{reason}")
    return tuple(format_ for format_ in possible if not names or format_ in names)
