"""Compressors whose reports are bitstreams of a quantiser step, or of a payload that all reports have."""

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from feedback.compressor import ReportCompressor
from feedback.context_codec.limits import MAX_BITS, MAX_STEP, MIN_STEP
from feedback.context_codec.rate_control import finest_step
from feedback.context_codec.side_information import ScaleGrid
from feedback.csi_report.codeword import Codeword
from feedback.csi_report.scale import learnt_range
from feedback.errors import FeedbackInputError
from feedback.own_bits_parameters import OwnBitsParameters, OwnBitsTraits

# Channels that the step and the reserved bits are found from, and what is reserved over the longest report among them.
STEP_REPORTS = 2000
_RESERVE = 1.25


class BitstreamCompressor(OwnBitsTraits, ReportCompressor):
    """Learns the step that all reports share, and the bits to reserve for each; nothing with ``payload_bits``.

    Attributes:
        step: quantiser step over the root mean square of the entries, ``[]``, float32.
        max_bits: bits to reserve for a report, ``[]``, float32.
    """

    settings: OwnBitsParameters
    step: Tensor
    max_bits: Tensor

    def __init__(self, parameters: OwnBitsParameters, shape: Any) -> None:
        super().__init__(parameters, shape)
        self.length = parameters.payload_bits or 0
        if parameters.payload_bits is None:
            self.declare(step=(), max_bits=())

    def learn_step(
        self,
        lengths: Callable[[float, int], NDArray[np.int64]],
        count: int,
        fewest_bits: Callable[[float], int],
        more_bits: int = 0,
    ) -> None:
        """Finds the step of ``target_bits``, and the bits to reserve, from the lengths of reports.

        Args:
            lengths: of the reports of the first so many channels at a step, ``[n]``, bits.
            count: channels that there are.
            fewest_bits: of a report of nothing but zeros at a step, which may be longer than those of all channels.
            more_bits: by which a report may be longer than these.

        Raises:
            FeedbackInputError: if there are no channels, or no step gives so few bits.
        """
        # The step that is found has been tried before.
        lengths = cache(lengths)
        step = self.settings.step or 1.0
        if self.settings.target_bits is not None:
            step = finest_step(lambda step, n: float(lengths(step, n).mean()), count, self.settings.target_bits)
        reserved = self.settings.max_bits
        if reserved is None:
            reserved = math.ceil(_RESERVE * (float(lengths(step, count).max(initial=0)) + more_bits))
            reserved = max(reserved, fewest_bits(step) + more_bits)
        self.step, self.max_bits = torch.tensor(step), torch.tensor(float(reserved))

    @property
    def learnt_mode(self) -> tuple[float | None, int | None]:
        """Step and bits at most of every report; neither with ``payload_bits``."""
        if self.settings.payload_bits is not None:
            return None, None
        return float(self.step), int(self.max_bits)

    def check_learnt(self, state: Mapping[str, Tensor]) -> None:
        """Step and reserved bits are what a report may have."""
        if self.settings.payload_bits is not None:
            return
        step, reserved = float(state["step"]), float(state["max_bits"])
        if not (MIN_STEP <= step <= MAX_STEP and 1 <= reserved <= MAX_BITS):
            raise FeedbackInputError(
                f"{self.settings.name}: got step {step:g} and {reserved:g} bits to reserve, expected {MIN_STEP:g} to "
                f"{MAX_STEP:g}, and 1 to {MAX_BITS}"
            )

    def codeword(self, bits: NDArray[np.uint8], lengths: NDArray[np.int64], device: torch.device) -> Codeword:
        """Bits ``[batch, longest]`` and lengths ``[batch]`` as what is sent: 0 and 1 as float32, on a device."""
        return Codeword(
            torch.from_numpy(bits).to(device, torch.float32),
            value_bits=torch.from_numpy(lengths).to(device),
            max_bits=self.settings.payload_bits or int(self.max_bits),
        )


class ScaledBitstreamCompressor(BitstreamCompressor):
    """One whose reports tell the scale of their matrix, within the range of the training channels.

    Attributes:
        scale_grid: lower end of the first cell of the scale and width of each, dB, ``[2]``, float32.
    """

    scale_grid: Tensor

    def __init__(self, parameters: OwnBitsParameters, shape: Any) -> None:
        super().__init__(parameters, shape)
        self.declare(scale_grid=(2,))

    def learn_scale(self, csi: Tensor) -> None:
        """Takes the range of the root mean squares of training matrices ``[n, Na, n_ports]``."""
        # By parts, because the squares of all would double the memory.
        low, high = learnt_range(torch.cat([part.abs().square().mean(dim=(1, 2)).sqrt() for part in csi.split(1000)]))
        self.scale_grid = torch.tensor([low, (high - low) / 2**self.settings.scale_bits], dtype=torch.float32)

    @property
    def scale(self) -> ScaleGrid:
        """Scales that can be told."""
        low_db, cell_db = self.scale_grid.tolist()
        return ScaleGrid(self.settings.scale_bits, low_db, cell_db)

    def check_learnt(self, state: Mapping[str, Tensor]) -> None:
        """Cells of the scale are of positive width, step and reserved bits are what a report may have."""
        if state["scale_grid"][1] <= 0:
            raise FeedbackInputError(
                f"{self.settings.name}: got cells of the scale of no width, expected a positive one"
            )
        super().check_learnt(state)
