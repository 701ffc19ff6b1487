"""Principal axes of training channels, kept on disk: the KLT and all networks that start from it share them."""

import hashlib
import logging
from pathlib import Path

import torch
from torch import Tensor

from feedback.training_set import PrincipalAxes
from linksim.files import kept_tensors, save_tensors

_LOGGER = logging.getLogger(__name__)

# Raised when the same channels get other axes.
_VERSION = 1
# Dimensions from which on a line says that axes are being found.
_MIN_TOLD = 2048


class KeptAxes(PrincipalAxes):
    """Looks for axes in a folder before they are computed.

    Args:
        folder: an existing folder.

    Attributes:
        folder: where they are kept.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def find(self, csi: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """Axes of the very same channels, kept under a hash of these."""
        digest = hashlib.sha256(f"{_VERSION} {csi.device.type} {tuple(csi.shape)}".encode())
        for part in csi.split(1000):
            digest.update(part.cpu().contiguous().numpy())
        file = self.folder / f"axes-{digest.hexdigest()[:12]}-{count}.safetensors"
        kept = kept_tensors(file)
        if kept is None:
            dimensions = csi[0].numel()
            if dimensions >= _MIN_TOLD:
                line = "finding %d principal axes of %d dimensions from %d channels"
                _LOGGER.info(line, count, dimensions, len(csi))
            values, vectors = super().find(csi, count)
            save_tensors(file, {"values": values, "vectors": torch.view_as_real(vectors)})
            return values, vectors
        vectors = torch.view_as_complex(kept.tensors["vectors"].contiguous())
        return kept.tensors["values"].to(csi.device), vectors.to(csi.device)
