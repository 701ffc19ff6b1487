"""TransNet: transformer layers at both sides of one FC pair (Cui, Guo, Song, 2022)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from feedback.compressor import COMPRESSORS
from feedback.compressors.parameters.transnet import HEADS, TransNetParameters
from feedback.initialisation.convolutions import STATISTICS_SAMPLES
from feedback.initialisation.klt import real_klt
from feedback.initialisation.layer_norms import NormWindow
from feedback.initialisation.quantiser_gains import quantiser_gains
from feedback.layers.attention import Attention, CrossAttention
from feedback.layers.basic import CentredLinear
from feedback.layers.images import to_unit_interval
from feedback.networks.fully_connected import FullyConnectedNetwork
from feedback.training.paper_recipes import TRANSNET
from feedback.training.recipe import TrainingRecipe
from feedback.training_set import TrainingSet

_HIDDEN = 2048
_PASSES = 2
# Learning rate from the KLT.
_RATE = 3e-3
# What brings images, which deviate by about 0.02 from 0.5, to a deviation of about 1. Biases, the layer after attention
# and the last layer norm can do the same, so that functions stay those of the paper's layers; drawn weights suit it.
_GAIN = 50.0


class TwoLayers(nn.Module):
    """Two fully connected layers with a ReLU between, added to their input, and layer norm of the sum."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.widen = CentredLinear(width, _HIDDEN)
        self.narrow = nn.Linear(_HIDDEN, width)
        self.norm = nn.LayerNorm(width)

    def silence(self) -> None:
        """Makes what they add 0."""
        nn.init.zeros_(self.narrow.weight)
        nn.init.zeros_(self.narrow.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """``[batch, tokens, width]``, same shape out."""
        normed: Tensor = self.norm(tokens + self.narrow(functional.relu(self.widen(tokens))))
        return normed


class UeLayer(nn.Module):
    """Attention among tokens, then two fully connected layers, each normalised after the sum."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = Attention(width, HEADS, CentredLinear)
        self.norm = nn.LayerNorm(width)
        self.dense = TwoLayers(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """``[batch, tokens, width]``, same shape out."""
        mixed: Tensor = self.dense(self.norm(tokens + self.attention(tokens)))
        return mixed


class BsLayer(nn.Module):
    """As at the UE, with attention to a memory between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = Attention(width, HEADS, CentredLinear)
        self.norm = nn.LayerNorm(width)
        self.recall = CrossAttention(width, HEADS, CentredLinear)
        self.recall_norm = nn.LayerNorm(width)
        self.dense = TwoLayers(width)

    def forward(self, tokens: Tensor, memory: Tensor) -> Tensor:
        """``[batch, tokens, width]`` twice, same shape out."""
        tokens = self.norm(tokens + self.attention(tokens))
        mixed: Tensor = self.dense(self.recall_norm(tokens + self.recall(tokens, memory)))
        return mixed


class TransNetFeatures(nn.Module):
    """Tokens through the UE's layer, twice."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = UeLayer(width)

    def forward(self, image: Tensor) -> Tensor:
        """``[batch, 2, Na, Nt]``, same shape out."""
        tokens = (image.flatten(1, 2) - 0.5) * _GAIN
        for _ in range(_PASSES):
            tokens = self.layer(tokens)
        return tokens.view_as(image)

    def start(self, window: NormWindow) -> None:
        """Makes it the identity on what the window passes, times the gain of tokens."""
        layer = self.layer
        layer.attention.silence()
        layer.attention.output.bias.copy_(window.constant)
        layer.dense.silence()
        window.open(layer.norm)
        window.open(layer.dense.norm, take=True)
        window.centre(layer.dense.widen)


class TransNetRefinement(nn.Module):
    """A first guess by a fully connected layer, twice through the BS's layer with what arrived as memory."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.predict = nn.Linear(width, width)
        self.layer = BsLayer(width)
        self.norm = nn.LayerNorm(width)

    def forward(self, image: Tensor) -> Tensor:
        """``[batch, 2, Na, Nt]``, same shape out."""
        memory = image.flatten(1, 2)
        tokens = self.predict(memory)
        for _ in range(_PASSES):
            tokens = self.layer(tokens, memory)
        return 0.5 + self.norm(tokens).view_as(image) / _GAIN

    def start(self, window: NormWindow) -> None:
        """Makes it the identity on what the window passes, over the gain of tokens, plus 0.5."""
        layer = self.layer
        nn.init.eye_(self.predict.weight)
        self.predict.bias.copy_(window.constant)
        for path in (layer.attention, layer.recall, layer.dense):
            path.silence()
        for norm in (layer.norm, layer.recall_norm, layer.dense.norm):
            window.open(norm)
        window.open(self.norm, take=True)
        window.centre(layer.attention.inputs, layer.recall.queries, layer.dense.widen)


@COMPRESSORS.register("transnet")
class TransNet(FullyConnectedNetwork):
    """A transformer layer, passed twice, and FC at the UE; FC and such a layer with a memory at the BS.

    Each row of real and of imaginary part is a token of ``Nt`` values, without positions; 2 heads, 2048 hidden values.
    Source: Y. Cui, A. Guo, C. Song, TransNet: Full Attention Network for CSI Feedback in FDD Massive MIMO System, 2022,
    DOI 10.1109/LWC.2022.3149416; layers are those of the authors' repository Treedy2020/TransNet, whose two passes
    share their weights. There, attention runs over the channels of a batch, so that what one UE reports depends on
    others' channels; here it runs over the tokens of one channel. It starts as the KLT of what layer norms can pass on.
    """

    Parameters = TransNetParameters
    settings: TransNetParameters
    paper_recipe = TRANSNET

    @property
    def default_recipe(self) -> TrainingRecipe:
        """Smaller steps: those of other networks move single outputs by little, and all of them at once too far."""
        recipe = super().default_recipe
        return recipe.model_copy(update={"learning_rate": _RATE}) if self.starts_as_klt else recipe

    @property
    def start_problem(self) -> str | None:
        """None: its layer norms pass tokens on beside a constant."""
        return None

    @torch.no_grad()
    def start_as_klt(self, training: TrainingSet) -> None:
        """Makes it the KLT of what its layer norms pass on, at both sides alike."""
        features, refinement = self.encoder.features, self.decoder.refinement
        assert isinstance(features, TransNetFeatures)
        assert isinstance(refinement, TransNetRefinement)
        images = to_unit_interval(training.train[:STATISTICS_SAMPLES])
        window = NormWindow.of_least_energy((images - 0.5).flatten(0, 2))
        features.start(window)
        refinement.start(window)
        passed = training.train @ window.kept.to(training.train.dtype)
        klt = real_klt(TrainingSet(passed, passed[:0]), self.length)
        deviations = _GAIN * (images - 0.5).flatten(1)
        gains = quantiser_gains(deviations @ klt.T, deviations, self.settings.disturbance)
        before, after = (torch.ones_like(klt[:, 0]),) * 2 if gains is None else gains
        self.encoder.fc.weight.copy_(before[:, None] * klt)
        self.decoder.fc.weight.copy_(klt.T * after)

    def build_features(self) -> nn.Module:
        """The UE's layer, twice."""
        return TransNetFeatures(self.settings.token_width(self.shape[1]))

    def build_refinement(self) -> nn.Module:
        """A first guess, and the BS's layer, twice; layer norm."""
        return TransNetRefinement(self.settings.token_width(self.shape[1]))
