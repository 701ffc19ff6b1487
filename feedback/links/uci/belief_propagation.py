"""Belief propagation for LDPC codes: by compiled code on a CPU, else by Sionna's decoder."""

import ctypes

import numpy as np
import torch
from numpy.typing import NDArray
from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder
from torch import Tensor

from feedback.links.uci.block import Decoder, decode_in_turn
from feedback.links.uci.compiled import compiled
from feedback.links.uci.crc import Crc, CrcName, crc_degree, crc_words

# A few iterations, and all for blocks whose CRC the few leave wrong.
ITERATIONS = (8, 20)
_MAX_LLR = 20.0
# Messages that Sionna's decoder is given at once on a CPU; more of them leave its caches.
_MAX_EDGES_AT_ONCE = 2**20


class _Graph(ctypes.Structure):
    """A graph, as in the C source."""

    _fields_ = [
        *((name, ctypes.c_int32) for name in ("n_checks", "n_variables", "n_bits")),
        *((name, ctypes.c_void_p) for name in ("starts", "variables", "sums")),
    ]


class GraphDecoder:
    r"""Sum-product decoding, all checks and then all variables in an iteration.

    .. math:: m_{c \to v} = 2 \operatorname{artanh} \prod_{v' \ne v} \tanh \frac{m_{v' \to c}}{2}, \qquad
              m_{v \to c} = \lambda_v + \sum_{c' \ne c} m_{c' \to v}

    (R. G. Gallager, "Low-density parity-check codes", doi:10.1109/TIT.1962.1057683), with messages to checks within 20.
    Blocks whose CRC is right after 8 iterations are done, others take 20. Bits that fill a block are known and not in
    the graph, nor are checks that say nothing as they have a bit of their own that is not sent.

    Args:
        encoder: the code with its rate matching.
        crc: name of the CRC that a block ends with.
    """

    def __init__(self, encoder: LDPC5GEncoder, crc: CrcName) -> None:
        self._encoder, self._crc, self._words = encoder, crc, crc_words(encoder.k, crc)
        sent = 2 * encoder.z + np.arange(encoder.n)
        sent[sent >= encoder.k] += encoder.k_filler
        self._starts, edges, kept = _graph(encoder, sent)
        self._edges, self._n_variables = edges, len(kept)
        self._sent = torch.from_numpy(np.searchsorted(kept, sent))
        self._sionnas: dict[str, list[Decoder]] = {}
        arrays = self._starts, self._edges, self._words
        self._graph = _Graph(len(self._starts) - 1, len(kept), encoder.k, *(array.ctypes.data for array in arrays))

    def decode(self, llr: Tensor) -> tuple[Tensor, Tensor]:
        """LLRs ``[n, coded_bits]`` of 1 over 0 to bits ``[n, k]``, CRC included; which pass it, ``[n]``, bool."""
        library = compiled("belief_propagation")
        if library is None or llr.device.type != "cpu":
            return self._by_sionna(llr)
        known = torch.zeros((len(llr), self._n_variables))
        known[:, self._sent] = -llr.float()[:, self._encoder.out_int_inv].clamp(-_MAX_LLR, _MAX_LLR)
        bits = torch.empty((len(llr), self._encoder.k), dtype=torch.uint8)
        passed = torch.empty(len(llr), dtype=torch.bool)
        failed = library.decode_graph(
            ctypes.byref(self._graph),
            *(ctypes.c_int(n) for n in ITERATIONS),
            ctypes.c_int64(len(llr)),
            *(ctypes.c_void_p(tensor.data_ptr()) for tensor in (known, bits, passed)),
        )
        if failed:
            raise MemoryError("link uci: no memory for the messages of 16 codewords")
        return bits.to(torch.float32), passed

    def _by_sionna(self, llr: Tensor) -> tuple[Tensor, Tensor]:
        device = str(llr.device)
        if device not in self._sionnas:
            crc = Crc(self._encoder.k - crc_degree(self._crc), self._crc, device)
            self._sionnas[device] = [_sionnas(self._encoder, crc, iterations, device) for iterations in ITERATIONS]
        rows = max(1, _MAX_EDGES_AT_ONCE // len(self._edges) if llr.device.type == "cpu" else len(llr))
        parts = [decode_in_turn(self._sionnas[device], part) for part in llr.split(rows)]
        return torch.cat([bits for bits, _ in parts]), torch.cat([passed for _, passed in parts])


def _sionnas(encoder: LDPC5GEncoder, crc: Crc, iterations: int, device: str) -> Decoder:
    decoder = LDPC5GDecoder(encoder, num_iter=iterations, precision="single", device=device)

    def decode(llr: Tensor) -> tuple[Tensor, Tensor]:
        bits = decoder(llr)
        return bits, crc.passes(bits)

    return decode


def _graph(
    encoder: LDPC5GEncoder, sent: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    """Edges of the code's graph, check by check.

    Args:
        encoder: the code.
        sent: columns of its parity-check matrix that are sent.

    Returns:
        First edge of each check and the number of edges; the variable of each edge; the column of each variable, in
        order, so that the bits come first.
    """
    matrix = encoder.pcm.tocsc()
    unsent_leaves = np.setdiff1d(np.flatnonzero(np.diff(matrix.indptr) == 1), sent)
    useless = matrix.indices[matrix.indptr[unsent_leaves]]
    known = np.arange(encoder.k, encoder.k + encoder.k_filler)
    columns = np.setdiff1d(np.arange(matrix.shape[1]), np.union1d(unsent_leaves, known))
    rows = np.setdiff1d(np.arange(matrix.shape[0]), useless)
    left = encoder.pcm.tocsr()[rows][:, columns].sorted_indices()
    return left.indptr.astype(np.int32), left.indices.astype(np.int32), columns
