"""Channels from HDF5 files of truncated angular-delay matrices, with or without motion."""

import numpy as np
import torch
from torch import Tensor

from channels.bounds import MOST_SUBCARRIERS
from channels.channel_batch import ArrayShape, ChannelBatch, OfdmGrid, Snapshots
from channels.errors import ChannelInputError
from channels.formats.axis_order import decided_order
from channels.formats.hdf5 import one_line, open_dataset, positive_attribute, positive_integer_attribute
from channels.formats.hdf5_array import Hdf5Array
from channels.recording import recorded_times, split_range
from channels.source import SOURCES, Source, Split
from channels.sources.parameters.hdf5 import Hdf5Parameters
from channels.transforms.angular_delay import AngularDelayTransform


@SOURCES.register("hdf5")
class Hdf5Source(Source):
    """Matrices ``X`` of ``[N, n_delay, n_tx]``, or ``[N, time, n_delay, n_tx]`` with snapshots ``dt`` seconds apart.

    ``X`` is what ``AngularDelayTransform.truncate`` gives, complex, or a compound of ``{real, imag}`` or ``{r, i}``;
    delays beyond its rows are taken as zero. The axes of a file that MATLAB's ``save`` wrote are those that MATLAB
    shows.

    Raises:
        ChannelInputError: if the file is missing, damaged, or has another layout, or one that may be transposed.
    """

    Parameters = Hdf5Parameters

    def __init__(self, parameters: Hdf5Parameters, *, seed: int, device: torch.device) -> None:
        self.parameters = parameters
        self.device = device
        path = parameters.file
        with open_dataset(path, "X") as dataset:
            n_subcarriers, n_tx = (positive_integer_attribute(dataset, name, path) for name in ("Nc", "Nt"))
            self._array, self._is_reversed = self._opened(n_tx)
            self._shape = self._array.shape[::-1] if self._is_reversed else self._array.shape
            self.grid = OfdmGrid(
                n_subcarriers,
                bandwidth_hz=positive_attribute(dataset, "B", path),
                carrier_hz=positive_attribute(dataset, "fc", path),
            )
            self._step_s = positive_attribute(dataset, "dt", path) if len(self._shape) == 4 else None
        if n_subcarriers > MOST_SUBCARRIERS:
            raise ChannelInputError(f"{path}: attribute Nc: got {n_subcarriers}, expected at most {MOST_SUBCARRIERS}")
        if self._shape[-1] != n_tx:
            raise ChannelInputError(f"{path}: X: got {self._shape[-1]} columns, expected {n_tx} as attribute Nt says")
        if self._shape[-2] > n_subcarriers:
            raise ChannelInputError(f"{path}: X: got {self._shape[-2]} rows, expected at most Nc, {n_subcarriers}")
        self.array = ArrayShape(1, 1, n_tx)
        self._transform = AngularDelayTransform(self.grid, self.array, self._shape[-2])

    def n_samples(self, split: Split) -> int | None:
        """Samples of the split, UEs in a file with motion."""
        return len(self._range(split))

    def stored_delays(self) -> int:
        """Delay rows of the stored matrices."""
        return self._shape[-2]

    def read(self, split: Split, start: int, stop: int, snapshots: Snapshots) -> ChannelBatch:
        """Responses ``[stop - start, n_snapshots, n_subcarriers, n_tx]``.

        Raises:
            ChannelInputError: if the file is damaged, holds NaN, or lacks the samples or snapshots asked for.
        """
        path = self.parameters.file
        indices = self._range(split)
        if not 0 <= start < stop <= len(indices):
            raise ChannelInputError(
                f"{path}: got {split} samples {start} to {stop - 1}, expected a range within the {len(indices)} it has"
            )
        rows = slice(indices.start + start, indices.start + stop)
        is_still = self._step_s is None
        times = recorded_times(snapshots, self._step_s, 1 if is_still else self._shape[1], path)
        is_partial = not is_still and not self._is_reversed
        stored = self._array.read(rows.start, rows.stop, max(times) + 1 if is_partial else None)
        values = stored.T if self._is_reversed else stored
        values = values[:, None] if is_still else values[:, times]
        # A copy: strides of axes of length 1, which nothing defines otherwise, decide in which order sums are taken.
        csi = torch.from_numpy(np.array(values, order="C")).to(self.device)
        return ChannelBatch(self._transform.inverse(self._scaled(csi) if self.parameters.normalise else csi))

    def _check_stored(self, split: Split, start: int, stop: int) -> None:
        first = self._range(split).start
        self._array.read(first + start, first + stop)

    def _opened(self, n_tx: int) -> tuple[Hdf5Array, bool]:
        """The matrices, and whether their axes are reversed in the file."""
        path = self.parameters.file
        array = Hdf5Array(path, "X")
        shape = array.shape
        if len(shape) not in (3, 4) or 0 in shape or array.kind != "complex":
            raise ChannelInputError(
                f"{path}: X: got {one_line(array.dtype)} of shape {shape}, "
                "expected complex [N, rows, Nt] or [N, time, rows, Nt]"
            )
        order = decided_order(
            self.parameters.layout,
            marked=array.is_matlab,
            fits_matlab=shape[0] == n_tx,
            # Rows are written by this program and by Python users; only a shape that cannot be theirs is MATLAB's.
            fits_numpy=shape[-1] == n_tx or shape[0] != n_tx,
            what=f"{path}: X",
        )
        return (Hdf5Array(path, "X", -1), True) if order == "matlab" else (array, False)

    def _range(self, split: Split) -> range:
        parameters = self.parameters
        return split_range(self._shape[0], parameters.train_fraction, parameters.validation_fraction, split)

    def _scaled(self, csi: Tensor) -> Tensor:
        entries = self.grid.n_subcarriers * self.array.n_tx
        power = csi[:, :1].abs().to(torch.float64).square().sum(dim=(2, 3), keepdim=True) / entries
        return csi * torch.where(power > 0, power, 1.0).rsqrt().to(torch.float32)
