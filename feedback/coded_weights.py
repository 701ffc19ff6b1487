r"""Weights as few bits: levels of one step behind a general-purpose compressor, and signs with one scale.

Most weights of a trained matrix are far smaller than its largest, so that levels of equal distance take fewer bits
than any fixed number of them for each weight: the code spends bits where weights differ. The step is chosen by what
it costs (``linksim.preparation.stored_weights``).

Of a binary layer, signs and scale are all that works: it comes back as :math:`\alpha B`, whose products are those of
the float weights to the last bit. Training may go on from there: each float weight then starts at the scale's
distance from its change of sign, wherever it was before.
"""

import lzma
import math

import numpy as np
import torch
from torch import Tensor

from feedback.errors import FeedbackInputError
from feedback.layers.binary import pack_signs, scale_of, signs_of, unpack_signs

_LARGEST_LEVEL = 2**15 - 1
# Plain LZMA2 without a header, so that what a reader does follows from nothing that a file says; 16-bit levels.
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 6, "lc": 3, "lp": 1, "pb": 1}]
# Weights for which a code has at least one byte, so that a small file cannot ask for much memory; a shorter code is
# filled up with zeros.
_MOST_WEIGHTS_IN_A_BYTE = 64


def rounded(weight: Tensor, step: float) -> Tensor:
    r"""Weights at the levels that they are written as.

    .. math:: q = s \, \mathrm{round}(w / s), \qquad s = r \sqrt{\overline{w^2}}

    Weights that are levels already, as those of a network that was read from such a file, stay what they are.

    Args:
        weight: of any shape.
        step: :math:`r`, the levels' distance over the root mean square of the weights.
    """
    levels, distance = _levels(weight, step)
    return levels * distance


def coded(weight: Tensor, step: float) -> tuple[Tensor, Tensor]:
    """A code of the levels of ``rounded``, ``[bytes]``, uint8, and their distance, a scalar, float32."""
    levels, distance = _levels(weight.cpu(), step)
    code = lzma.compress(_bytes(levels), format=lzma.FORMAT_RAW, filters=_FILTERS)
    filled = code.ljust(code_bytes(weight)[0], b"\0")
    return torch.frombuffer(bytearray(filled), dtype=torch.uint8), distance


def decoded(name: str, code: Tensor, distance: Tensor, weight: Tensor) -> Tensor:
    """The weights of a code, float32.

    Args:
        name: of the weights, for messages.
        code: that ``coded`` made.
        distance: the levels'.
        weight: of the shape that is expected; its values do not matter.

    Raises:
        FeedbackInputError: if the code is damaged or of another number of weights.
    """
    size = 2 * weight.numel()
    decoder = lzma.LZMADecompressor(format=lzma.FORMAT_RAW, filters=_FILTERS)
    try:
        # One byte more than there may be, so that the code's end is read as well.
        content = decoder.decompress(code.numpy().tobytes(), max_length=size + 1)
    except lzma.LZMAError as error:
        raise FeedbackInputError(f"{name}: {str(error).lower()}, expected a code of levels") from None
    if len(content) != size or not decoder.eof:
        found = "more" if len(content) > size else str(len(content) // 2)
        raise FeedbackInputError(f"{name}: got a code of {found} levels, expected {weight.numel()}")
    levels = torch.from_numpy(np.frombuffer(content, dtype="<i2").astype(np.float32))
    return levels.view(weight.shape) * distance


def code_bytes(weight: Tensor) -> tuple[int, int]:
    """Fewest and most bytes of the code of a weight, its distance left out."""
    # What cannot be compressed takes three bytes more for each 64 KiB.
    return math.ceil(weight.numel() / _MOST_WEIGHTS_IN_A_BYTE), 2 * weight.numel() + weight.numel() // 2**10 + 64


def sign_bits(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Signs of a binary layer's weights, ``[ceil(n / 8)]``, uint8, and its scale, a scalar, float32."""
    weight = weight.cpu()
    return pack_signs(signs_of(weight)), scale_of(weight)


def signed(bits: Tensor, scale: Tensor, weight: Tensor) -> Tensor:
    """Weights of a binary layer, of the shape of ``weight``, from their signs and scale."""
    return scale * unpack_signs(bits, weight.numel()).view(weight.shape)


def _levels(weight: Tensor, step: float) -> tuple[Tensor, Tensor]:
    sizes = weight.abs()
    smallest = sizes[sizes > 0].amin() if bool((sizes > 0).any()) else sizes.new_zeros(())
    levels = (weight / torch.where(smallest == 0, 1, smallest)).round()
    if bool((levels.abs() <= _LARGEST_LEVEL).all()) and torch.equal(levels * smallest, weight):
        return levels, smallest
    distance = (step * weight.square().mean(dtype=torch.float64).sqrt()).to(torch.float32)
    levels = (weight / torch.where(distance == 0, 1, distance)).round()
    # What is not finite has no level, but shows in the distance.
    return levels.nan_to_num().clamp(-_LARGEST_LEVEL, _LARGEST_LEVEL), distance


def _bytes(levels: Tensor) -> bytes:
    return levels.numpy().astype("<i2").tobytes()
