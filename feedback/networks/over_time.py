"""Networks whose reports build on those before: what both sides remember, what crosses the link, and their training."""

from abc import abstractmethod
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from feedback.complexity import count_parameters, count_stored_bytes
from feedback.compressor import NO_MEMORY, Complexity, Memory, ReportCompressor
from feedback.context_codec.side_information import from_bits, to_bits
from feedback.cpu_kernels.acceleration import accelerated, memory_kept
from feedback.csi_report.codeword import Codeword
from feedback.csi_report.reconstruction import Reconstruction
from feedback.errors import FeedbackInputError
from feedback.layers.images import to_unit_interval
from feedback.networks.sides_over_time import DecoderOverTime, EncoderOverTime, OverTimeAutoencoder, State
from feedback.neural import NeuralCompressor
from feedback.over_time_parameters import OverTimeParameters
from feedback.quantisers.parameters.sigmoid_uniform import SigmoidUniformParameters
from feedback.quantisers.sigmoid_uniform import SigmoidUniform
from feedback.training.autoencoder import Autoencoder
from feedback.training.loop import train
from feedback.training.options import TrainingOptions, TrainingOutcome, reconstruction_error
from feedback.training.recipe import TrainingRecipe
from feedback.training.sequence_errors import sequence_errors, sequence_loss, step_errors
from feedback.training.validation import decibel
from feedback.training_set import TrainingSet

# A report says whether it builds on the one before, and its number modulo 4.
_KIND_BITS, _NUMBER_BITS = 1, 2
_NONE = -1
_DIAGNOSED = 500


