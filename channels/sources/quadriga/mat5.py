"""Links of QuaDRiGa in MATLAB files of version 5 to 7."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from channels.errors import ChannelInputError
from channels.formats.hdf5 import one_line
from channels.formats.mat5 import Mat5Header, list_variables, read_at
from channels.formats.mat5_stream import DamagedFileError
from channels.formats.mat5_struct import CELL, OBJECT, STRUCT, read_structs
from channels.formats.regular_file import require_file
from channels.sources.quadriga.layout import EXPECTED, SAVED_NAMES, Fields, link_of_fields, only, saved_links
from channels.sources.quadriga.link import QuadrigaLink


class Mat5Links:
    """Links as ``qd_channel.mat_save`` writes them, or in structs with the fields ``coeff`` and ``delay``.

    Links of ``mat_save`` are read one at a time; structs all at once, because they lie in one variable.

    Args:
        path: the file.
        variable: name of the struct, struct array or cell array of structs; ``None`` for the only one.

    Attributes:
        n_links: links in the file.

    Raises:
        ChannelInputError: if the file is missing, damaged, or has another layout.
    """

    def __init__(self, path: Path, variable: str | None) -> None:
        self._path = path
        self._structs: list[Fields] = []
        with _readable(path):
            headers = list_variables(path)
            self._positions = {header.name: header.position for header in headers if header.kind != "other"}
            self._saved = [] if variable else saved_links(self._positions)
            if not self._saved:
                self._structs = self._find_structs(headers, variable)
        self.n_links = len(self._saved) or len(self._structs)

    def read(self, index: int) -> QuadrigaLink:
        """The link at an index.

        Raises:
            ChannelInputError: as ``checked_link``; also if it lacks a field, or if the file is damaged.
        """
        return link_of_fields(
            self._numbers(self._saved[index]) if self._saved else self._structs[index], self._path, index
        )

    def _numbers(self, names: dict[str, str]) -> Fields:
        with _readable(self._path):
            return {field: read_at(self._path, self._positions[name]) for field, name in names.items()}

    def _find_structs(self, headers: list[Mat5Header], variable: str | None) -> list[Fields]:
        wanted = frozenset(SAVED_NAMES)
        found: dict[str, list[Fields]] = {}
        for header in headers:
            if header.matlab_class in (CELL, STRUCT) and variable in (None, header.name):
                structs = read_structs(self._path, header.position, wanted)
                if any("coeff" in fields for fields in structs):
                    found[header.name] = structs
        if variable is None and {"coeff", "delay"} <= self._positions.keys():
            found["coeff"] = [self._numbers({name: name for name in wanted & self._positions.keys()})]
        has_objects = any(header.matlab_class == OBJECT for header in headers)
        return only(found, [header.name for header in headers], variable, self._path, has_objects)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    require_file(path, f"a file with {EXPECTED}")
    try:
        yield
    except (DamagedFileError, OSError, MemoryError) as error:
        raise ChannelInputError(
            f"{path}: cannot be read as a .mat or HDF5 file, other format or damaged ({one_line(error)})"
        ) from error
