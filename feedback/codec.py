"""From a channel at the UE to a report, and from what arrived of it to a channel or precoder at the BS.

UE: normalise, encode, quantise, write the report. BS: read, denoise, dequantise, decode, undo the normalisation.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from feedback.compressor import NO_MEMORY, Compressor, Memory
from feedback.csi_report.codeword import Codeword
from feedback.csi_report.normalisation import Normalisation
from feedback.csi_report.reconstruction import Reconstruction
from feedback.csi_report.scale import ScaleQuantiser
from feedback.csi_report.side_format import LevelFormat
from feedback.denoiser import Denoiser
from feedback.errors import FeedbackInputError
from feedback.observation import CsiForm, Observation
from feedback.quantiser import Quantiser


class Taker(Protocol):
    """What a compressor says of the channel that it takes."""

    @property
    def takes(self) -> CsiForm:
        """The form of the channel that it encodes."""

    @property
    def n_layers(self) -> int:
        """Layers of the eigenvectors that it takes."""

    @property
    def own_scale(self) -> bool:
        """Whether it takes the channel as it is."""


class Encoder(Taker, Protocol):
    """The part of a compressor that lies at the UE."""

    def report(self, csi: Tensor, memory: Memory, lost: Tensor | None = None) -> tuple[Codeword, Memory]:
        """The next report."""


class Decoder(Protocol):
    """The part of a compressor that lies at the BS."""

    def rebuild(self, received: Codeword, memory: Memory) -> tuple[Reconstruction, Memory]:
        """What the next report stands for."""


class LevelWriter(Protocol):
    """The part of a quantiser that lies at the UE."""

    def quantise(self, codeword: Codeword) -> Codeword:
        """Values to what is sent."""


class LevelReader(Protocol):
    """The part of a quantiser that lies at the BS."""

    def dequantise(self, received: Codeword) -> Codeword:
        """What arrived to values."""


class ScaleWriter(Protocol):
    """The part of the scale's quantiser that lies at the UE."""

    bits: int

    @property
    def format(self) -> LevelFormat | None:
        """How the scale is written in bits."""

    def encode(self, scale: Tensor) -> Tensor:
        """Scales to what is sent."""

    def outside(self, scale: Tensor) -> Tensor | None:
        """Which scales cannot be sent."""


class ScaleReader(Protocol):
    """The part of the scale's quantiser that lies at the BS."""

    def decode(self, levels: Tensor) -> Tensor:
        """What was sent to scales."""


@dataclass(frozen=True)
class ReceivedReport:
    """All that the BS ever sees of the UEs of a batch.

    Attributes:
        codeword: what the link delivered.
        noise_to_signal: noise power of the link over the codeword's power, linear, as the BS knows it.
    """

    codeword: Codeword
    noise_to_signal: float = 0.0


@dataclass(frozen=True)
class UeHalf:
    """What the UE does.

    Attributes:
        encoder: encodes the channel.
        normalisation: scales what the encoder gets.
        quantiser: of codeword values.
        scale: quantiser of the scale; ``None`` where none is sent.
    """

    encoder: Encoder
    normalisation: Normalisation
    quantiser: LevelWriter
    scale: ScaleWriter | None

    def report(
        self, observation: Observation, memory: Memory = NO_MEMORY, lost: Tensor | None = None
    ) -> tuple[Codeword, Memory]:
        """What is handed to the feedback link, and what the UE remembers.

        Args:
            observation: the channel as the UE has estimated it.
            memory: what the UE remembers of the reports before.
            lost: which of the reports just before did not arrive, ``[batch]``, bool; ``None`` at the first one, and
                where the UE is not told.
        """
        csi, scale = taken(observation, self.encoder, self.normalisation)
        codeword, memory = self.encoder.report(csi, memory, lost)
        codeword = self.quantiser.quantise(codeword)
        return codeword if self.scale is None else _with_scale(codeword, self.scale, scale), memory

    def saturated(self, observation: Observation) -> Tensor | None:
        """Which reports have a scale outside the range that can be sent; ``None`` where there is no range."""
        if self.scale is None:
            return None
        return self.scale.outside(self.normalisation.scale(observation.form("truncated")))


@dataclass(frozen=True)
class BsHalf:
    """What the BS does; it knows its configuration, what was learnt, and what arrived.

    Attributes:
        decoder: decodes codewords.
        normalisation: whose scale is undone; ``None`` where the decoder gives what needs none.
        quantiser: of codeword values.
        denoiser: of received codewords.
        scale: quantiser of the scale; ``None`` where none is sent.
    """

    decoder: Decoder
    normalisation: Normalisation | None
    quantiser: LevelReader
    denoiser: Denoiser
    scale: ScaleReader | None

    def rebuild(self, received: ReceivedReport, memory: Memory = NO_MEMORY) -> tuple[Reconstruction, Memory]:
        """What the reports stand for, and what the BS remembers. Quantiser and decoder, too, find reports lost."""
        codeword = received.codeword
        denoised = self.denoiser.denoise(codeword, received.noise_to_signal)
        rebuilt, memory = self.decoder.rebuild(self.quantiser.dequantise(denoised), memory)
        if rebuilt.channel is None or self.normalisation is None:
            return rebuilt, memory
        if self.scale is None:
            scale = self.normalisation.scale(rebuilt.channel)
        else:
            scale = self.scale.decode(codeword.side["scale"])
        return replace(rebuilt, channel=self.normalisation.undo(rebuilt.channel, scale)), memory


