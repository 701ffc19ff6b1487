"""CLLWCsiNet: a light network without fully connected layers that takes noise off the received codeword.

Layer table: (Ansari, Feghhi), Table II and figures. All convolutions have a bias, and batch norm except where two paths
merge: that is the table whose parameters are those of the paper at the three ratios it knows.
"""

from collections.abc import Sequence
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
from feedback.initialisation.refinement import MARGIN
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

    def start_path(self, given: BlockInput, wanted: Tensor, slope: Tensor, bends: Sequence[float] = ()) -> Tensor:
        """Makes the resolutions opposite functions of the input, whose activated difference is linear in them."""
        nn.init.zeros_(self.merge.weight)
        made = torch.zeros_like(wanted)
        for place, (path, sign) in enumerate(zip(self.paths, (1.0, -1.0), strict=True)):
            assert isinstance(path, nn.Sequential)
            spread, hinge, narrow = (layer for layer in path if isinstance(layer, ConvBn))
            ways = (HingePath((spread,), hinge, 0),)
            made += sign * start_path(ways, narrow, given, sign * wanted, slope, bends) / 2
            for channel in range(2):
                tap = self.merge.weight[channel, 2 * place + channel, 0]
                tap[len(tap) // 2] = sign / (1 + LEAKY_SLOPE)
        return made

    def forward(self, image: Tensor) -> Tensor:
        """``[batch, 2, Na, Nt]``, same shape out."""
        paths = self.activation(torch.cat([path(image) for path in self.paths], dim=1))
        refined: Tensor = self.activation(image + self.merge(paths))
        return refined


def _rows_of(path: nn.Module) -> list[ConvBn]:
    return [layer for layer in path.children() if isinstance(layer, ConvBn)]


def _leaky(values: Tensor) -> Tensor:
    return functional.leaky_relu(values, LEAKY_SLOPE)


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

        Values cross an activation ``L`` of slope ``s`` below 0 as pairs, :math:`L(v) - L(-v) = (1 + s) v`. The UE's
        last one makes measurements ``v`` of them ``L(v)``; the BS undoes that as :math:`-L(-L(v)) / s = v`.
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
        unit, none = torch.eye(len(axes), device=axes.device), axes.new_zeros(len(axes))
        pair = torch.cat([unit, -unit], dim=1) / (1 + LEAKY_SLOPE)
        direct = start_row(narrow.direct, axes, rows, -middle * axes.sum(dim=1))
        first, *others = _rows_of(narrow.steps)
        opposite = start_row(first, -axes, rows, middle * axes.sum(dim=1))
        for layer in others:
            opposite = start_row(layer, unit, opposite, none)
        beside = _leaky(torch.cat([opposite, direct], dim=1))
        measured = _leaky(start_row(narrow.merge, -pair, beside, none))
        first, *between, last = _rows_of(widen.signal)
        values, take = _leaky(start_row(first, -unit, measured, none)), -unit / LEAKY_SLOPE
        for layer in between:
            values = _leaky(start_row(layer, torch.cat([take, -take]), values, none.repeat(2)))
            take = pair
        rebuilt = start_row(last, axes.T @ take, values, axes.new_full((axes.shape[1],), MARGIN))
        nn.init.zeros_(_rows_of(widen.noise)[-1].norm.weight)
        start_angle_refinement(self.decoder, rebuilt, _leaky(_leaky(rebuilt)), statistics.deviation)

    def _n_maps(self) -> int:
        return latent_maps(self.shape, self._ratio())

    def _ratio(self) -> int:
        return self.settings.known_ratio(self.shape[0])
