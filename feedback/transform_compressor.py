"""Compressors that are transform codes: entropy-coded levels of coefficients on learnt axes."""

import math
from abc import abstractmethod
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from feedback.bitstream_compressor import STEP_REPORTS, ScaledBitstreamCompressor
from feedback.compressor import NO_MEMORY, Complexity, Compressor, Memory
from feedback.compressor_parameters import CompressorParameters
from feedback.context_codec.side_information import STEP_BITS, ScaleGrid, from_bits, to_bits
from feedback.csi_dimensions import CsiDimensions
from feedback.csi_report.codeword import Codeword
from feedback.csi_report.reconstruction import Reconstruction
from feedback.eigenvector_compressor import OfEigenvectors, on_eigenvectors
from feedback.errors import FeedbackInputError
from feedback.own_bits_parameters import TransformCodeParameters
from feedback.training_set import TrainingSet
from feedback.transform_coding import sizes
from feedback.transform_coding.axes import Axes, FullAxes, OwnEntries, SeparableAxes
from feedback.transform_coding.codec import Projected, TransformCodec
from feedback.transform_coding.covariance import Covariance
from feedback.transform_coding.kernel import LevelCode
from feedback.transform_coding.level_tables import code_of
from feedback.transform_coding.training import corrected, learn_code, mean_powers, unit_power

# Coefficients of the channels that the step is found from that are in memory at once.
_MAX_COEFFICIENTS = 2**24
# Integer multiply-adds of a part of a coefficient: two levels and zero, each with its squared error and its bits.
_MACS_OF_A_CHOICE = 6


