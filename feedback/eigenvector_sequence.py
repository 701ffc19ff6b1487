"""Eigenvectors of subbands as reports that build on the one before: coded in phase with what is remembered."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from feedback.beam_delay import BeamDelay
from feedback.context_codec.layer_sequence import LayerReference, LayerSequenceCodec
from feedback.errors import FeedbackInputError

# Reports whose rotations are searched at once, as the moduli of all take more memory than the vectors.
_PART = 250


@dataclass(frozen=True)
class EigenvectorSequence:
    r"""Vectors ``[n, n_layers, n_subbands, n_tx]`` that follow each other in time.

    No precoder depends on the phase of a subband's eigenvector, so that the UE is free to choose it. Where a report
    builds on the one before, it is that of what both sides remember,

    .. math:: v_t \to v_t \, e^{-j \arg (\hat v_t^H v_t)}

    and nothing is sent of it.

    Attributes:
        form: beams and delays of the vectors.
        codec: of their coefficients.
    """

    form: BeamDelay
    codec: LayerSequenceCodec

    def encode(
        self, vectors: Tensor, reference: LayerReference
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64], LayerReference]:
        """At the UE: bits of the next report of each, their lengths, and what it remembers."""
        alone, rotation = compact_coefficients(self.form, vectors)
        return self.codec.encode(alone, rotation, self.following(vectors, reference), reference)

    def following(self, vectors: Tensor, reference: LayerReference) -> NDArray[np.complex128]:
        """Coefficients of unit mean square under the rotations that are remembered, ``[n, n_layers, *shape]``."""
        known, rotation = torch.from_numpy(self.codec.rebuilt(reference)), torch.from_numpy(reference.rotation)
        found = self.form.aligned(vectors, rotation, known) * math.sqrt(vectors.shape[-1])
        coefficients: NDArray[np.complex128] = found.numpy()
        return coefficients


def exact_vectors(csi: Tensor) -> Tensor:
    """Vectors on the CPU in double precision of what complex64 holds.

    So a report does not depend on the precision of the channel.

    Raises:
        FeedbackInputError: if an entry is NaN or infinite.
    """
    exact = csi.detach().cpu().to(torch.complex64).to(torch.complex128)
    if not torch.view_as_real(exact).isfinite().all():
        raise FeedbackInputError("context: got NaN or infinity among the eigenvectors, expected finite ones")
    return exact


def compact_coefficients(form: BeamDelay, vectors: Tensor) -> tuple[NDArray[np.complex128], NDArray[np.int64]]:
    """Coefficients of unit mean square ``[n, n_layers, *shape]``, and rotations ``[n, n_layers]``.

    Args:
        form: beams and delays of the vectors.
        vectors: ``[n, n_layers, n_subbands, n_tx]``, complex128.
    """
    parts = [form.compact(part) for part in vectors.split(_PART)]
    coefficients = torch.cat([part[0] for part in parts]) * math.sqrt(vectors.shape[-1])
    return coefficients.numpy(), torch.cat([part[1] for part in parts]).numpy()
