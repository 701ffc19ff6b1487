"""Block codes of control information of 1 to 11 bits (TS 38.212, clause 5.3.3), decoded by maximum likelihood."""

import torch
from torch import Tensor

# Table 5.3.3.3-1: one basis sequence a column of 32 bits, for bits 0 to 10 of the payload.
_BASIS = (
    "11000000001 11100000011 10010010111 10110000101 11110001001 11001011101 10101010111 10011001101 "
    "11011001011 10111010011 10100111011 11100110101 10010101111 11010101011 10001101001 11001111011 "
    "11101110010 10011100100 11011111000 10000110000 10100010001 11010000011 10001001101 11101000111 "
    "11111011110 11000111001 10110100110 11110101110 10101110100 10111111100 11111111111 10000000000"
)


class SmallBlock:
    """Codes without CRC: repetition of 1 bit, the simplex code of 2, and (32, K) subcodes of Reed-Muller of 3 to 11.

    Bits of a symbol that carry neither of 1 or 2 bits get the values that clause 6.3.1.1 of TS 38.211 leaves them:
    the corners of the constellation, with the first bit on both axes.

    Args:
        n_bits: bits of a block, 1 to 11.
        coded_bits: bits after rate matching, a multiple of ``bits_per_symbol``.
        bits_per_symbol: of the symbols that carry the coded bits.
        device: where to compute.
    """

    def __init__(self, n_bits: int, coded_bits: int, bits_per_symbol: int, device: str) -> None:
        numbers = torch.arange(2**n_bits)
        self._weights = 2 ** torch.arange(n_bits, device=device)
        self._payloads = (numbers[:, None] >> torch.arange(n_bits) & 1).to(device, torch.float32)
        words = _words(self._payloads.cpu().to(torch.int64), bits_per_symbol)
        # Clause 5.4.3: from the beginning again, as often as it takes.
        self._codewords = words[:, torch.arange(coded_bits) % words.shape[1]].to(device, torch.float32)

    def encode(self, bits: Tensor) -> Tensor:
        """Bits ``[n, n_bits]`` to coded bits ``[n, coded_bits]``, float32."""
        return self._codewords[(bits.to(torch.int64) * self._weights).sum(dim=1)]

    def decode(self, llr: Tensor) -> tuple[Tensor, Tensor]:
        """LLRs ``[n, coded_bits]`` to the likeliest bits ``[n, n_bits]``; every block passes, as there is no CRC."""
        # In double precision, as the last digits of a batched product depend on its size.
        likeliest = (llr.double() @ self._codewords.T.double()).argmax(dim=1)
        return self._payloads[likeliest], torch.ones(len(llr), dtype=torch.bool, device=llr.device)


def _words(payloads: Tensor, bits_per_symbol: int) -> Tensor:
    """Codewords before rate matching of payloads ``[n, n_bits]`` of 0 and 1, ``[n, length]``, int64."""
    n_bits = payloads.shape[1]
    if n_bits > 2:
        basis = torch.tensor([[int(bit) for bit in row] for row in _BASIS.split()])
        return payloads @ basis[:, :n_bits].T % 2
    first = payloads[:, :1]
    carried = first.expand(-1, 2)
    if n_bits == 2:
        second = payloads[:, 1:]
        both = (first + second) % 2
        carried = torch.cat([first, second, both, first, second, both], dim=1)
    symbols = carried.unflatten(1, (-1, 2))
    return torch.nn.functional.pad(symbols, (0, bits_per_symbol - 2), value=1).flatten(1)
