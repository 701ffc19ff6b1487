"""Codebooks whose precoders a network refines at the BS: the UE and its bits are the standard's."""

from dataclasses import replace
from functools import cache
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from feedback.aligned_beams import AlignedBeams, orthogonal_layers
from feedback.codebooks.targets import covariances, eigenvectors
from feedback.complexity import count_macs, count_parameters
from feedback.compressor import NO_MEMORY, Complexity, Compressor, Memory, ReportCompressor
from feedback.csi_dimensions import CsiDimensions
from feedback.csi_report.codeword import Codeword
from feedback.csi_report.reconstruction import Reconstruction
from feedback.layers.attention import RowTransformer
from feedback.layers.images import from_unit_interval, to_unit_interval
from feedback.neural import NeuralCompressor
from feedback.signals import Reconstructed
from feedback.training.default_recipes import KLT_RECIPE
from feedback.training.options import Pass, TrainingOptions
from feedback.training.recipe import TrainingRecipe
from feedback.training_set import TrainingSet

RECIPE = KLT_RECIPE.model_copy(update={"learning_rate": 1e-2, "largest_move": None, "fc_rate_ratio": 1.0})
_WIDTH, _LAYERS, _HEADS = 64, 2, 4
# Channels whose reports are made at once.
_PART = 500


class PairSet(TrainingSet):
    """Reported matrices, and below them what is true, to learn from."""