class NetworkOverTime(ReportCompressor, NeuralCompressor):
    """A network with memory: one report in ``alone_every`` stands alone, the others take fewer values.

    A report is a bitstream: whether it builds on the one before, its number modulo 4, the number of a scale if it tells
    one, and ``bits`` for each value of the codeword. The UE remembers what it sent, and makes a report that stands
    alone once it is told that one was lost. The BS takes a report for lost whose predecessor it does not have.
    """

    Parameters: ClassVar[type[OverTimeParameters]] = OverTimeParameters
    settings: OverTimeParameters
    encoder: EncoderOverTime
    decoder: DecoderOverTime

    def __init__(self, parameters: OverTimeParameters, shape: tuple[int, int]) -> None:
        super().__init__(parameters, shape)
        self.told_of_losses = parameters.told_of_losses
        self.lengths = parameters.lengths(self.shape)
        self.quantiser = SigmoidUniform(SigmoidUniformParameters(bits=parameters.bits)).eval()

    @property
    @abstractmethod
    def scale_bits(self) -> tuple[int, int]:
        """Bits of the scale of a report that stands alone, and of one that builds on another."""

    @property
    def report_bits(self) -> tuple[int, int]:
        """Bits of a report that stands alone, and of one that builds on another."""
        alone, following = (
            _KIND_BITS + _NUMBER_BITS + scale + self.settings.bits * length
            for scale, length in zip(self.scale_bits, self.lengths, strict=True)
        )
        return alone, following

    @torch.no_grad()
    def report(self, csi: Tensor, memory: Memory, lost: Tensor | None = None) -> tuple[Codeword, Memory]:
        """Bits 0 and 1 as float32, ``[batch, longest]``, zeros behind the ``value_bits`` of each report.

        Raises:
            FeedbackInputError: if an entry is NaN or infinite.
        """
        if not torch.view_as_real(csi).isfinite().all():
            raise FeedbackInputError(f"{self.settings.name}: got NaN or infinity, expected finite matrices")
        number, place, state = self._remembered(memory, len(csi))
        follows = (number != _NONE) & (place + 1 < self.settings.alone_every)
        follows &= torch.ones_like(follows) if lost is None else ~lost.cpu()
        follows &= self.encoder.may_follow(csi, state, place + 1).cpu()
        place = torch.where(follows, place + 1, 0)
        number = torch.where(number == _NONE, 0, (number + 1) % 4)
        lengths = torch.tensor(self.report_bits)[follows.long()]
        bits = np.zeros((len(csi), int(lengths.max()) if len(csi) else 0), np.uint8)
        after = {name: kept.clone() for name, kept in state.items()}
        for here in place.unique().tolist():
            rows, kind = (place == here).nonzero()[:, 0], here > 0
            mine = rows.to(csi.device)
            seen = {name: kept[mine] for name, kept in state.items()}
            values, scale = self.encoder.describe(csi[mine], seen, here)
            levels = self.quantiser.quantise(Codeword(values)).values
            head = np.concatenate(
                [
                    np.full((len(rows), _KIND_BITS), kind, np.uint8),
                    to_bits(number[rows].numpy(), _NUMBER_BITS),
                    to_bits(scale.cpu().numpy(), self.scale_bits[kind]),
                ],
                axis=1,
            )
            body = to_bits(levels.long().cpu().numpy().ravel(), self.settings.bits).reshape(len(rows), -1)
            bits[rows.numpy(), : self.report_bits[kind]] = np.concatenate([head, body], axis=1)
            if self.ue_decodes:
                _, known = self.decoder.rebuilt(self._values(levels), scale, seen, here)
                _put(after, mine, known)
        codeword = Codeword(
            torch.from_numpy(bits).to(csi.device, torch.float32),
            value_bits=lengths.to(csi.device),
            max_bits=max(self.report_bits),
        )
        return codeword, {"number": number, "place": place, **after}

    @torch.no_grad()
    def rebuild(self, received: Codeword, memory: Memory) -> tuple[Reconstruction, Memory]:
        """The matrices; lost are those of erased reports, of too few bits, and of those whose predecessor is."""
        bits, arrived = received.arrived()
        n, device = len(bits), received.values.device
        before, last, state = self._remembered(memory, n, at_bs=True)
        bits = np.pad(bits, ((0, 0), (0, max(self.report_bits))))
        kinds = bits[:, 0] == 1
        told = torch.from_numpy(from_bits(bits[:, _KIND_BITS : _KIND_BITS + _NUMBER_BITS]))
        lost = torch.from_numpy(arrived < np.asarray(self.report_bits)[kinds.astype(int)])
        lost |= torch.from_numpy(kinds) & ((before == _NONE) | (told != (before + 1) % 4))
        csi = torch.zeros(n, *self.shape, dtype=torch.complex64, device=device)
        after = {name: kept.clone() for name, kept in state.items()}
        place = torch.where(torch.from_numpy(kinds), last + 1, 0)
        for here in place[~lost].unique().tolist():
            rows, kind, at = ((place == here) & ~lost).nonzero()[:, 0], here > 0, _KIND_BITS + _NUMBER_BITS
            mine, own = rows.to(device), bits[rows.numpy()]
            scale = from_bits(own[:, at : at + self.scale_bits[kind]])
            body = own[:, at + self.scale_bits[kind] : self.report_bits[kind]]
            levels = from_bits(body.reshape(-1, self.settings.bits)).reshape(len(rows), -1)
            values = self._values(torch.from_numpy(levels).to(device, torch.float32))
            seen = {name: kept[mine] for name, kept in state.items()}
            csi[mine], known = self.decoder.rebuilt(values, torch.from_numpy(scale).to(device), seen, here)
            _put(after, mine, known)
        kept = {"number": torch.where(lost, before, told), "place": torch.where(lost, last, place), **after}
        return Reconstruction(channel=csi, erased=lost.to(device)), kept

    @property
    def ue_decodes(self) -> bool:
        """Whether the UE computes what the BS rebuilds of its reports, as it encodes differences from that."""
        return False

    @property
    def ue_networks(self) -> tuple[nn.Module, ...]:
        """The encoder, and the decoder where the UE computes what the BS rebuilds."""
        return (self.encoder, self.decoder) if self.ue_decodes else (self.encoder,)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Images of two reports, ``(2, 2, Na, Nt)``."""
        return (2, *super().image_shape)

    def autoencoder(self) -> Autoencoder:
        """Both networks over sequences of reports."""
        return OverTimeAutoencoder(self.encoder, self.decoder, None, self.settings.bits)

    @property
    def starts_as_klt(self) -> bool:
        """Whether training starts from the KLT, as ``init`` says."""
        return self.settings.init == "klt"

    def prepare(self, training: TrainingSet, generator: torch.Generator) -> None:
        """Draws weights, learns what is told beside them, and makes each kind of report the KLT if ``init`` says so."""
        self._check_sequences(training)
        self.initialise(generator)
        self.start(training)

    @abstractmethod
    def start(self, training: TrainingSet) -> None:
        """Learns what is told beside the weights, and with ``starts_as_klt`` changes drawn weights to a linear codec.

        Args:
            training: sequences ``[n, T, Na, Nt]``.
        """

    def train_networks(
        self,
        training: TrainingSet,
        recipe: TrainingRecipe,
        generator: torch.Generator,
        options: TrainingOptions | None = None,
    ) -> TrainingOutcome:
        """Trains on sequences, and keeps the weights of the least NMSE on validation, the mean over all reports.

        Raises:
            FeedbackInputError: if the training set is unusable, or the loss becomes NaN or infinite.
        """
        options = self.suited(options or TrainingOptions())
        self.prepare(training, generator)
        kind: Any = partial(OverTimeAutoencoder, bits=self.settings.bits)
        options = replace(options, autoencoder=kind)
        resolved = recipe.resolved(self.starts_as_klt)
        with accelerated(self.encoder, self.decoder), memory_kept():
            return train(self.encoder, self.decoder, training, resolved, generator, options)

    def suited(self, options: TrainingOptions) -> TrainingOptions:
        """Options with loss and error of sequences, where they are the default ones."""
        loss = sequence_loss if options.loss is reconstruction_error else options.loss
        return replace(options, loss=loss, errors=sequence_errors)

    @torch.no_grad()
    def diagnostics(self, csi: Tensor) -> dict[str, float]:
        """NMSE of each report of training sequences ``[n, T, Na, Nt]``, dB, by its place, from 1."""
        image = to_unit_interval(csi[:_DIAGNOSED])
        rebuilt = self.autoencoder().eval().rebuilt(image, None, torch.Generator())
        errors = step_errors(image.double(), rebuilt.double()).mean(0)
        return {f"nmse_db of report {place + 1}": decibel(float(error)) for place, error in enumerate(errors)}

    def complexity(self) -> Complexity:
        """Cost of the dearer kind of report, and all learnt numbers of each side."""
        costs = [self.report_macs(kind) for kind in (False, True)]
        return Complexity(
            ue_macs=max(ue for ue, _ in costs),
            bs_macs=max(bs for _, bs in costs),
            ue_parameters=sum(map(count_parameters, self.ue_networks)),
            bs_parameters=count_parameters(self.decoder),
            ue_bytes=sum(map(count_stored_bytes, self.ue_networks)),
        )

    @abstractmethod
    def report_macs(self, follows: bool) -> tuple[int, int]:
        """Multiply-adds of one report at the UE, and at the BS."""

    def _values(self, levels: Tensor) -> Tensor:
        return self.quantiser.dequantise(Codeword(levels)).values

    def _remembered(self, memory: Memory, n: int, at_bs: bool = False) -> tuple[Tensor, Tensor, State]:
        """Number and place of the last report, and what else is known."""
        if memory:
            state = {name: kept for name, kept in memory.items() if name not in ("number", "place")}
            return memory["number"].cpu(), memory["place"].cpu(), state
        blank = self.decoder.blank(n) if at_bs or self.ue_decodes else NO_MEMORY
        return torch.full((n,), _NONE), torch.zeros(n, dtype=torch.int64), blank

    def _check_sequences(self, training: TrainingSet) -> None:
        for name, csi in (("training", training.train), ("validation", training.validation)):
            if csi.dim() != 4 or (len(csi) and csi.shape[1] < 2):
                raise FeedbackInputError(
                    f"{self.settings.name}: got {name} channels of shape {list(csi.shape)}, expected sequences of two "
                    "reports or more, [n, T, Na, Nt]"
                )


def _put(kept: dict[str, Tensor], rows: Tensor, known: State) -> None:
    """Writes rows of what is known."""
    for name, tensor in known.items():
        kept[name][rows] = tensor
