"""Matrices of MATLAB files, version 5 to 7 and 7.3 (HDF5), with one sample per row."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from channels.errors import ChannelInputError
from channels.formats.axis_order import AxisOrder, decided_order
from channels.formats.finite_numbers import require_finite
from channels.formats.hdf5 import one_line
from channels.formats.hdf5_array import Hdf5Array
from channels.formats.mat5 import list_variables, read_variable
from channels.formats.mat5_stream import DamagedFileError
from channels.formats.regular_file import require_file


class MatMatrix:
    """A two-dimensional variable of a MATLAB file, read when first asked for.

    Args:
        path: the file.
        name: the variable, ``[n_samples, width]`` as MATLAB shows it.
        width: values per sample that the variable must have.
        is_complex: whether the variable must be complex, or real.
        layout: order of the axes in a file of version 7.3; ``None``: as the file or the shape says.

    Attributes:
        n_samples: rows of the variable.

    Raises:
        ChannelInputError: if the file is missing or no MATLAB file, or if the variable is missing, has another
            shape or type, or may be transposed.
    """

    def __init__(self, path: Path, name: str, width: int, *, is_complex: bool, layout: AxisOrder | None = None) -> None:
        self.path = path
        self.name = name
        self._whole: NDArray[Any] | None = None
        self._hdf5: Hdf5Array | None = None
        self._is_reversed = False
        is_hdf5 = path.is_file() and h5py.is_hdf5(path)
        shape, kind = self._describe_hdf5(width, layout) if is_hdf5 else self._describe_version_5()
        if len(shape) != 2 or shape[1] != width:
            # MATLAB's attributes outrank the shape, for files that somebody else wrote under them.
            turned = len(shape) == 2 and self._is_reversed and shape[0] == width
            hint = ", or the key layout: numpy" if turned else ""
            raise ChannelInputError(f"{path}: {name}: got shape {_text(shape)}, expected N x {width}{hint}")
        if (kind == "complex") != is_complex or kind == "other":
            expected = "complex" if is_complex else "real"
            raise ChannelInputError(f"{path}: {name}: got {kind} values, expected {expected} numbers")
        self.n_samples = shape[0]

    def rows(self, start: int, stop: int) -> NDArray[Any]:
        """Samples ``start`` to ``stop - 1``, float32 or complex64, ``[stop - start, width]``.

        Raises:
            ChannelInputError: if the file is damaged, too short, or holds NaN or infinity.
        """
        if not 0 <= start <= stop <= self.n_samples:
            raise ChannelInputError(
                f"{self.path}: got samples {start} to {stop - 1}, expected a range within the {self.n_samples} it has"
            )
        if self._hdf5 is not None:
            stored = self._hdf5.read(start, stop)
            return np.ascontiguousarray(stored.T) if self._is_reversed else stored
        values = self._read_version_5()[start:stop]
        require_finite(values, f"{self.path}: {self.name}", start)
        return values

    def _describe_version_5(self) -> tuple[tuple[int, ...], str]:
        require_file(self.path, f"a .mat file with {self.name}")
        try:
            found = {header.name: header for header in list_variables(self.path)}
        except (DamagedFileError, OSError) as error:
            raise self._damaged(error) from error
        if self.name not in found:
            names = one_line(", ".join(sorted(found))) or "none"
            raise ChannelInputError(f"{self.path}: got the variables {names}, expected {self.name} (key variable)")
        return found[self.name].shape, found[self.name].kind

    def _read_version_5(self) -> NDArray[Any]:
        if self._whole is None:
            try:
                self._whole = read_variable(self.path, self.name, single=True)
            except (DamagedFileError, OSError, MemoryError) as error:
                raise self._damaged(error) from error
        return self._whole

    def _describe_hdf5(self, width: int, layout: AxisOrder | None) -> tuple[tuple[int, ...], str]:
        array = Hdf5Array(self.path, self.name)
        is_matrix = len(array.shape) == 2
        order = decided_order(
            layout,
            marked=array.is_matlab,
            fits_matlab=is_matrix and array.shape[0] == width,
            fits_numpy=is_matrix and array.shape[1] == width,
            what=f"{self.path}: {self.name}",
        )
        self._is_reversed = order == "matlab"
        self._hdf5 = Hdf5Array(self.path, self.name, 1) if self._is_reversed and is_matrix else array
        return array.shape[::-1] if self._is_reversed else array.shape, array.kind

    def _damaged(self, error: Exception) -> ChannelInputError:
        return ChannelInputError(
            f"{self.path}: cannot be read as a .mat file, other format or damaged ({one_line(error)})"
        )


def _text(shape: tuple[int, ...]) -> str:
    return " x ".join(str(size) for size in shape)
