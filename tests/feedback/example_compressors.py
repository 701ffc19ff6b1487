"""Small compressors of every kind: what they take, send, give and remember. Also a plug-in file of a scenario."""

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from feedback.compressor import (
    Complexity,
    Compressor,
    CompressorParameters,
    FixedCostParameters,
    Memory,
    ReportCompressor,
)
from feedback.csi_report.codeword import Codeword
from feedback.csi_report.reconstruction import Reconstruction
from feedback.csi_report.side_format import from_bits, to_bits
from feedback.observation import CsiDimensions

NOTHING = Complexity(0, 0, 0, 0)


class FromTheBand(Compressor):
    """Takes the estimate over the band, makes the truncated matrix of it, and sends all its entries as real values."""

    class Parameters(CompressorParameters):
        """None of its own."""

        name: Literal["FromTheBand"] = "FromTheBand"

    takes = "estimate"

    def __init__(self, parameters: CompressorParameters, dimensions: CsiDimensions) -> None:
        super().__init__(parameters, dimensions)
        self.length = 2 * self.shape[0] * self.shape[1]

    def encode(self, csi: Tensor) -> Codeword:
        delays = torch.fft.ifft(csi, dim=2, norm="ortho")[:, :, : self.shape[0]]
        matrix = torch.fft.fft(delays, dim=3, norm="ortho").transpose(1, 2).flatten(1)
        return Codeword(torch.cat([matrix.real, matrix.imag], dim=1))

    def decode(self, received: Codeword) -> Tensor:
        real, imaginary = received.values.chunk(2, dim=1)
        return torch.complex(real, imaginary).unflatten(1, self.shape)

    def complexity(self) -> Complexity:
        return NOTHING


class PhaseCodebook(ReportCompressor):
    """Takes subband eigenvectors, sends the phase of each entry in two bits, and gives the precoder of these phases."""

    class Parameters(FixedCostParameters):
        """Its rank."""

        name: Literal["PhaseCodebook"] = "PhaseCodebook"
        rank: int = 2

    parameters: Parameters
    takes = "eigenvectors"
    sends = "levels"
    gives = "precoder"
    has_ratio = False

    def __init__(self, parameters: Parameters, dimensions: CsiDimensions) -> None:
        super().__init__(parameters, dimensions)
        self.n_layers = parameters.rank
        self.entries = (self.n_layers, dimensions.n_subbands, dimensions.n_tx)
        self.length = 2 * self.n_layers * dimensions.n_subbands * dimensions.n_tx

    def report(self, csi: Tensor, memory: Memory, lost: Tensor | None = None) -> tuple[Codeword, Memory]:
        # Relative to the first entry's: an eigenvector has no phase of its own.
        phase = (csi * csi[..., :1].conj()).angle()
        quarter = torch.round(phase.nan_to_num() / (torch.pi / 2)).long() % 4
        bits = to_bits(quarter, 2).flatten(1).float()
        return Codeword(bits, value_bits=self.length, level_bits=1), {}

    def rebuild(self, received: Codeword, memory: Memory) -> tuple[Reconstruction, Memory]:
        quarter = from_bits(received.values.long().unflatten(1, (*self.entries, 2)))
        precoder = torch.polar(torch.ones(quarter.shape), quarter * torch.pi / 2) / self.entries[-1] ** 0.5
        return Reconstruction(precoder=precoder, erased=lost_of(received)), {}

    def complexity(self) -> Complexity:
        return NOTHING