class _Reported(nn.Module):
    """What arrives at the BS: of reported matrices and true ones below them, ``[..., 2, 2 rows, ports]``, the first."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows

    def forward(self, image: Tensor) -> Tensor:
        """``[batch, 2, rows, ports]``."""
        return image[:, :, : self.rows]


class EnhancedCodebook(NeuralCompressor):
    r"""A codebook's report as it is, and a network at the BS that makes a better precoder of the reported one.

    The reported precoder is brought to delays and beams, turned so that its strongest beam is the first
    (``AlignedBeams``). A transformer over the delays of all layers adds to it what reports of such channels leave out:
    beams and taps beside those that are sent, and what coarse amplitudes and phases hide. Then vectors have unit norm,
    those of a layer orthogonal to the ones before. It learns from pairs of reported precoders and true eigenvectors,
    the mean of 1 less the SGCS, and starts as the codebook itself. The UE knows of none of it: its choice, its CQI and
    its bits are the codebook's.

    Attributes:
        kind: class of the codebook's compressor.
        codebook: the codebook, as it is without a network.
        beams: what the network's matrices stand for.
    """

    kind: ClassVar[type[ReportCompressor]]
    gives: ClassVar[Reconstructed] = "precoder"
    settings: Any

    def __init__(self, parameters: Any, dimensions: CsiDimensions) -> None:
        plain = self.kind(parameters.model_copy(update={"enhancer": None, "recipe": None}), dimensions)
        self._rank = plain.n_layers
        super().__init__(parameters, (plain.n_layers * dimensions.n_subbands, dimensions.n_tx))
        self.codebook = plain
        self.dimensions, self.n_layers, self.length = dimensions, plain.n_layers, plain.length
        self.takes, self.sends = plain.takes, plain.sends  # type: ignore[misc]
        self.beams = AlignedBeams.of(dimensions, plain.n_layers)
        self._made: tuple[TrainingSet, PairSet] | None = None

    def codeword_values(self) -> int:
        """None: it sends bits."""
        return 0

    def build_encoder(self) -> nn.Module:
        """No network: what of a training pair is reported."""
        return _Reported(self.shape[0])

    def build_decoder(self) -> nn.Module:
        """A transformer over the delays of all layers."""
        return RowTransformer(self.shape, _WIDTH, _LAYERS, _HEADS)

    @property
    def starts_as_klt(self) -> bool:
        """It starts from a codec that works: the codebook."""
        return True

    @property
    def default_recipe(self) -> TrainingRecipe:
        """From where the network adds nothing; larger steps gain less."""
        return RECIPE

    def prepare(self, training: TrainingSet, generator: torch.Generator) -> None:
        """Draws weights of a network that adds nothing."""
        self.initialise(generator)
        assert isinstance(self.decoder, RowTransformer)
        self.decoder.silence()

    def training_matrices(self, training: TrainingSet) -> TrainingSet:
        """Channels in the form that the UE takes as pairs; the last ones are kept, as reports take their time."""
        if isinstance(training, PairSet):
            return training
        if self._made is None or self._made[0] is not training:
            stream = training.stream
            made = None if stream is None else lambda start, stop: self.pairs(stream(start, stop))
            self._made = training, PairSet(self.pairs(training.train), self.pairs(training.validation), made)
        return self._made[1]

    @torch.no_grad()
    def pairs(self, csi: Tensor) -> Tensor:
        """Reported matrices and, below them, the true vectors of an array that is turned alike.

        Args:
            csi: channels in the form that the UE takes, ``[n, ...]``.

        Returns:
            ``[n, 2 n_layers n_subbands, n_tx]``, complex64.
        """
        return torch.cat([csi.new_zeros(0, 2 * self.shape[0], self.shape[1]), *map(self._pairs, csi.split(_PART))])

    def _pairs(self, csi: Tensor) -> Tensor:
        reported = self.codebook.rebuild(self.codebook.report(csi, NO_MEMORY)[0], NO_MEMORY)[0].csi
        matrices, alignment = self.beams.matrices(reported)
        true = self.beams.turned(self.true_vectors(csi), alignment) / self.shape[0] ** 0.5
        return torch.cat([matrices, true.flatten(1, 2)], dim=1)

    def true_vectors(self, csi: Tensor) -> Tensor:
        """The strongest eigenvectors of what the UE takes, ``[n, n_layers, n_subbands, n_tx]``, complex64."""
        if self.takes == "eigenvectors":
            return csi
        found, _ = eigenvectors(covariances(csi.transpose(1, 2), self.dimensions.slices), self.n_layers)
        return found.permute(0, 3, 1, 2).to(torch.complex64)

    def suited(self, options: TrainingOptions) -> TrainingOptions:
        """Options with the loss and the error of pairs."""
        return replace(options, loss=self._loss, errors=self.direction_errors)

    def _loss(self, step: Pass) -> Tensor:
        return self.direction_errors(step.image, step.reconstruction).mean()

    def direction_errors(self, image: Tensor, reconstruction: Tensor) -> Tensor:
        """1 less the SGCS of each pair, mean over layers and subbands, ``[batch]``.

        Args:
            image: of pairs, ``[batch, 2, 2 rows, ports]``.
            reconstruction: of the network, ``[batch, 2, rows, ports]``.
        """
        true = from_unit_interval(image[:, :, self.shape[0] :]).unflatten(1, (self.n_layers, -1))
        rebuilt = self.beams.subbands(from_unit_interval(reconstruction))
        inner = (rebuilt.conj() * true).sum(-1)
        energies = rebuilt.abs().square().sum(-1) * true.abs().square().sum(-1)
        # What is nothing has no direction, and no gradient.
        return 1 - ((inner.real.square() + inner.imag.square()) / energies.clamp_min(1e-20)).mean((1, 2))

    def diagnostics(self, csi: Tensor) -> dict[str, float]:
        """SGCS of training pairs, and that of their reports as they are."""
        with torch.no_grad():
            image = to_unit_interval(csi)
            reported = self.encoder(image)
            parts = {"sgcs": self.decoder(reported), "sgcs_reported": reported}
            return {name: 1 - float(self.direction_errors(image, part).mean()) for name, part in parts.items()}

    def report(self, csi: Tensor, memory: Memory, lost: Tensor | None = None) -> tuple[Codeword, Memory]:
        """The codebook's report."""
        return self.codebook.report(csi, memory, lost)

    @torch.no_grad()
    def rebuild(self, received: Codeword, memory: Memory) -> tuple[Reconstruction, Memory]:
        """What the network makes of the precoders that were reported."""
        found, memory = self.codebook.rebuild(received, memory)
        matrices, alignment = self.beams.matrices(found.csi)
        refined = from_unit_interval(self.decoder(to_unit_interval(matrices)))
        vectors = orthogonal_layers(self.beams.vectors(refined, alignment))
        return Reconstruction(precoder=vectors, erased=found.erased), memory

    def encode(self, csi: Tensor) -> Codeword:
        """The first report of each UE."""
        return self.report(csi, NO_MEMORY)[0]

    def decode(self, received: Codeword) -> Tensor:
        """What the first report of each UE stands for."""
        return self.rebuild(received, NO_MEMORY)[0].csi

    def complexity(self) -> Complexity:
        """The codebook's, and the network at the BS."""
        plain = self.codebook.complexity()
        device = next(self.decoder.parameters()).device
        image = torch.zeros(1, 2, *self.shape, device=device)
        return Complexity(
            ue_macs=plain.ue_macs,
            bs_macs=plain.bs_macs + count_macs(self.decoder, image),
            ue_parameters=plain.ue_parameters,
            bs_parameters=plain.bs_parameters + count_parameters(self.decoder),
        )


@cache
def enhanced(kind: type[ReportCompressor]) -> type[Compressor]:
    """A class of codebooks as one with a network at the BS."""
    own = {"kind": kind, "Parameters": kind.Parameters, "trained": True, "learns": True}
    return type(
        f"Enhanced{kind.__name__}", (EnhancedCodebook,), {**own, "__module__": __name__, "__doc__": kind.__doc__}
    )
