"""List decoding of polar codes: by compiled code on a CPU, else in PyTorch."""

import ctypes

import numpy as np
import torch
from torch import Tensor

from feedback.links.uci.compiled import compiled
from feedback.links.uci.crc import CrcName, crc_degree, crc_words
from feedback.links.uci.parity_check_polar import ParityCheckDecoder
from feedback.links.uci.polar_construction import PolarConstruction

# Longer lists take longer vectors.
_FEWEST_LANES = 8


class _Code(ctypes.Structure):
    """A code, as in the C source."""

    _fields_ = [
        *((name, ctypes.c_int32) for name in ("length", "n_bits", "crc_bits")),
        *((name, ctypes.c_void_p) for name in ("roles", "used", "sums")),
    ]


class ListDecoder:
    """CRC-aided successive cancellation with a list of paths, as ``ParityCheckDecoder`` has it.

    Both take the same decisions but where two paths are as likely as each other to within rounding. The compiled one
    decodes on a CPU where there is gcc. A codeword's bits do not depend on the others of its batch.

    Args:
        code: positions of bits and checks.
        crc: the CRC that the bits end with.
        list_size: paths that are kept, 1 or more.
    """

    def __init__(self, code: PolarConstruction, crc: CrcName, list_size: int) -> None:
        self._list_size, crc_bits = list_size, crc_degree(crc)
        self._in_torch = ParityCheckDecoder(code, crc, list_size)
        roles = np.full(code.mother_bits, -1, np.int32)
        roles[code.positions[~code.is_check]] = np.arange(code.n_bits)
        roles[code.positions[code.is_check]] = code.n_bits + np.arange(code.is_check.sum())
        used = np.concatenate([[0], np.cumsum(roles >= 0)]).astype(np.int32)
        shifts = crc_bits + np.arange(code.checks.shape[1], dtype=np.uint32)
        sums = crc_words(code.n_bits, crc) | (code.checks << shifts).sum(axis=1).astype(np.uint32)
        self._arrays = roles, used, sums
        self._code = _Code(code.mother_bits, code.n_bits, crc_bits, *(array.ctypes.data for array in self._arrays))

    def decode(self, llr: Tensor) -> tuple[Tensor, Tensor]:
        """LLRs ``[n, N]`` of the mother code's outputs, positive for 0, to bits ``[n, K]``, CRC included.

        Returns:
            Bits, float32, and which codewords pass their CRC, ``[n]``, bool.
        """
        library = compiled("list_decoder", max(_FEWEST_LANES, 1 << (self._list_size - 1).bit_length()))
        if library is None or llr.device.type != "cpu":
            return self._in_torch.decode(llr)
        llr = llr.to(torch.float32).contiguous()
        bits = torch.empty((len(llr), self._code.n_bits), dtype=torch.uint8)
        passed = torch.empty(len(llr), dtype=torch.bool)
        failed = library.decode_lists(
            ctypes.byref(self._code),
            ctypes.c_int(self._list_size),
            ctypes.c_int64(len(llr)),
            *(ctypes.c_void_p(tensor.data_ptr()) for tensor in (llr, bits, passed)),
        )
        if failed:
            raise MemoryError("link uci: no memory for the paths of one codeword")
        return bits.to(torch.float32), passed