class LargeEntries(ReportCompressor):
    """Sends a scale and the large entries, each report in as many bits as it needs.

    16 bits are the exponent of the largest modulus, offset by 100, and as many ones as a mark; then one bit an entry,
    and 6 bits more for each that is large.
    """

    class Parameters(FixedCostParameters):
        """None of its own."""

        name: Literal["LargeEntries"] = "LargeEntries"

    own_scale = True
    sends = "bitstream"
    reserves_bits = True
    has_ratio = False
    HEAD, LEVEL_BITS = 16, 3

    def __init__(self, parameters: CompressorParameters, shape: tuple[int, int]) -> None:
        super().__init__(parameters, shape)
        self.n_entries = shape[0] * shape[1]
        self.max_bits = self.HEAD + self.n_entries * (1 + 2 * self.LEVEL_BITS)

    def report(self, csi: Tensor, memory: Memory, lost: Tensor | None = None) -> tuple[Codeword, Memory]:
        streams = [self._write(matrix.flatten().nan_to_num()) for matrix in csi]
        lengths = torch.tensor([len(stream) for stream in streams], dtype=torch.int64)
        bits = torch.nn.utils.rnn.pad_sequence(streams, batch_first=True)
        return Codeword(bits.float(), value_bits=lengths, max_bits=self.max_bits), {}

    def rebuild(self, received: Codeword, memory: Memory) -> tuple[Reconstruction, Memory]:
        lost, channel = lost_of(received), torch.zeros(len(received.values), *self.shape, dtype=torch.complex64)
        assert isinstance(received.value_bits, Tensor)
        for row in (~lost).nonzero()[:, 0].tolist():
            length = min(int(received.value_bits[row]), received.values.shape[1])
            read = self._read(received.values[row, :length].long())
            if read is None:
                lost[row] = True
            else:
                channel[row] = read.view(self.shape)
        return Reconstruction(channel=channel, erased=lost), {}

    def _write(self, entries: Tensor) -> Tensor:
        modulus = entries.abs().max().clamp(min=2.0**-100)
        exponent = int(torch.frexp(modulus).exponent)
        scaled = torch.view_as_real(entries) * 2.0**-exponent
        large = entries.abs() > modulus / 4
        levels = ((scaled[large] + 1) * 2 ** (self.LEVEL_BITS - 1)).floor().clamp(0, 2**self.LEVEL_BITS - 1)
        head = to_bits(torch.tensor([exponent + 100, 255]), 8).flatten()
        return torch.cat([head, large.long(), to_bits(levels, self.LEVEL_BITS).flatten()])

    def _read(self, bits: Tensor) -> Tensor | None:
        if len(bits) < self.HEAD + self.n_entries or not bits[8:16].all():
            return None
        exponent = int(from_bits(bits[:8])) - 100
        large = bits[self.HEAD : self.HEAD + self.n_entries].bool()
        wanted = 2 * self.LEVEL_BITS * int(large.sum())
        body = bits[self.HEAD + self.n_entries :][:wanted]
        if len(body) < wanted:
            return None
        levels = from_bits(body.view(-1, 2, self.LEVEL_BITS)).float()
        values = ((levels + 0.5) * 0.5 ** (self.LEVEL_BITS - 1) - 1) * 2.0**exponent
        entries = torch.zeros(self.n_entries, dtype=torch.complex64)
        entries[large] = torch.view_as_complex(values.contiguous())
        return entries

    def complexity(self) -> Complexity:
        return NOTHING


class Refining(ReportCompressor):
    """One bit for each real number and report: its sign against what the BS has, which moves by half as much each time.

    Both sides remember what the BS has and how far the next step goes; the UE is told when a report got lost, and then
    takes its own last step back.
    """

    class Parameters(FixedCostParameters):
        """None of its own."""

        name: Literal["Refining"] = "Refining"

    sends = "levels"
    has_ratio = False
    told_of_losses = True

    def __init__(self, parameters: CompressorParameters, shape: tuple[int, int]) -> None:
        super().__init__(parameters, shape)
        self.length = 2 * shape[0] * shape[1]

    def report(self, csi: Tensor, memory: Memory, lost: Tensor | None = None) -> tuple[Codeword, Memory]:
        known, step = self._recalled(memory, len(csi))
        if lost is not None:
            known = torch.where(lost[:, None], memory["before"], known)
            step = torch.where(lost, step * 2, step)
        values = torch.view_as_real(csi).flatten(1).nan_to_num()
        up = values > known
        remembered = {"known": self._moved(known, step, up), "step": step / 2, "before": known}
        return Codeword(up.float(), value_bits=self.length, level_bits=1), remembered

    def rebuild(self, received: Codeword, memory: Memory) -> tuple[Reconstruction, Memory]:
        lost = lost_of(received)
        known, step = self._recalled(memory, len(lost))
        moved = torch.where(lost[:, None], known, self._moved(known, step, received.values.bool()))
        channel = torch.view_as_complex(moved.view(-1, *self.shape, 2).contiguous())
        return Reconstruction(channel=channel, erased=lost), {"known": moved, "step": torch.where(lost, step, step / 2)}

    def _recalled(self, memory: Memory, count: int) -> tuple[Tensor, Tensor]:
        return memory.get("known", torch.zeros(count, self.length)), memory.get("step", torch.full((count,), 0.5))

    def _moved(self, known: Tensor, step: Tensor, up: Tensor) -> Tensor:
        return known + torch.where(up, step[:, None], -step[:, None])

    def complexity(self) -> Complexity:
        return NOTHING


EXAMPLES: tuple[type[Compressor], ...] = (FromTheBand, PhaseCodebook, LargeEntries, Refining)


def lost_of(received: Codeword) -> Tensor:
    """Which reports the link lost, ``[batch]``, bool."""
    if received.erased is not None:
        return received.erased.clone()
    return torch.zeros(len(received.values), dtype=torch.bool)


def with_loss(sent: Codeword, lost: list[bool]) -> Codeword:
    """What arrives where some reports are lost."""
    mask = torch.tensor(lost)
    return replace(sent, values=sent.values.masked_fill(mask[:, None], 0), erased=mask)
