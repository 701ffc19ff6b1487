"""Matrices of MATLAB files, version 5 to 7 and 7.3 (HDF5), with one sample per row."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from channels.errors import ChannelInputError
from channels.hdf5_file import one_line, open_dataset
from channels.mat5_file import list_variables, read_variable
from channels.mat5_stream import DamagedFileError


class MatMatrix:
    """A two-dimensional variable of a MATLAB file, read when first asked for.

    Args:
        path: the file.
        name: the variable, ``[n_samples, width]`` as MATLAB shows it.
        width: values per sample that the variable must have.
        is_complex: whether the variable must be complex, or real.

    Attributes:
        n_samples: rows of the variable.

    Raises:
        ChannelInputError: if the file is missing or no MATLAB file, or if the variable is missing or has another
            shape or type.
    """

    def __init__(self, path: Path, name: str, width: int, *, is_complex: bool) -> None:
        self.path = path
        self.name = name
        self._whole: NDArray[Any] | None = None
        self._is_hdf5 = path.is_file() and h5py.is_hdf5(path)
        shape, kind = self._describe_hdf5() if self._is_hdf5 else self._describe_version_5()
        if len(shape) != 2 or shape[1] != width:
            raise ChannelInputError(f"{path}: {name}: got shape {_text(shape)}, expected N x {width}")
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
        values = self._read_hdf5(start, stop) if self._is_hdf5 else self._read_version_5()[start:stop]
        if not np.isfinite(values).all():
            raise ChannelInputError(f"{self.path}: {self.name}: got NaN or infinity, expected finite numbers")
        return values

    def _describe_version_5(self) -> tuple[tuple[int, ...], str]:
        if not self.path.is_file():
            raise ChannelInputError(f"{self.path}: no such file, expected a .mat file with {self.name}")
        try:
            found = {header.name: header for header in list_variables(self.path)}
        except (DamagedFileError, OSError) as error:
            raise self._damaged(error) from error
        if self.name not in found:
            names = one_line(", ".join(sorted(found))) or "none"
            raise ChannelInputError(f"{self.path}: got the variables {names}, expected {self.name}")
        return found[self.name].shape, found[self.name].kind

    def _read_version_5(self) -> NDArray[Any]:
        if self._whole is None:
            try:
                self._whole = _single(read_variable(self.path, self.name))
            except (DamagedFileError, OSError) as error:
                raise self._damaged(error) from error
        return self._whole

    def _describe_hdf5(self) -> tuple[tuple[int, ...], str]:
        with open_dataset(self.path, self.name) as dataset:
            # MATLAB stores columns first, so HDF5 sees the axes reversed.
            return tuple(dataset.shape[::-1]), _kind(dataset.dtype)

    def _read_hdf5(self, start: int, stop: int) -> NDArray[Any]:
        with open_dataset(self.path, self.name) as dataset:
            values = dataset[:, start:stop].T
        if values.dtype.names:
            values = values["real"] + 1j * values["imag"]
        return _single(values)

    def _damaged(self, error: Exception) -> ChannelInputError:
        return ChannelInputError(
            f"{self.path}: cannot be read as a .mat file, other format or damaged ({one_line(error)})"
        )


def _kind(dtype: np.dtype) -> str:
    if dtype.kind == "c" or dtype.names == ("real", "imag"):
        return "complex"
    return "real" if dtype.kind in "fiu" else "other"


def _single(values: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(values, dtype=np.complex64 if values.dtype.kind == "c" else np.float32)


def _text(shape: tuple[int, ...]) -> str:
    return " x ".join(str(size) for size in shape)
