"""Data sets in the layout of the public CsiNet files."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import scipy.io
from numpy.typing import NDArray

from channels.dataset.file import DatasetFile
from channels.errors import ChannelInputError
from channels.formats.output_file import hdf5_output, naming

MatVersion = Literal["5", "7.3"]

# File and variable of each array of a data set.
CSINET_FILES: Final = {
    "train": ("DATA_Htrainin.mat", "HT"),
    "validation": ("DATA_Hvalin.mat", "HT"),
    "test": ("DATA_Htestin.mat", "HT"),
    "hf_all": ("DATA_HtestFin_all.mat", "HF_all"),
}

_LARGEST_VERSION_5 = 2**31 - 1
_MATLAB_HEADER = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
_MATLAB_COMPLEX: Final = np.dtype([("real", "<f4"), ("imag", "<f4")])


def export_csinet(dataset: DatasetFile, folder: Path, version: MatVersion, *, overwrite: bool) -> list[Path]:
    """Writes the files of a data set's splits that are not empty.

    Args:
        dataset: the data set.
        folder: where to; made if missing.
        version: MATLAB version of the files; "5" is written from memory, at most 2 GiB a variable, "7.3" streamed.
        overwrite: replace files that are there.

    Returns:
        The files written.

    Raises:
        ChannelInputError: if a file exists, is too large for the version, or does not fit on the disk, or if the data
            set is damaged.
    """
    manifest = dataset.manifest
    names = [name for name, shape in manifest.shapes.items() if shape[0]]
    for name in names:
        file = folder / CSINET_FILES[name][0]
        if file.exists() and not overwrite:
            raise ChannelInputError(f"{file}: exists, --force replaces it")
        n_bytes = 8 * int(np.prod(manifest.shapes[name]))
        if version == "5" and n_bytes > _LARGEST_VERSION_5:
            raise ChannelInputError(
                f"{name}: got {n_bytes / 2**30:.1f} GiB, expected at most 2 GiB in a version 5 file: use 7.3"
            )
    with naming(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return [_export(dataset, name, folder, version) for name in names]


def csinet_images(csi: NDArray[np.complex64]) -> NDArray[np.float32]:
    r"""Images in [0, 1] with 0.5 for zero, each sample scaled by its largest modulus :math:`s`: :math:`0.5 + X / 2 s`.

    Args:
        csi: angular-delay matrices ``[N, Na, Nt]``.

    Returns:
        ``[N, 2 Nt Na]``, row-major ``[2][Nt angles][Na delays]``, real part first.
    """
    largest = np.abs(csi).max(axis=(1, 2), keepdims=True)
    scaled = (csi / np.where(largest > 0, 2 * largest, np.float32(1))).swapaxes(1, 2)
    parts = np.stack((scaled.real, scaled.imag), axis=1) + np.float32(0.5)
    # The modulus is rounded, so that a purely real entry can pass 1 in the last digit.
    return np.clip(parts, 0, 1).astype(np.float32).reshape(len(csi), -1)


def csinet_reference(hf_all: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """``HF_all`` rows ``[N, 125 Nt]``, row-major ``[Nt angles][125 bins]``, of ``[N, 125, Nt]``."""
    return np.ascontiguousarray(hf_all.swapaxes(1, 2)).reshape(len(hf_all), -1)


def _export(dataset: DatasetFile, name: str, folder: Path, version: MatVersion) -> Path:
    file_name, variable = CSINET_FILES[name]
    convert = csinet_reference if name == "hf_all" else csinet_images
    rows: Iterator[NDArray[Any]] = (convert(values) for values in dataset.chunks(name))
    temporary = folder / f".{file_name}.{os.getpid()}"
    try:
        with naming(folder / file_name):
            if version == "5":
                scipy.io.savemat(str(temporary), {variable: np.concatenate(list(rows))}, appendmat=False)
            else:
                _write_version_73(temporary, folder / file_name, variable, rows, dataset.manifest.shapes[name][0])
            temporary.replace(folder / file_name)
    finally:
        temporary.unlink(missing_ok=True)
    return folder / file_name


def _write_version_73(path: Path, name: Path, variable: str, rows: Iterator[NDArray[Any]], count: int) -> None:
    """HDF5 as MATLAB 7.3 writes it: a user block of 512 bytes, axes reversed, classes as attributes."""
    with hdf5_output(path, name, userblock_size=512, libver="earliest") as output:
        dataset, start = None, 0
        for values in rows:
            stored = _as_matlab(values)
            if dataset is None:
                chunks = (values.shape[1], len(values))
                dataset = output.file.create_dataset(
                    variable, (values.shape[1], count), dtype=stored.dtype, chunks=chunks
                )
                dataset.attrs["MATLAB_class"] = np.bytes_("single")
            dataset[:, start : start + len(values)] = stored
            output.require_written()
            start += len(values)
    with path.open("r+b") as file:
        file.write(_MATLAB_HEADER)


def _as_matlab(values: NDArray[Any]) -> NDArray[Any]:
    columns = np.ascontiguousarray(values.T)
    return columns.view(_MATLAB_COMPLEX) if np.iscomplexobj(values) else columns
