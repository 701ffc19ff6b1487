"""Layouts in which links of QuaDRiGa lie in files: names of their fields, and which variable holds them."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, TypeVar

from numpy.typing import NDArray

from channels.errors import ChannelInputError
from channels.formats.hdf5 import one_line
from channels.sources.quadriga.link import QuadrigaLink, checked_link

Fields = dict[str, NDArray[Any]]
Found = TypeVar("Found")

EXPECTED: Final = "coeff and delay of qd_channel objects"
# Fields of a qd_channel object, and what qd_channel.mat_save calls them.
SAVED_NAMES: Final = {"coeff": "Coeffs", "delay": "Delays", "center_frequency": "CenterFrequency"}
_SAVED_COEFF: Final = re.compile(r"channel_(\d+)_Coeffs")
_CONVERSION: Final = (
    "got qd_channel objects, which only MATLAB can open, expected structs: s = arrayfun(@(x) struct('coeff', x.coeff, "
    "'delay', x.delay, 'center_frequency', x.center_frequency), c, 'UniformOutput', false); "
    "save('links.mat', 's', '-v7.3')"
)


def saved_links(variables: Iterable[str]) -> list[dict[str, str]]:
    """Links as ``qd_channel.mat_save`` writes them: for each the names of its variables, by field."""
    present = set(variables)
    numbers = sorted((int(match[1]), match[1]) for match in map(_SAVED_COEFF.fullmatch, present) if match)
    links = [{field: f"channel_{number}_{name}" for field, name in SAVED_NAMES.items()} for _, number in numbers]
    return [{field: name for field, name in link.items() if name in present} for link in links]


def only(found: dict[str, Found], names: Iterable[str], variable: str | None, path: Path, has_objects: bool) -> Found:
    """The only variable with links.

    Args:
        found: variables with links.
        names: all variables, for the error message.
        variable: the one asked for, ``None`` for any.
        path: the file.
        has_objects: whether the file holds objects of classes.

    Raises:
        ChannelInputError: if there is none, or more than one.
    """
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        raise ChannelInputError(f"{path}: variable: got none, expected one of {one_line(', '.join(sorted(found)))}")
    if has_objects:
        raise ChannelInputError(f"{path}: {_CONVERSION}")
    got = one_line(", ".join(sorted(filter(None, names)))) or "none"
    where = f" in {variable}" if variable else ""
    raise ChannelInputError(f"{path}: got the variables {got}, expected {EXPECTED}{where}")


def link_of_fields(fields: Fields, path: Path, index: int) -> QuadrigaLink:
    """Checked link of the fields of a ``qd_channel`` object.

    Raises:
        ChannelInputError: as ``checked_link``; also if a field is missing.
    """
    where = f"{path}: link {index + 1}"
    for name in ("coeff", "delay"):
        if name not in fields:
            raise ChannelInputError(f"{where}: got no {name}, expected {EXPECTED}")
    return checked_link(fields["coeff"], fields["delay"], fields.get("center_frequency"), where)