@dataclass(frozen=True)
class Codec:
    """One way to report: a fitted compressor with its normalisation, quantiser and denoiser of its codewords.

    The two sides are separate objects, which share what was learnt before and nothing else.

    Attributes:
        compressor: encoder and decoder.
        normalisation: scales what the encoder gets.
        quantiser: of codeword values; one that does nothing for a compressor that makes bits of its own.
        denoiser: of received codewords; likewise.
        scale: quantiser of the normalisation's scale; ``None`` where none is sent, and until it is fitted.
    """

    compressor: Compressor
    normalisation: Normalisation
    quantiser: Quantiser
    denoiser: Denoiser
    scale: ScaleQuantiser | None = None

    @cached_property
    def ue(self) -> UeHalf:
        """The UE's half."""
        sent = self.scale if self.compressor.sends_scale() else None
        return UeHalf(self.compressor, self.normalisation, self.quantiser, sent)

    @cached_property
    def bs(self) -> BsHalf:
        """The BS's half."""
        scaled = self.compressor.sends_scale()
        return BsHalf(
            self.compressor,
            self.normalisation if scaled else None,
            self.quantiser,
            self.denoiser,
            self.scale if scaled else None,
        )

    @property
    def needs_scale(self) -> bool:
        """Whether the BS can undo the normalisation only with a scale that is sent."""
        return self.normalisation.kind == "per_sample" and self.compressor.sends_scale()

    @property
    def detects_errors(self) -> bool:
        """Whether the BS finds reports lost by their bits, whatever the link says."""
        return self.compressor.sends != "analogue" or self.quantiser.detects_errors

    @torch.no_grad()
    def encode(self, csi: Tensor | Observation) -> Codeword:
        """At the UE: the first report of each channel.

        Args:
            csi: channels in the form that the compressor takes, not normalised; or an observation, for a compressor
                that takes another form than the truncated matrix and is scaled by it.

        Raises:
            FeedbackInputError: if they are of other sizes, or not finite.
        """
        return self.ue.report(self._observation(csi))[0]

    @torch.no_grad()
    def decode(self, received: Codeword | ReceivedReport) -> Tensor:
        """At the BS: the channel or precoder of each first report; ``bs.rebuild`` says also which are lost.

        Raises:
            FeedbackInputError: if it is no report.
        """
        if not isinstance(received, Codeword | ReceivedReport):
            raise FeedbackInputError(f"received: got {type(received).__name__}, expected a Codeword or ReceivedReport")
        arrived = received if isinstance(received, ReceivedReport) else ReceivedReport(received)
        return self.bs.rebuild(arrived)[0].csi

    def _observation(self, csi: Tensor | Observation) -> Observation:
        if isinstance(csi, Observation):
            return csi
        takes, wanted = self.compressor.takes, self._wanted_shape()
        sizes = f"[channels, {', '.join(map(str, wanted))}]"
        if not isinstance(csi, Tensor):
            raise FeedbackInputError(f"csi: got {type(csi).__name__}, expected a tensor {sizes} or an Observation")
        if csi.shape[1:] != wanted or not csi.is_complex():
            raise FeedbackInputError(
                f"csi: got {csi.dtype} of shape {list(csi.shape)}, expected {takes} channels: complex, {sizes}"
            )
        if not torch.view_as_real(csi).isfinite().all():
            raise FeedbackInputError("csi: got NaN or infinity, expected finite channels")
        forms: Mapping[str, Tensor] = {takes: csi}
        return Observation(**forms)

    def _wanted_shape(self) -> tuple[int, ...]:
        """Sizes of a channel in the form that the compressor takes."""
        known = self.compressor.dimensions
        if self.compressor.takes == "truncated":
            return known.matrix
        if self.compressor.takes == "eigenvectors":
            return self.compressor.n_layers, known.n_subbands, known.n_tx
        return known.n_rx, known.n_subcarriers, known.n_tx


def taken(observation: Observation, taker: Taker, normalisation: Normalisation) -> tuple[Tensor, Tensor]:
    """A channel as an encoder gets it, and the scale that was taken off it, ``[batch]``.

    The scale is that of the truncated matrix, whatever the form; 1 for eigenvectors, and for who takes the channel as
    it is.
    """
    csi = observation.form(taker.takes, taker.n_layers)
    if taker.own_scale or taker.takes == "eigenvectors":
        return csi, torch.ones(len(csi), dtype=csi.real.dtype, device=csi.device)
    scale = normalisation.scale(observation.form("truncated"))
    return csi / scale.view(-1, *[1] * (csi.dim() - 1)), scale


def _with_scale(codeword: Codeword, writer: ScaleWriter, scale: Tensor) -> Codeword:
    form = {} if writer.format is None else {"scale": writer.format}
    return replace(
        codeword,
        side={**codeword.side, "scale": writer.encode(scale)},
        side_bits=codeword.side_bits + writer.bits,
        side_formats={**codeword.side_formats, **form},
    )
