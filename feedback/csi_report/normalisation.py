"""Scaling of angular-delay matrices before they are compressed, and back."""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from feedback.errors import FeedbackInputError


@dataclass(frozen=True)
class Normalisation:
    """Divides matrices by a positive scale.

    ``per_sample`` scales by the largest modulus of each matrix, ``dataset`` by that of a training set, and ``none``
    not at all. The BS needs the scale to undo ``per_sample``: it is side information of the report.

    Attributes:
        kind: which scale.
        dataset_scale: largest modulus of the training set, ``None`` until ``fit`` and for the other kinds.
    """

    kind: Literal["per_sample", "dataset", "none"]
    dataset_scale: float | None = None

    def fit(self, csi: Tensor) -> "Normalisation":
        """The normalisation with its scale taken from training matrices ``[n, Na, Nt]``; only ``dataset`` learns.

        Raises:
            FeedbackInputError: if the largest modulus is not a positive finite number.
        """
        if self.kind != "dataset":
            return self
        # By parts, because the moduli of a whole training set would double its memory.
        largest = max((float(part.abs().max()) for part in csi.split(1000)), default=0.0)
        if not 0 < largest < float("inf"):
            raise FeedbackInputError(f"training matrices: largest modulus {largest:g}, expected a positive number")
        return replace(self, dataset_scale=largest)

    def scale(self, csi: Tensor) -> Tensor:
        """Scale of each matrix ``[batch, Na, Nt]``, ``[batch]``, real and positive; 1 for an all-zero matrix.

        Raises:
            FeedbackInputError: if the kind is ``dataset`` and nothing was fitted.
        """
        if self.kind == "per_sample":
            largest = csi.abs().amax(dim=(-2, -1))
            return torch.where(largest > 0, largest, 1.0)
        if self.kind == "dataset" and self.dataset_scale is None:
            raise FeedbackInputError("normalisation dataset: got no scale, expected one fitted to training channels")
        return torch.full(csi.shape[:-2], self.dataset_scale or 1.0, dtype=csi.real.dtype, device=csi.device)

    def apply(self, csi: Tensor, scale: Tensor) -> Tensor:
        """Matrices ``[batch, Na, Nt]`` divided by their scales ``[batch]``."""
        return csi / scale[..., None, None]

    def undo(self, csi: Tensor, scale: Tensor) -> Tensor:
        """Matrices ``[batch, Na, Nt]`` multiplied by their scales ``[batch]``."""
        return csi * scale[..., None, None]
