"""CLLWCsiNet: a light network without fully connected layers that takes noise off the received codeword.

Layer table: (Ansari, Feghhi), Table II and figures. All convolutions have a bias, and batch norm except where two paths
merge: that is the table whose parameters are those of the paper at the three ratios it knows.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from feedback.compressor import COMPRESSORS
from feedback.compressor_parameters import latent_maps
from feedback.compressors.parameters.cllwcsinet import CllwCsiNetParameters
from feedback.initialisation.angle_klt import principal_rows, start_angle_refinement, start_row
from feedback.initialisation.convolutions import STATISTICS_SAMPLES, ImageStatistics, pass_through, start_features
from feedback.initialisation.logits import BlockInput, start_path
from feedback.layers.basic import LEAKY_SLOPE, ConvBn, HingePath, ResidualBlock, leaky_relu
from feedback.layers.convolutional_latent import (
    KERNEL,
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    to_rows,
)
from feedback.layers.images import to_unit_interval
from feedback.networks.linear_start import LinearStartNetwork
from feedback.training.paper_recipes import CLLWCSINET
from feedback.training_set import TrainingSet

# Channels between the 2 Na rows and the m maps, over Na, by compression ratio: at the UE, and at the BS from m on.
_NARROWING = {4: (1.0,), 8: (1.0, 0.5), 16: (1.0, 0.5)}
_WIDENING = {4: (1.0,), 8: (0.5, 1.0), 16: (0.25, 0.5)}


def _row(n_in: int, n_out: int, activation: nn.Module | None = None) -> ConvBn:
    return ConvBn(n_in, n_out, KERNEL, activation, bias=True)


class FactorisedBranches(nn.Module):
    """Three resolutions of an image, 7, 5 and 3, each as a row and a column kernel, merged by 1x7."""

    def __init__(self) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(ConvBn(2, 2, (1, size), bias=True), ConvBn(2, 2, (size, 1), bias=True)) for size in (7, 5, 3)
        )
        self.merge = _row(6, 2, leaky_relu())

    @torch.no_grad()
    def start_as_identity(self, mean: Tensor, variance: Tensor, deviation: float) -> None:
        """All three resolutions pass the image, scaled, and their mean is taken."""
        for branch in self.branches:
            assert isinstance(branch, nn.Sequential)
            first, second = (layer for layer in branch if isinstance(layer, ConvBn))
            pass_through(first, mean, variance, deviation, mean / deviation)
            pass_through(second, mean / deviation, variance / deviation**2, 1.0, mean / deviation)
        pass_through(self.merge, mean / deviation, variance / deviation**2, 1.0, mean / deviation)
        kernel = nn.init.zeros_(self.merge.conv.weight)
        for channel in range(2):
            kernel[channel, channel::2, 0, kernel.shape[3] // 2] = 1 / len(self.branches)

    def forward(self, image: Tensor) -> Tensor:
        """``[batch, 2, Na, Nt]``, same shape out."""
        merged: Tensor = self.merge(torch.cat([branch(image) for branch in self.branches], dim=1))
        return merged


class NarrowingPaths(nn.Module):
    """Rows to codeword maps, ``[batch, 2 Na, 1, Nt]`` to ``[batch, m, 1, Nt]``: a path of several steps beside one.

    Args:
        widths: channels along the path, ``2 Na`` first, ``m`` last.
    """

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.steps = nn.Sequential(*(_row(a, b) for a, b in pairwise(widths)))
        self.direct = _row(widths[0], widths[-1])
        self.activation = leaky_relu()
        self.merge = _row(2 * widths[-1], widths[-1], leaky_relu())

    def forward(self, rows: Tensor) -> Tensor:
        """Codeword maps of rows."""
        paths = self.activation(torch.cat([self.steps(rows), self.direct(rows)], dim=1))
        merged: Tensor = self.merge(paths)
        return merged


class DenoisingPaths(nn.Module):
    """Received maps to rows, ``[batch, m, 1, Nt]`` to ``[batch, 2 Na, 1, Nt]``: what they mean, less their noise.

    Args:
        widths: channels along either path, ``m`` first, ``2 Na`` last.
    """

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        pairs = list(pairwise(widths))
        self.signal = nn.Sequential(*(_row(a, b, leaky_relu()) for a, b in pairs))
        self.noise = nn.Sequential(*(_row(a, b) for a, b in pairs))
        self.activation = leaky_relu()

    def forward(self, received: Tensor) -> Tensor:
        """Rows of received maps."""
        rows: Tensor = self.activation(self.signal(received) - self.noise(received))
        return rows


class TwoResolutionRefineNet(ResidualBlock):
    """Residual refinement of an image by 1x7 and by 1x5 convolutions, 2 -> 8 -> 16 -> 2 channels each."""

    def __init__(self) -> None:
        super().__init__()
        self.paths = nn.ModuleList(
            nn.Sequential(
                ConvBn(2, 8, (1, size), leaky_relu(), bias=True),
                ConvBn(8, 16, (1, size), leaky_relu(), bias=True),
                ConvBn(16, 2, (1, size), bias=True),
            )
            for size in (7, 5)
        )
        self.merge = nn.Conv2d(4, 2, KERNEL, padding="same")
        self.activation = leaky_relu()

    def silence(self) -> None:
        """Makes the path 0."""
        nn.init.zeros_(self.merge.weight)

    def start_path(self, given: BlockInput, wanted: Tensor, slope: Tensor) -> Tensor:
        """Makes the first resolution a function of the input, lifted through the activation."""
        assert isinstance(self.paths[0], nn.Sequential)
        spread, hinge, narrow = (layer for layer in self.paths[0] if isinstance(layer, ConvBn))
        lift = max(0.0, -2 * float(wanted.min()))
        made = start_path((HingePath((spread,), hinge, 0),), narrow, given, wanted + lift, slope)
        for channel in range(2):
            self.merge.weight[channel, channel, 0, self.merge.kernel_size[1] // 2] = 1
        assert self.merge.bias is not None
        nn.init.constant_(self.merge.bias, -lift)
        return made - lift

    def forward(self, image: Tensor) -> Tensor:
        """``[batch, 2, Na, Nt]``, same shape out."""
        paths = self.activation(torch.cat([path(image) for path in self.paths], dim=1))
        refined: Tensor = self.activation(image + self.merge(paths))
        return refined


@COMPRESSORS.register("cllwcsinet")
class CllwCsiNet(LinearStartNetwork):
    """Three resolutions and 1x7 convolutions at the UE; a denoising pair of paths and two RefineNets at the BS.

    Source: F. Ansari, M. Mohassel Feghhi, Robust and Efficient CSI Compression Using CLLWCsiNet in Noisy MIMO
    Environments.
    """

    Parameters = CllwCsiNetParameters
    settings: CllwCsiNetParameters
    paper_recipe = CLLWCSINET
    encoder: ConvolutionalEncoder
    decoder: ConvolutionalDecoder

    def build_encoder(self) -> nn.Module:
        """Three resolutions, then rows to ``m`` maps."""
        n_rows, n_maps = 2 * self.shape[0], self._n_maps()
        between = [round(part * self.shape[0]) for part in _NARROWING[self._ratio()]]
        return ConvolutionalEncoder(FactorisedBranches(), NarrowingPaths([n_rows, *between, n_maps]))

    def build_decoder(self) -> nn.Module:
        """``m`` maps to rows, noise subtracted; two RefineNets, conv 1x7 2->2, sigmoid."""
        between = [round(part * self.shape[0]) for part in _WIDENING[self._ratio()]]
        widen = DenoisingPaths([self._n_maps(), *between, 2 * self.shape[0]])
        refinement = nn.Sequential(TwoResolutionRefineNet(), TwoResolutionRefineNet(), _row(2, 2), nn.Sigmoid())
        return ConvolutionalDecoder(widen, refinement, n_angles=self.shape[1])

    @torch.no_grad()
    def start_as_klt(self, training: TrainingSet) -> None:
        """Makes it the KLT of single angles.

        The UE's last activation makes measurements ``v`` of it ``L(v)``, of mean about 0, as noise is relative to the
        codeword's power; the BS undoes that as :math:`-L(-L(v)) / s = v`. Other values get an offset that keeps them
        positive where activations follow.
        """
        images = to_unit_interval(training.train[:STATISTICS_SAMPLES])
        statistics = ImageStatistics.of(images)
        deviations = to_rows(images - 0.5)[:, :, 0]
        axes = principal_rows(deviations, self._n_maps())
        middle = 0.5 / statistics.deviation
        narrow, widen = self.encoder.narrow, self.decoder.widen
        assert isinstance(narrow, NarrowingPaths)
        assert isinstance(widen, DenoisingPaths)
        start_features(self.encoder.features, statistics)
        rows = deviations / statistics.deviation + middle
        margin = 2 * float((axes @ (rows - middle)).abs().max())
        unit, none = torch.eye(len(axes), device=axes.device), axes.new_zeros(len(axes))
        safe = start_row(narrow.direct, axes, rows, margin - middle * axes.sum(dim=1))
        beside = torch.cat([torch.zeros_like(safe), safe], dim=1)
        taken = torch.cat([torch.zeros_like(unit), unit], dim=1)
        measured = start_row(narrow.merge, taken, beside, none - margin)
        first, *between, last = (layer for layer in widen.signal if isinstance(layer, ConvBn))
        values = start_row(first, -unit, functional.leaky_relu(measured, LEAKY_SLOPE), none)
        values, lift = functional.leaky_relu(values, LEAKY_SLOPE), 0.0
        for layer in between:
            values, lift = start_row(layer, unit, values, none + margin - lift), margin
        back = -axes.T / LEAKY_SLOPE
        rebuilt = start_row(last, back, values, middle - lift * back.sum(dim=1))
        silent = list(widen.noise)[-1]
        assert isinstance(silent, ConvBn)
        nn.init.zeros_(silent.norm.weight)
        start_angle_refinement(self.decoder, (rebuilt - middle) * statistics.deviation, statistics)

    def _n_maps(self) -> int:
        return latent_maps(self.shape, self._ratio())

    def _ratio(self) -> int:
        return self.settings.known_ratio(self.shape[0])
