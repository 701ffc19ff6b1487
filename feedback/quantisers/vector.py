"""Product vector quantisation: k-means codebooks for short pieces of the codeword."""

from dataclasses import replace

import torch
from torch import Tensor

from feedback.csi_report.checks import check_training, check_values
from feedback.csi_report.codeword import Codeword
from feedback.errors import FeedbackInputError
from feedback.quantiser import QUANTISERS, Quantiser
from feedback.quantisers.code_vectors import codebooks
from feedback.quantisers.parameters.vector import VectorParameters


@QUANTISERS.register("vector")
class Vector(Quantiser):
    r"""Sends, for each piece of ``d`` consecutive values, the index of the nearest of its own ``2^B`` code vectors.

    .. math:: l_j = \arg\min_k \lVert v_j - c_{j,k} \rVert, \qquad \hat v_j = c_{j, l_j}, \qquad j = 1 .. M / d

    The codebook of each piece is the k-means solution on its training values (Jégou et al., "Product quantization for
    nearest neighbor search", 2011, DOI 10.1109/TPAMI.2010.57), started from the better of a k-means++ draw and the
    product of Lloyd-Max books, so that it is never worse than those on the training codewords. Where a quarter of them,
    held out, prefers the product itself, as with few codewords for many code vectors, that is taken. A report costs
    ``M B / d`` bits.
    """

    Parameters = VectorParameters
    settings: VectorParameters
    codebooks: Tensor

    def __init__(self, parameters: VectorParameters) -> None:
        super().__init__(parameters)
        self.declare(codebooks=("pieces", 2**parameters.bits, parameters.dimension))

    def fit(self, values: Tensor) -> None:
        """Learns the codebook of every piece; draws its first code vectors from a stream of its own.

        With fewer training codewords than code vectors, as in a smoke run, some code vectors are equal.

        Raises:
            FeedbackInputError: if there are no codewords, one is not finite, or pieces do not fill the codeword.
        """
        check_training("quantiser vector", values)
        bits, dimension = self.settings.bits, self.settings.dimension
        if values.shape[1] % dimension:
            raise FeedbackInputError(
                f"quantiser vector: got dimension {dimension}, expected a divisor of the codeword's "
                f"{values.shape[1]} values"
            )
        pieces = values.detach().cpu().to(torch.float64).unflatten(1, (-1, dimension))
        books = codebooks(pieces, bits)
        self.codebooks = torch.stack([torch.from_numpy(book) for book in books]).to(values.device, torch.float32)

    def quantise(self, codeword: Codeword) -> Codeword:
        """Indices ``0 .. 2^B - 1`` of the nearest code vectors as float32, ``[batch, length / d]``.

        Raises:
            FeedbackInputError: if a value is not finite, or the codeword has another length than in training.
        """
        codebooks = self.codebooks
        check_values(self.stage, codeword, len(codebooks) * self.settings.dimension)
        pieces = codeword.values.unflatten(1, (len(codebooks), -1)).transpose(0, 1)
        # Not by way of a matrix product, whose rounding depends on the batch.
        distance = torch.cdist(pieces, codebooks, compute_mode="donot_use_mm_for_euclid_dist")
        indices = distance.argmin(dim=-1).T.to(torch.float32)
        bits = self.settings.bits
        return replace(codeword, values=indices, value_bits=indices.shape[1] * bits, level_bits=bits)

    def dequantise(self, received: Codeword) -> Codeword:
        """The received code vectors, one after the other."""
        codebooks = self.codebooks
        check_values(self.stage, received, len(codebooks))
        pieces = torch.arange(len(codebooks), device=codebooks.device)
        return replace(received, values=codebooks[pieces, received.values.to(torch.int64)].flatten(1))
