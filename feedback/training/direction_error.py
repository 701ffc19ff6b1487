"""What networks of eigenvectors are trained and chosen by: how far reported directions are from the true ones."""

from dataclasses import dataclass

from torch import Tensor

from feedback.aligned_beams import AlignedBeams
from feedback.layers.images import from_unit_interval
from feedback.training.options import Pass


@dataclass(frozen=True)
class DirectionError:
    r"""1 less the SGCS, mean over the layers and subbands of a report.

    .. math:: 1 - \frac{1}{L T} \sum_{l,t}
              \frac{|\hat v_{l,t}^H v_{l,t}|^2}{\lVert \hat v_{l,t} \rVert^2 \lVert v_{l,t} \rVert^2}

    Attributes:
        beams: what the matrices of the images stand for.
    """

    beams: AlignedBeams

    def __call__(self, image: Tensor, reconstruction: Tensor) -> Tensor:
        """That of each report, ``[batch]``, from images ``[batch, 2, rows, ports]``."""
        true, rebuilt = (self.beams.subbands(from_unit_interval(part)) for part in (image, reconstruction))
        inner = (rebuilt.conj() * true).sum(-1)
        energies = rebuilt.abs().square().sum(-1) * true.abs().square().sum(-1)
        # An image of nothing has no direction, and no gradient.
        cosines = (inner.real.square() + inner.imag.square()) / energies.clamp_min(1e-20)
        return 1 - cosines.mean((1, 2))

    def loss(self, step: Pass) -> Tensor:
        """Mean over the reports of a step, a scalar."""
        return self(step.image, step.reconstruction).mean()
