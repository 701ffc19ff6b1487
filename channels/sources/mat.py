"""Channels from the public CsiNet data sets of COST 2100 channels, or files in their layout."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from channels.channel_batch import ArrayShape, ChannelBatch, OfdmGrid, Snapshots
from channels.errors import ChannelInputError
from channels.formats.mat import MatMatrix
from channels.source import SOURCES, Source, Split
from channels.sources.parameters.mat import MatParameters
from channels.transforms.angular_delay import AngularDelayTransform

_HF_ALL_BINS = 125
# Files hold single precision, or numbers that were scaled in it.
_RANGE_TOLERANCE = 1e-6


@SOURCES.register("mat")
class MatSource(Source):
    """Angular-delay images in [0, 1], ``HT`` of ``[N, 2 x n_columns x n_delay]``: real part, imaginary part.

    Each part is row-major ``[angle][delay]`` with 0.5 for zero, unshifted, angles and delays those of
    ``AngularDelayTransform``. Delays beyond the file's are taken as zero. The files hold no motion.
    """

    Parameters = MatParameters

    def __init__(self, parameters: MatParameters, *, seed: int, device: torch.device) -> None:
        self.parameters = parameters
        self.device = device
        self.grid = OfdmGrid(parameters.n_subcarriers, parameters.bandwidth_hz, parameters.carrier_hz)
        self.array = ArrayShape(1, 1, parameters.n_columns)
        self._transform = AngularDelayTransform(self.grid, self.array, parameters.n_delay)
        self._opened: dict[str, MatMatrix] = {}

    def n_samples(self, split: Split) -> int | None:
        """Rows of the split's file, 0 without a file."""
        return 0 if self._file(split) is None else self._images(split).n_samples

    def stored_delays(self) -> int:
        """Delay rows of the stored matrices."""
        return self.parameters.n_delay

    def read(self, split: Split, start: int, stop: int, snapshots: Snapshots) -> ChannelBatch:
        """Responses ``[stop - start, 1, n_subcarriers, n_columns]``; with ``hf_all`` for the test split, if given.

        Raises:
            ChannelInputError: if a file is missing, damaged, or does not hold what it should.
        """
        if snapshots.n != 1:
            raise ChannelInputError(f"{self._file(split)}: got {snapshots.n} snapshots, expected 1: it holds no motion")
        csi = torch.from_numpy(self._csi(split, start, stop)).to(self.device)
        if self.parameters.normalise:
            csi = self._scaled(csi)
        hf_all = None
        if split == "test" and self.parameters.hf_all_file is not None:
            reference = self._hf_all(self.parameters.hf_all_file).rows(start, stop)
            reference = reference.reshape(-1, self.parameters.n_columns, _HF_ALL_BINS).swapaxes(1, 2)
            hf_all = torch.from_numpy(np.ascontiguousarray(reference)).to(self.device)
        return ChannelBatch(self._transform.inverse(csi).unsqueeze(1), hf_all)

    def _check_stored(self, split: Split, start: int, stop: int) -> None:
        self._csi(split, start, stop)
        if split == "test" and self.parameters.hf_all_file is not None:
            self._hf_all(self.parameters.hf_all_file).rows(start, stop)

    def _csi(self, split: Split, start: int, stop: int) -> np.ndarray:
        images = self._images(split)
        values = images.rows(start, stop)
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
        if low < -_RANGE_TOLERANCE or high > 1 + _RANGE_TOLERANCE:
            raise ChannelInputError(
                f"{images.path}: {images.name}: got values from {low:.8g} to {high:.8g}, expected 0 to 1"
            )
        parts = values.reshape(-1, 2, self.parameters.n_columns, self.parameters.n_delay) - np.float32(0.5)
        return np.ascontiguousarray((parts[:, 0] + np.complex64(1j) * parts[:, 1]).swapaxes(1, 2))

    def _scaled(self, csi: Tensor) -> Tensor:
        entries = self.grid.n_subcarriers * self.array.n_tx
        power = csi.abs().to(torch.float64).square().sum(dim=(1, 2), keepdim=True) / entries
        return csi * torch.where(power > 0, power, 1.0).rsqrt().to(torch.float32)

    def _images(self, split: Split) -> MatMatrix:
        file = self._file(split)
        if file is None:
            raise ChannelInputError(f"{split}_file: got none, expected a file, since {split} samples are asked for")
        if split not in self._opened:
            width = 2 * self.parameters.n_columns * self.parameters.n_delay
            parameters = self.parameters
            self._opened[split] = MatMatrix(
                file, parameters.variable, width, is_complex=False, layout=parameters.layout
            )
        return self._opened[split]

    def _hf_all(self, file: Path) -> MatMatrix:
        if "hf_all" not in self._opened:
            parameters = self.parameters
            width = parameters.n_columns * _HF_ALL_BINS
            reference = MatMatrix(file, parameters.hf_all_variable, width, is_complex=True, layout=parameters.layout)
            expected = self._images("test").n_samples
            if reference.n_samples != expected:
                raise ChannelInputError(
                    f"{file}: {reference.name}: got {reference.n_samples} samples, expected {expected} as in the "
                    "test file"
                )
            self._opened["hf_all"] = reference
        return self._opened["hf_all"]

    def _file(self, split: Split) -> Path | None:
        files = {
            "train": self.parameters.train_file,
            "validation": self.parameters.validation_file,
            "test": self.parameters.test_file,
        }
        return files[split]
