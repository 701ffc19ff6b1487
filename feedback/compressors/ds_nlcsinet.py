"""DS-NLCsiNet: non-local blocks at both sides, densely connected refinement at the BS (Yu, Li, Wu, Bai, 2020)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from feedback.compressor import COMPRESSORS
from feedback.compressors.parameters.ds_nlcsinet import DsNlCsiNetParameters
from feedback.initialisation.convolutions import STATISTICS_SAMPLES, ImageStatistics
from feedback.initialisation.logits import BlockInput, hinge_lines, least_squares
from feedback.layers.basic import LEAKY_SLOPE, ResidualBlock, leaky_relu
from feedback.layers.delay_norm import DelayNorm
from feedback.layers.images import to_unit_interval
from feedback.layers.non_local import NonLocalBlock
from feedback.networks.fully_connected import FullyConnectedNetwork
from feedback.training.paper_recipes import CSINET
from feedback.training.recipe import TrainingRecipe
from feedback.training_set import TrainingSet

_BLOCKS = 2
# Feature maps of a dense block: what it gets, and what its convolutions add.
_GIVEN, _FIRST, _SECOND, _THIRD = 2, 8, 16, 2
# Channels that norms of dense blocks take their first statistics of.
_NORM_SAMPLES = 1000
# Beyond any start: norms keep the statistics of every one.
_ANY_NMSE_DB = 300.0


class NonLocalFeatures(nn.Module):
    """Conv 3x3 2->2, batch norm of each delay, leaky ReLU, non-local block.

    Args:
        n_delay: delay rows.
    """

    def __init__(self, n_delay: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding="same")
        self.norm = DelayNorm(n_delay)
        self.activation = leaky_relu()
        self.non_local = NonLocalBlock(n_delay)

    def forward(self, image: Tensor) -> Tensor:
        """``[batch, 2, Na, Nt]``, same shape out."""
        features: Tensor = self.non_local(self.activation(self.norm(self.conv(image))))
        return features

    @torch.no_grad()
    def start_as_identity(self, mean: Tensor, variance: Tensor, deviation: float) -> None:
        """Passes images on; ``start_scales`` says what their delays have."""
        nn.init.dirac_(self.conv.weight)
        assert self.conv.bias is not None
        nn.init.zeros_(self.conv.bias)

    def start_scales(self, images: Tensor, deviation: float) -> None:
        """Silences the non-local block, and makes the norm bring all delays to unit deviation by one factor.

        Args:
            images: ``[n, 2, Na, Nt]``.
            deviation: theirs.
        """
        self.norm.start(images, 1 / deviation)
        self.non_local.start((images - 0.5) / deviation, 0.5 / deviation)


class DenseLayer(nn.Module):
    """Batch norm of each delay, leaky ReLU, convolution with a bias.

    Args:
        n_in: maps that it gets.
        n_out: maps that it gives.
        kernel: kernel size.
        n_delay: delay rows.
    """

    def __init__(self, n_in: int, n_out: int, kernel: int, n_delay: int) -> None:
        super().__init__()
        self.norm = DelayNorm(n_delay)
        self.activation = leaky_relu()
        self.conv = nn.Conv2d(n_in, n_out, kernel, padding="same")

    def forward(self, maps: Tensor) -> Tensor:
        """``[batch, n_in, Na, Nt]`` to ``[batch, n_out, Na, Nt]``."""
        made: Tensor = self.conv(self.activation(self.norm(maps)))
        return made

    def take(self, n_out: int, n_in: int, weight: float, bias: float = 0.0) -> None:
        """Makes an output map a multiple of one activated map, plus a constant."""
        kernel = self.conv.weight[n_out].zero_()[n_in]
        kernel[kernel.shape[0] // 2, kernel.shape[1] // 2] = weight
        assert self.conv.bias is not None
        self.conv.bias[n_out] = bias


class DenseBlock(ResidualBlock):
    """Convolutions 3x3 to 8, 16 and 2 maps, each of all maps before; all 28 maps to 2 by a convolution 1x1.

    It starts as a function of its input that is near to a given one. With ``f`` the leaky ReLU of slope ``s``,
    :math:`f(-f(x)) = -s x`: two layers pass an image on although it comes as one map. The second makes hinges of it.

    Args:
        n_delay: delay rows.
    """

    def __init__(self, n_delay: int) -> None:
        super().__init__()
        self.first = DenseLayer(_GIVEN, _FIRST, 3, n_delay)
        self.second = DenseLayer(_GIVEN + _FIRST, _SECOND, 3, n_delay)
        self.third = DenseLayer(_GIVEN + _FIRST + _SECOND, _THIRD, 3, n_delay)
        self.merge = DenseLayer(_GIVEN + _FIRST + _SECOND + _THIRD, 2, 1, n_delay)
        self.activation = nn.Identity()

    def forward(self, image: Tensor) -> Tensor:
        """``[batch, 2, Na, Nt]``, same shape out."""
        maps = image
        for layer in (self.first, self.second, self.third):
            maps = torch.cat([maps, layer(maps)], dim=1)
        merged: Tensor = self.merge(maps)
        return merged

    def silence(self) -> None:
        """Not what it can do: without a sum, a path of 0 passes nothing on."""
        raise TypeError("a dense block has no sum to pass images on by")

    @torch.no_grad()
    def start_path(self, given: BlockInput, wanted: Tensor, slope: Tensor, bends: Sequence[float] = ()) -> Tensor:
        """As ``logits.start_path``: what it gives is its input plus the path."""
        per_component = _SECOND // 2
        lines = hinge_lines(given, wanted, slope, bends, per_component)
        nn.init.zeros_(self.merge.conv.weight)
        made = torch.empty_like(given.deviations)
        for component in range(2):
            passed = _GIVEN + component * _FIRST // 2
            self.first.take(passed - _GIVEN, component, -1.0)
            values = given.values[:, component]
            basis = [torch.ones_like(values), -LEAKY_SLOPE * values]
            maps = [passed]
            for place, (sign, gain, threshold) in enumerate(lines):
                n_out = component * per_component + place
                factor = sign * gain / given.scale
                bias = -sign * gain * threshold - factor * given.shift
                self.second.take(n_out, passed, -factor / LEAKY_SLOPE, bias)
                basis.append(nn.functional.leaky_relu(factor * values + bias, LEAKY_SLOPE))
                maps.append(_GIVEN + _FIRST + n_out)
            constant, *weights = least_squares(basis, values + wanted[:, component], slope[:, component])
            for place, weight in zip(maps, weights, strict=True):
                self.merge.conv.weight[component, place] = weight
            assert self.merge.conv.bias is not None
            self.merge.conv.bias[component] = constant
            total = sum((w * part for w, part in zip(weights, basis[1:], strict=True)), constant * basis[0])
            made[:, component] = total - values
        self._start_norms(given.values[:_NORM_SAMPLES].unflatten(2, (self.first.norm.num_features, -1)))
        return made

    def _start_norms(self, maps: Tensor) -> None:
        """Makes all norms the identity on what they get of an image."""
        for layer in (self.first, self.second, self.third, self.merge):
            layer.norm.start(maps)
            maps = torch.cat([maps, layer.conv(layer.activation(maps))], dim=1)


@COMPRESSORS.register("ds-nlcsinet")
class DsNlCsiNet(FullyConnectedNetwork):
    """Convolution, non-local block and FC at the UE; FC, non-local block, two dense blocks, convolution, sigmoid.

    Source: X. Yu, X. Li, H. Wu, Y. Bai, DS-NLCsiNet: Exploiting Non-Local Neural Networks for Massive MIMO CSI
    Feedback, 2020, DOI 10.1109/LCOMM.2020.3019653; layers are those of the authors' repository yuxt1999/DS-NLCsiNet and
    of the models that it stores. Keras takes the last axis for channels in norms and non-local blocks there, the delay:
    norms are of each delay, and a token of the non-local blocks is all delays of a port.
    """

    Parameters = DsNlCsiNetParameters
    settings: DsNlCsiNetParameters
    paper_recipe = CSINET

    @property
    def default_recipe(self) -> TrainingRecipe:
        """Norms keep the statistics of the start: of a single delay, those of 50 channels rest on a few strong ones."""
        recipe = super().default_recipe
        return recipe.model_copy(update={"batch_statistics_nmse_db": _ANY_NMSE_DB}) if self.starts_as_klt else recipe

    def build_features(self) -> nn.Module:
        """Convolution, norm and non-local block."""
        return NonLocalFeatures(self.shape[0])

    def build_refinement(self) -> nn.Module:
        """Non-local block, two dense blocks, conv 3x3 2->2, sigmoid."""
        blocks = [DenseBlock(self.shape[0]) for _ in range(_BLOCKS)]
        return nn.Sequential(NonLocalBlock(self.shape[0]), *blocks, nn.Conv2d(2, 2, 3, padding="same"), nn.Sigmoid())

    @torch.no_grad()
    def start_as_klt(self, training: TrainingSet) -> None:
        """Makes it the KLT of the training channels."""
        super().start_as_klt(training)
        images = to_unit_interval(training.train[:STATISTICS_SAMPLES])
        deviation = ImageStatistics.of(images).deviation
        features, first = self.encoder.features, self.decoder.refinement.get_submodule("0")
        assert isinstance(features, NonLocalFeatures)
        assert isinstance(first, NonLocalBlock)
        features.start_scales(images, deviation)
        first.start((images - 0.5) / deviation, 0.0)