class TransformCompressor(ScaledBitstreamCompressor):
    r"""Uniformly quantises coefficients on learnt axes, all with one step, and entropy-codes them.

    A report holds the scale of the matrix, where it has its own the step, where there are several the component, and
    the levels of the coefficients in an arithmetic code of static integer tables. The probability of a level depends on
    the axis's standard deviation over the step, to a quarter of an octave, and for an imaginary part on the size of the
    real one. One step for all axes is reverse water-filling: it spends

    .. math:: \tfrac12 \log_2 (\sigma_i^2 / D) \;\text{bits where}\; \sigma_i^2 > D, \;\text{none elsewhere}

    on every real part, but for what a scalar quantiser loses, a quarter of a bit where the step is fine (Gish and
    Pierce, 1968, DOI 10.1109/TIT.1968.1054193). Levels and component are chosen by rate and distortion,

    .. math:: \min_{k, q} \; \sum_i (c_{k, i} / \Delta - q_i)^2 + \lambda \, b_k(q), \qquad \lambda = \ln 2 / 6

    which is the quantiser's dead zone. Tables are counted on validation channels, where there are some, as axes fit
    those that they were learnt from too well; so are the variances of a single component corrected.
    """

    settings: TransformCodeParameters
    covariance: Covariance = "diagonal"
    # Bits of a report ahead of the code.
    ahead_bits: int = 0
    spread: Tensor
    label: Tensor
    decision: Tensor
    centroid: Tensor
    delays: Tensor
    ports: Tensor
    axes: Tensor

    def __init__(self, parameters: TransformCodeParameters, shape: tuple[int, int], components: int = 1) -> None:
        super().__init__(parameters, shape)
        if self.takes == "truncated":
            parameters.check_code(self.dimensions)
        self.components = components
        nodes = 2 ** (components - 1).bit_length()
        self.declare(
            spread=(components, shape[0] * shape[1]),
            label=(nodes,),
            decision=(sizes.CLASSES, sizes.SEEN, sizes.DECISIONS),
            centroid=(sizes.CLASSES, sizes.SEEN, sizes.CENTROIDS + 1),
        )

    @classmethod
    def chosen_by(cls, parameters: CompressorParameters) -> type[Compressor]:
        """The class itself, or that of the same code on eigenvectors."""
        assert isinstance(parameters, TransformCodeParameters)
        return cls if parameters.csi == "matrix" else on_eigenvectors(cls, CodeOfEigenvectors)

    @abstractmethod
    def learn_axes(self, training: TrainingSet, generator: torch.Generator) -> Tensor:
        """Learns the axes.

        Returns:
            Variances of the coefficients of channels of unit power on them, ``[components, Na Nt]``.
        """

    def declare_axes(self, covariance: Covariance) -> None:
        """Declares axes of components with such covariances: none, delays and ports, or over the whole matrix."""
        self.covariance, (n_delay, n_ports) = covariance, self.shape
        if covariance == "separable":
            self.declare(delays=(self.components, n_delay, n_delay, 2), ports=(self.components, n_ports, n_ports, 2))
        elif covariance == "full":
            self.declare(axes=(self.components, n_delay * n_ports, n_delay * n_ports, 2))

    def keep_axes(self, axes: Axes) -> None:
        """Takes over axes of the declared kind."""
        if isinstance(axes, SeparableAxes):
            self.delays, self.ports = (torch.view_as_real(part.contiguous()) for part in (axes.delays, axes.ports))
        elif isinstance(axes, FullAxes):
            self.axes = torch.view_as_real(axes.vectors.contiguous())

    @property
    def transforms(self) -> Axes:
        """The axes that were learnt."""
        if self.covariance == "separable":
            return SeparableAxes(*(torch.view_as_complex(part.cpu()) for part in (self.delays, self.ports)))
        if self.covariance == "full":
            return FullAxes(torch.view_as_complex(self.axes.cpu()), self.shape)
        return OwnEntries(self.shape)

    def fit(self, training: TrainingSet, generator: torch.Generator) -> None:
        """Learns axes, tables, the range of the scale, and where lengths vary the step and the bits to reserve."""
        variances = self.learn_axes(training, generator).cpu()
        csi = training.train if len(training.validation) == 0 else training.validation
        others = unit_power(csi).cpu()
        if self.components == 1:
            variances = corrected(variances[0], mean_powers(self.transforms, others)[0])[None]
        code, tables = learn_code(self.transforms, variances, others)
        for name, array in (("spread", code.spread), ("label", code.label), ("decision", code.decision)):
            setattr(self, name, torch.from_numpy(array.astype(np.float32)))
        self.centroid = torch.from_numpy(tables.centroid)
        self.learn_scale(training.train)
        if self.settings.payload_bits is None:
            codec = self._codec_of(code, 1.0)
            most = min(STEP_REPORTS, max(200, _MAX_COEFFICIENTS // (codec.axes.sets * code.entries)))
            some = Projected.joined([codec.projected(part) for part in csi[:most].split(codec.block)])

            def lengths(step: float, count: int) -> NDArray[np.int64]:
                return self._codec_of(code, step).encode_projected(some.first(count))[1] + self.ahead_bits

            self.learn_step(lengths, len(some.scale_numbers), lambda step: self._codec_of(code, step).fewest_bits)
        self._codec_of(code, *self.learnt_mode)

    def check_learnt(self, state: Mapping[str, Tensor]) -> None:
        """Tables are of integers that the coder takes, the scale has cells, a report may have step and bits."""
        name = self.settings.name
        for key, low, high in (("spread", -1000, 1000), ("label", 1, 65535), ("decision", 1, 65535)):
            values = state[key]
            if not ((values == values.round()) & (values >= low) & (values <= high)).all():
                raise FeedbackInputError(f"{name}: got {key} of other numbers, expected integers {low} to {high}")
        super().check_learnt(state)

    def report(self, csi: Tensor, memory: Memory, lost: Tensor | None = None) -> tuple[Codeword, Memory]:
        """Bits 0 and 1 as float32, ``[batch, longest]``, zeros behind the ``value_bits`` of each report.

        Raises:
            FeedbackInputError: if an entry is NaN or infinite.
        """
        return self.codeword(*self._codec.encode(csi), csi.device), NO_MEMORY

    def rebuild(self, received: Codeword, memory: Memory) -> tuple[Reconstruction, Memory]:
        """The matrices; lost are those of erased reports, and of bits that are no report."""
        matrices, erased = self.decoded(*received.arrived(), received.values.device)
        return Reconstruction(channel=matrices, erased=erased), NO_MEMORY

    def decoded(
        self, bits: NDArray[np.uint8], arrived: NDArray[np.int64], device: torch.device
    ) -> tuple[Tensor, Tensor]:
        """Matrices ``[batch, Na, Nt]`` of bits ``[batch, width]`` that arrived; and which are lost, ``[batch]``."""
        matrices, erased = self._codec.decode(bits, arrived)
        return torch.from_numpy(matrices).to(device), torch.from_numpy(erased).to(device)

    def complexity(self) -> Complexity:
        """Transforms of all components and the choice of their levels at the UE, one transform at the BS.

        Integer multiply-adds count as real ones. The UE keeps axes in 4 bytes a number, spreads and tables in 2; a
        payload takes 8 choices of the step.
        """
        entries, axes = self.shape[0] * self.shape[1], self._sizes_of_axes()
        passes = STEP_BITS + 1 if self.settings.payload_bits is not None else 1
        choices = passes * self.components * 2 * entries * _MACS_OF_A_CHOICE
        tables = self.components * entries + 2 ** (self.components - 1).bit_length()
        tables += sizes.CLASSES * sizes.SEEN * sizes.DECISIONS
        numbers = axes.numbers + tables
        return Complexity(
            ue_macs=2 * entries + axes.sets * axes.macs + choices,
            bs_macs=2 * entries + axes.macs,
            ue_parameters=numbers,
            bs_parameters=numbers + sizes.CLASSES * sizes.SEEN * (sizes.CENTROIDS + 1),
            ue_bytes=4 * axes.numbers + 2 * tables,
        )

    def _sizes_of_axes(self) -> Axes:
        """Axes of the sizes that are learnt, without their numbers."""
        if self.covariance == "separable":
            return SeparableAxes(*(_no_numbers(self.components, size) for size in self.shape))
        if self.covariance == "full":
            return FullAxes(_no_numbers(self.components, self.shape[0] * self.shape[1]), self.shape)
        return OwnEntries(self.shape)

    @property
    def _codec(self) -> TransformCodec:
        state = {name: getattr(self, name).cpu().numpy() for name in ("spread", "label", "decision")}
        code = code_of(
            state["spread"].astype(np.int16), state["label"].astype(np.uint16), state["decision"].astype(np.uint16)
        )
        return self._codec_of(code, *self.learnt_mode)

    def _codec_of(self, code: LevelCode, step: float | None = None, max_bits: int | None = None) -> TransformCodec:
        centroid, payload = self.centroid.cpu().numpy(), self.settings.payload_bits
        return TransformCodec(
            self.transforms, code, centroid, step, payload, max_bits, self.scale, other_bits=self.ahead_bits
        )


class CodeOfEigenvectors(OfEigenvectors, TransformCompressor):
    """A transform code of matrices that are made of eigenvectors: the strongest beams are the first bits of a report.

    No scale is sent, as both sides know it: such a matrix has norm 1.
    """

    settings: TransformCodeParameters

    def __init__(self, parameters: TransformCodeParameters, dimensions: CsiDimensions) -> None:
        parameters.check_code(dimensions)
        super().__init__(parameters, dimensions)
        self.ahead_bits = self.beams.bits

    def learn_scale(self, csi: Tensor) -> None:
        """One cell, in whose middle all scales are."""
        middle_db = -10 * math.log10(self.shape[0] * self.shape[1])
        self.scale_grid = torch.tensor([middle_db - 0.5, 1.0])

    @property
    def scale(self) -> ScaleGrid:
        """The only scale."""
        return ScaleGrid(0, *self.scale_grid.tolist())

    @torch.no_grad()
    def report(self, csi: Tensor, memory: Memory, lost: Tensor | None = None) -> tuple[Codeword, Memory]:
        """Bits 0 and 1 as float32, ``[batch, longest]``, zeros behind the ``value_bits`` of each report.

        Args:
            csi: eigenvectors ``[batch, n_layers, n_subbands, n_tx]``, complex64.
            memory: none.
            lost: does not matter.

        Raises:
            FeedbackInputError: if an entry is NaN or infinite.
        """
        # In double precision of what complex64 holds, so that a report depends on neither precision nor batch.
        exact = csi.detach().cpu().to(torch.complex64).to(torch.complex128)
        matrices, alignment = self.beams.matrices(exact)
        bits, lengths = self._codec.encode(matrices)
        ahead = to_bits(alignment.numpy(), self.ahead_bits)
        return self.codeword(np.concatenate([ahead, bits], axis=1), lengths + self.ahead_bits, csi.device), NO_MEMORY

    @torch.no_grad()
    def rebuild(self, received: Codeword, memory: Memory) -> tuple[Reconstruction, Memory]:
        """Unit vectors ``[batch, n_layers, n_subbands, n_tx]``; lost are those of bits that are no report."""
        (bits, arrived), device = received.arrived(), received.values.device
        bits = np.pad(bits, ((0, 0), (0, max(0, self.ahead_bits - bits.shape[1]))))
        ahead, code = np.split(bits, [self.ahead_bits], axis=1)
        matrices, erased = self.decoded(code, np.maximum(arrived - self.ahead_bits, 0), device)
        erased |= torch.from_numpy(arrived < self.ahead_bits).to(device)
        precoder = self.beams.vectors(matrices, torch.from_numpy(from_bits(ahead)).to(device))
        return Reconstruction(precoder=precoder, erased=erased), NO_MEMORY


def _no_numbers(sets: int, size: int) -> Tensor:
    return torch.empty(sets, size, size, device="meta")
