"""Links of QuaDRiGa in MATLAB files of version 7.3, and in the HDF5 files that its ``hdf5_write`` makes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from channels.bounds import require_items
from channels.errors import ChannelInputError
from channels.formats.axis_order import AxisOrder, decided_order, is_marked_matlab
from channels.formats.hdf5 import in_file, one_line, open_hdf5, plain_member
from channels.formats.hdf5_array import read_whole, require_complete
from channels.sources.quadriga.layout import EXPECTED, SAVED_NAMES, Fields, link_of_fields, only, saved_links
from channels.sources.quadriga.link import QuadrigaLink, fit_together

# The fields of a link with the axes as HDF5 shows them, and whether MATLAB marked them as its own.
_Marked = tuple[Fields, bool]
_Reader = Callable[[h5py.File, int], _Marked]


class Hdf5Links:
    """Links read one at a time.

    Besides the layouts of ``Mat5Links`` that of ``qd_channel.hdf5_write`` (QuaDRiGa-Lib): a group for each link with
    ``coeff_re``, ``coeff_im`` and ``delay``, or with a group of these for each snapshot.

    Args:
        path: the file.
        variable: name of the struct, struct array or cell array of structs; ``None`` for the only one.
        layout: order of the axes in the file; ``None``: as MATLAB's attributes or the shapes of the fields say.

    Attributes:
        n_links: links in the file.

    Raises:
        ChannelInputError: if the file is missing, damaged, or has another layout.
    """

    def __init__(self, path: Path, variable: str | None, layout: AxisOrder | None = None) -> None:
        self._path = path
        self._wanted = layout
        with open_hdf5(path, f"a file with {EXPECTED}") as file:
            self.n_links, self._read = self._layout(file, variable)

    def read(self, index: int) -> QuadrigaLink:
        """The link at an index.

        Raises:
            ChannelInputError: as ``checked_link``; also if it lacks a field, or if the file is damaged.
        """
        with open_hdf5(self._path, f"a file with {EXPECTED}") as file:
            fields, marked = self._read(file, index)
        coeff, delay = fields.get("coeff"), fields.get("delay")
        order: AxisOrder = "matlab"
        if coeff is not None and delay is not None:
            order = decided_order(
                self._wanted,
                marked=marked,
                fits_matlab=fit_together(coeff.shape[::-1], delay.shape[::-1]),
                fits_numpy=fit_together(coeff.shape, delay.shape),
                what=f"{self._path}: link {index + 1}: coeff",
            )
        turned = {name: values.T if order == "matlab" else values for name, values in fields.items()}
        return link_of_fields(turned, self._path, index)

    def _layout(self, file: h5py.File, variable: str | None) -> tuple[int, _Reader]:
        if variable is None:
            written = _written_groups(file)
            if written:
                return len(written), lambda file, index: _written_link(file, written[index])
            saved = saved_links(file)
            if saved:
                return len(saved), lambda file, index: _named_fields(file, saved[index])
        found = {}
        for name in file:
            layout = _struct_layout(file, name) if variable in (None, name) else None
            if layout is not None:
                found[name] = layout
        if variable is None and {"coeff", "delay"} <= set(file):
            found["coeff"] = (1, lambda file, _: _named_fields(file, {name: name for name in SAVED_NAMES}))
        members = [plain_member(file, name) for name in file]
        has_objects = any("MATLAB_object_decode" in member.attrs for member in members if member is not None)
        names = [name for name in file if not name.startswith("#")]
        return only(found, names, variable, self._path, has_objects)


def _struct_layout(file: h5py.File, name: str) -> tuple[int, _Reader] | None:
    """Number of links in a variable and how to read one, ``None`` if it holds no structs with ``coeff``."""
    variable = plain_member(file, name)
    if name.startswith("#"):
        return None
    if isinstance(variable, h5py.Group):
        coeff = plain_member(variable, "coeff")
        if not isinstance(coeff, h5py.Dataset):
            return None
        if not _holds_references(coeff):
            return 1, lambda file, _: _named_fields(file[name], {field: field for field in SAVED_NAMES})
        require_complete(coeff, f"{file.filename}: {name}")
        require_items(coeff.size, f"{file.filename}: {name}")
        return coeff.size, lambda file, index: _referenced_fields(file, name, index)
    if isinstance(variable, h5py.Dataset) and _holds_references(variable):
        require_complete(variable, f"{file.filename}: {name}")
        require_items(variable.size, f"{file.filename}: {name}")
        cells = [reference for reference in variable[()].flat if reference]
        structs = [cell for cell in cells if isinstance(file[cell], h5py.Group) and "coeff" in file[cell]]
        if structs:
            fields = {field: field for field in SAVED_NAMES}
            return len(structs), lambda file, index: _named_fields(file[structs[index]], fields)
    return None


def _holds_references(dataset: h5py.Dataset) -> bool:
    return h5py.check_ref_dtype(dataset.dtype) is h5py.Reference


def _named_fields(group: h5py.Group, names: dict[str, str]) -> _Marked:
    found = {field: plain_member(group, name) for field, name in names.items()}
    members = {field: member for field, member in found.items() if isinstance(member, h5py.Dataset)}
    return {field: _numbers(member) for field, member in members.items()}, _is_marked(members)


def _is_marked(members: dict[str, h5py.Dataset]) -> bool:
    coeff = members.get("coeff")
    return coeff is not None and is_marked_matlab(coeff, Path(coeff.file.filename))


def _referenced_fields(file: h5py.File, name: str, index: int) -> _Marked:
    """Fields of one struct of a struct array: MATLAB stores an array of references for each field."""
    members = {}
    for field in SAVED_NAMES:
        references = plain_member(file[name], field)
        # HDF5 sees the axes reversed, so its order is MATLAB's linear one.
        if isinstance(references, h5py.Dataset) and index < references.size and _holds_references(references):
            target = in_file(file[references[np.unravel_index(index, references.shape)]])
            if isinstance(target, h5py.Dataset):
                members[field] = target
    return {field: _numbers(member) for field, member in members.items()}, _is_marked(members)


def _numbers(dataset: h5py.Dataset) -> NDArray[Any]:
    if "MATLAB_empty" in dataset.attrs:
        return np.empty(0)
    return read_whole(dataset, f"{dataset.file.filename}: {one_line(dataset.name).lstrip('/')}")


def _written_groups(file: h5py.File) -> list[str]:
    """Groups of ``hdf5_write``, in the order of its storage index; empty for another layout."""
    order = plain_member(file, "Order")
    if not isinstance(order, h5py.Dataset) or order.dtype.kind != "u" or "ChannelDims" not in file:
        return []
    require_complete(order, f"{file.filename}: Order")
    require_items(order.size, f"{file.filename}: Order")
    names = [f"channel_{number}" for number in order[()].flat if number]
    return [name for name in names if isinstance(plain_member(file, name), h5py.Group)]


def _written_link(file: h5py.File, name: str) -> _Marked:
    """Fields with the axes as HDF5 shows them: QuaDRiGa's library stores columns first, always."""
    group = file[name]
    n_snapshots = sum(1 for member in group if member.startswith("Snap_"))
    parts = [plain_member(group, f"Snap_{index}") for index in range(n_snapshots)] if n_snapshots else [group]
    gains, delays = [], []
    for part in parts:
        names = {"re": "coeff_re", "im": "coeff_im", "delay": "delay"}
        fields = _named_fields(part, names)[0] if isinstance(part, h5py.Group) else {}
        if {values.ndim for values in fields.values()} != {3} or len(fields) < 3:
            raise ChannelInputError(f"{file.filename}: {name}: expected coeff_re, coeff_im and delay [rx, tx, path]")
        gains.append((fields["re"] + 1j * fields["im"]).T)
        delays.append(fields["delay"].T)
    frequency = group.attrs.get("CenterFrequency")
    link = {"coeff": _stacked(gains).T, "delay": _stacked(delays).T}
    return (link if frequency is None else {**link, "center_frequency": np.asarray(frequency)}), True


def _stacked(snapshots: list[NDArray[Any]]) -> NDArray[Any]:
    """Snapshots with different numbers of paths side by side; paths that are missing get zeros."""
    most = max(values.shape[2] for values in snapshots)
    padded = [np.pad(values, ((0, 0), (0, 0), (0, most - values.shape[2]))) for values in snapshots]
    return np.stack(padded, axis=-1)
