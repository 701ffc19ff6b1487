"""List decoding of polar codes in PyTorch, a batch of codewords at a time; the reference of the compiled decoder."""

import torch
from torch import Tensor

from feedback.links.uci.crc import Crc, CrcName, crc_degree
from feedback.links.uci.polar_construction import PolarConstruction


class ParityCheckDecoder:
    r"""Successive cancellation with a list of paths, each with the parity checks of its own bits.

    .. math:: \mathrm{PM} \leftarrow \mathrm{PM} + \ln(1 + e^{-(1 - 2 u) \lambda})

    for every input ``u`` with LLR :math:`\lambda`, zeros and parity checks included (A. Balatsoukas-Stimming et al.,
    "LLR-based successive cancellation list decoding of polar codes", doi:10.1109/TSP.2015.2439211). A parity check is
    known once the bits before it are, so it splits no path. Out of the list comes the likeliest path that passes its
    CRC, or the likeliest if none does.

    Args:
        code: positions of bits and checks.
        crc: the CRC that the bits end with.
        list_size: paths that are kept.
    """

    def __init__(self, code: PolarConstruction, crc: CrcName, list_size: int) -> None:
        self._code, self._list_size = code, list_size
        self._crc = crc
        # Number of the bit that an input carries, and of the parity check.
        carried = code.positions[~code.is_check]
        self._bit_at = {int(position): k for k, position in enumerate(carried)}
        self._check_at = {int(position): k for k, position in enumerate(code.positions[code.is_check])}
        self._used = sorted(int(position) for position in code.positions)

    def decode(self, llr: Tensor) -> tuple[Tensor, Tensor]:
        """LLRs ``[n, N]`` of the mother code's outputs, positive for 0, to bits ``[n, K]``, CRC included.

        Returns:
            Bits, of the LLRs' type, and which codewords pass their CRC, ``[n]``, bool.
        """
        n, paths = len(llr), self._list_size
        self._metric = llr.new_full((n, paths), torch.inf)
        self._metric[:, 0] = 0
        self._bits = llr.new_zeros((n, paths, self._code.n_bits))
        self._sums = torch.as_tensor(self._code.checks, dtype=llr.dtype, device=llr.device)
        self._visit(llr[:, None].expand(-1, paths, -1), 0)
        crc = Crc(self._code.n_bits - crc_degree(self._crc), self._crc, str(llr.device))
        passed = crc.passes(self._bits.to(torch.float32))
        among_passed = torch.where(passed, self._metric, torch.inf)
        order = torch.where(passed.any(dim=1, keepdim=True), among_passed, self._metric)
        best = order.argmin(dim=1, keepdim=True)
        return self._bits.take_along_dim(best[..., None], 1).squeeze(1), passed.gather(1, best).squeeze(1)

    def _visit(self, llr: Tensor, first: int) -> tuple[Tensor, Tensor]:
        """Decides on the inputs of a part of the code.

        Args:
            llr: LLRs of its outputs, ``[n, list, length]``.
            first: its first input.

        Returns:
            Outputs of the paths that are left, and the path that each came from, ``[n, list]``.
        """
        length = llr.shape[-1]
        if not any(first <= position < first + length for position in self._used):
            self._metric = self._metric + _cost(llr).sum(dim=-1)
            return torch.zeros_like(llr), self._same(llr)
        if length == 1:
            return self._decide(llr, first)
        upper, lower = llr.chunk(2, dim=-1)
        left, origin = self._visit(_box_plus(upper, lower), first)
        upper, lower = (part.take_along_dim(origin[..., None], 1) for part in (upper, lower))
        right, again = self._visit(lower + (1 - 2 * left) * upper, first + length // 2)
        left = left.take_along_dim(again[..., None], 1)
        return torch.cat([(left - right).abs(), right], dim=-1), origin.gather(1, again)

    def _decide(self, llr: Tensor, position: int) -> tuple[Tensor, Tensor]:
        k = self._check_at.get(position)
        if k is not None:
            bit = (self._bits @ self._sums[:, k]) % 2
            self._metric = self._metric + _cost((1 - 2 * bit) * llr.squeeze(-1))
            return bit[..., None], self._same(llr)
        grown = torch.cat([self._metric + _cost(sign * llr.squeeze(-1)) for sign in (1, -1)], dim=1)
        self._metric, kept = grown.topk(self._list_size, dim=1, largest=False)
        origin, bit = kept % self._list_size, (kept // self._list_size).to(llr.dtype)
        self._bits = self._bits.take_along_dim(origin[..., None], 1)
        self._bits[..., self._bit_at[position]] = bit
        return bit[..., None], origin

    def _same(self, llr: Tensor) -> Tensor:
        return torch.arange(self._list_size, device=llr.device).expand(len(llr), -1)


def _box_plus(first: Tensor, second: Tensor) -> Tensor:
    """LLR of the sum modulo 2 of two bits."""
    magnitude = torch.minimum(first.abs(), second.abs())
    near, change = torch.exp(-(first.abs() - second.abs()).abs()), torch.expm1(-2 * magnitude)
    # ln(1 + e^-(M + m)) - ln(1 + e^-(M - m)) for magnitudes M and m, with an error relative to m.
    correction = 2 * torch.atanh(near * change / (near * (change + 2) + 2))
    return torch.sign(first) * torch.sign(second) * (magnitude + correction)


def _cost(llr: Tensor) -> Tensor:
    """What a decision for 0 adds to a path's metric, less the ln 2 of an LLR of 0, which all paths pay."""
    return (-llr).clamp(min=0) + torch.log1p(torch.expm1(-llr.abs()) / 2)
