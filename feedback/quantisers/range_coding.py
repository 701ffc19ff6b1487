"""Range coding of one report's level numbers to as few bits as the coder's final interval allows."""

import numpy as np
from constriction import stream
from numpy.typing import NDArray

from feedback.errors import FeedbackInputError

# Width of the words that the coder writes; its state is two of them.
_WORD = 32

_MODEL = stream.model.Categorical(perfect=False)


def range_encode(symbols: NDArray[np.int32], priors: NDArray[np.float32]) -> NDArray[np.uint8]:
    r"""The shortest bitstream that decodes to the symbols, whatever follows it.

    Its length lies between :math:`-\sum_i \log_2 p_i(s_i)` and 2 bits more: it names the largest block of
    :math:`2^{-k}` that lies whole in the final interval of width :math:`\prod_i p_i(s_i)`. The coder rounds the
    probabilities to 24 bits.

    Args:
        symbols: ``[n]``, each from 0 to ``n_symbols - 1``.
        priors: probabilities of every symbol at every position, ``[n, n_symbols]``, positive.

    Returns:
        Bits 0 and 1, most significant first, ``[length]``.
    """
    encoder = stream.queue.RangeEncoder()
    encoder.encode(symbols, _MODEL, priors)
    n_words, (lower, width) = encoder.pos()
    # The coder ends with the first whole word in its interval; a further word of zeros says nothing.
    words = encoder.get_compressed()[: n_words + 1]
    if len(words) == 0:
        return np.zeros(0, np.uint8)
    number = int.from_bytes(words.astype(">u4").tobytes(), "big")
    offset = ((int(words[-1]) << _WORD) - lower) % (1 << 2 * _WORD)
    low, n_bits = (number << _WORD) - offset, _WORD * (n_words + 2)
    dropped = _largest_block(low, low + width, n_bits)
    block = (low + (1 << dropped) - 1) >> dropped
    bits = np.unpackbits(np.frombuffer(block.to_bytes(n_bits // 8, "big"), np.uint8))
    return bits[dropped:]


def range_decode(bits: NDArray[np.uint8], priors: NDArray[np.float32]) -> NDArray[np.int32]:
    """The symbols ``[n]`` of a bitstream from ``range_encode`` with the same priors ``[n, n_symbols]``.

    Raises:
        FeedbackInputError: if no symbols have this bitstream.
    """
    # Two words of zeros behind the end, as many as the coder reads ahead.
    padded = np.concatenate([bits, np.zeros(-len(bits) % _WORD + 2 * _WORD, np.uint8)])
    words = np.packbits(padded).view(">u4").astype(np.uint32)
    try:
        symbols: NDArray[np.int32] = stream.queue.RangeDecoder(words).decode(_MODEL, priors)
    except AssertionError as error:
        raise FeedbackInputError(f"bitstream of {len(bits)} bits: got one that no report has ({error})") from None
    return symbols


def _largest_block(low: int, high: int, n_bits: int) -> int:
    """Largest ``k`` up to ``n_bits`` such that ``[a 2^k, (a + 1) 2^k)`` lies in ``[low, high)`` for some ``a``."""
    largest = min(n_bits, (high - low).bit_length() - 1)
    return next(k for k in range(largest, -1, -1) if (((low + (1 << k) - 1) >> k) + 1) << k <= high)
