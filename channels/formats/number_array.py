"""One array of numbers in a file of any of the usual formats, read a range of samples at a time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from channels.bounds import require_memory
from channels.errors import ChannelInputError
from channels.formats.axis_order import AxisOrder, decided_order
from channels.formats.complex_numbers import NumberKind, kind_of
from channels.formats.finite_numbers import require_finite
from channels.formats.hdf5 import one_line
from channels.formats.hdf5_array import Hdf5Array, single_precision
from channels.formats.mat5 import Mat5Header, list_variables, read_variable
from channels.formats.mat5_stream import DamagedFileError
from channels.formats.npy import map_npy, read_npy
from channels.formats.regular_file import require_file

_Rows = Callable[[int, int], NDArray[Any]]


class NumberArray:
    """An array of a ``.npy``, ``.npz``, HDF5 or MATLAB file, with its axes in the order that its program shows.

    Files of HDF5, of MATLAB 7.3 and ``.npy`` are read in slices; MATLAB 5 to 7 and ``.npz`` have none and are kept in
    memory in single precision.

    Args:
        path: the file.
        variable: the array in it; a ``.npy`` file holds one without a name.
        n_axes: axes that it must have; trailing ones of length 1, which MATLAB drops, are added.
        sample_axis: which of them counts the samples.
        layout: order of the axes in an HDF5 file; ``None``: as the file says.

    Attributes:
        shape: its shape, ``n_axes`` sizes.
        kind: "real" or "complex".

    Raises:
        ChannelInputError: in one line, if the file is missing or damaged, lacks the array, holds less than its shape
            declares, holds no numbers, or has other axes.
    """

    def __init__(
        self, path: Path, variable: str, n_axes: int, sample_axis: int, layout: AxisOrder | None = None
    ) -> None:
        self._what = str(path) if path.suffix == ".npy" else f"{path}: {variable}"
        self._axis = sample_axis
        self._whole: NDArray[Any] | None = None
        self.kind: NumberKind
        self._read: _Rows
        require_file(path, f"{variable} in a .mat, HDF5, .npy or .npz file")
        drops_axes = False
        if h5py.is_hdf5(path):
            shape, drops_axes = self._open_hdf5(path, variable, layout)
        elif path.suffix == ".npy":
            shape = self._open_npy(path)
        elif path.suffix == ".npz":
            self._whole = single_precision(read_npy(path, variable))
            shape, self.kind, self._read = self._whole.shape, kind_of(self._whole.dtype), self._from_memory
        else:
            shape, drops_axes = self._open_mat5(path, variable), True
        missing = n_axes - len(shape)
        if missing < 0 or (missing and not drops_axes) or 0 in shape or self.kind == "other":
            sizes = " x ".join(map(str, shape)) or "()"
            raise ChannelInputError(
                f"{self._what}: got {self.kind} values of shape {sizes}, expected numbers with {n_axes} axes"
            )
        self.shape: tuple[int, ...] = (*shape, *[1] * missing)

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Samples ``start`` to ``stop - 1``, float32 or complex64, axes as ``shape`` has them.

        Raises:
            ChannelInputError: if the file is damaged, or if the samples hold NaN or infinity or do not fit into memory.
        """
        values = self._read(start, stop)
        shape = [*self.shape]
        shape[self._axis] = stop - start
        values = values.reshape(shape)
        require_finite(values, self._what, start, self._axis)
        return values

    def _open_hdf5(self, path: Path, variable: str, layout: AxisOrder | None) -> tuple[tuple[int, ...], bool]:
        array = Hdf5Array(path, variable)
        # Files of MATLAB's name may be in MATLAB's order without saying so; others are as HDF5 shows them.
        order = decided_order(
            layout,
            marked=array.is_matlab,
            fits_matlab=path.suffix == ".mat",
            fits_numpy=True,
            what=self._what,
        )
        self.kind = array.kind
        if order == "numpy":
            array = Hdf5Array(path, variable, min(self._axis, max(0, len(array.shape) - 1)))
            self._read = array.read
            return array.shape, False
        shape = array.shape[::-1]
        if self._axis < len(shape):
            by_sample = Hdf5Array(path, variable, -1 - self._axis)
            self._read = lambda start, stop: by_sample.read(start, stop).T
        elif shape:
            # The axis of a single sample is one of those that MATLAB drops.
            self._read = lambda start, stop: array.read(0, array.shape[0]).T
        return shape, True

    def _open_npy(self, path: Path) -> tuple[int, ...]:
        mapped = map_npy(path)
        self.kind = kind_of(mapped.dtype)

        def rows(start: int, stop: int) -> NDArray[Any]:
            part = mapped[self._along(start, stop)]
            require_memory(3 * part.nbytes, self._what)
            return single_precision(np.array(part))

        self._read = rows
        return mapped.shape

    def _open_mat5(self, path: Path, variable: str) -> tuple[int, ...]:
        def readable(action: Callable[[], Any]) -> Any:
            try:
                return action()
            except (DamagedFileError, OSError, MemoryError) as error:
                raise ChannelInputError(
                    f"{path}: cannot be read as a .mat, HDF5, .npy or .npz file, other format or damaged "
                    f"({one_line(error)})"
                ) from error

        headers: dict[str, Mat5Header] = {one.name: one for one in readable(lambda: list_variables(path))}
        if variable not in headers:
            names = one_line(", ".join(sorted(headers))) or "none"
            raise ChannelInputError(f"{path}: got the variables {names}, expected {variable} (key variable)")

        def rows(start: int, stop: int) -> NDArray[Any]:
            if self._whole is None:
                values = readable(lambda: read_variable(path, variable, single=True))
                self._whole = values.reshape(self.shape, order="F")
            return self._from_memory(start, stop)

        self._read = rows
        header = headers[variable]
        self.kind = "real" if header.kind == "real" else "complex" if header.kind == "complex" else "other"
        return header.shape

    def _from_memory(self, start: int, stop: int) -> NDArray[Any]:
        assert self._whole is not None
        return self._whole[self._along(start, stop)]

    def _along(self, start: int, stop: int) -> tuple[slice, ...]:
        return (*[slice(None)] * self._axis, slice(start, stop))
