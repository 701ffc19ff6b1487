"""Numbers inside structs of MATLAB files of version 5 to 7: one, a struct array, or a cell array of structs."""

import math
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from channels.bounds import require_items
from channels.formats.mat5 import Mat5Header, read_header, read_numbers
from channels.formats.mat5_stream import Body, DamagedFileError, body_at, nested_body, opened, read_element, unpack

CELL: Final = 1
STRUCT: Final = 2
OBJECT: Final = 17
_LONGEST_NAMES = 1 << 16
_TAG_BYTES = 8


def read_structs(path: Path, position: int, wanted: frozenset[str]) -> list[dict[str, NDArray[Any]]]:
    """Numeric fields of every struct of a variable, in MATLAB's linear order.

    Args:
        path: the file.
        position: where the variable begins, as ``list_variables`` gives it.
        wanted: names of the fields; the others are passed over.

    Returns:
        Per struct its fields that hold numbers; none for another kind of variable.

    Raises:
        DamagedFileError: if the file is truncated or damaged.
        ChannelInputError: if there are too many, or if they unpack to far more than any channels do.
    """
    with opened(path) as (file, order):
        body, _ = body_at(file, order, position, size=file.seek(0, 2))
        structs = _structs(body, order, read_header(body, order), wanted)
        body.close()
        return structs


def _structs(body: Body, order: str, header: Mat5Header, wanted: frozenset[str]) -> list[dict[str, NDArray[Any]]]:
    found: list[dict[str, NDArray[Any]]] = []
    if header.matlab_class == CELL:
        for _ in range(_n_items(body, math.prod(header.shape))):
            inside = nested_body(body, order)
            if inside.left:
                content = read_header(inside, order)
                # A cell array inside a cell array holds no links.
                if content.matlab_class == STRUCT:
                    found += _structs(inside, order, content, wanted)
            inside.close()
    elif header.matlab_class == STRUCT:
        names = _field_names(body, order)
        _n_items(body, math.prod(header.shape) * len(names))
        for _ in range(math.prod(header.shape) if names else 0):
            fields = {}
            for name in names:
                inside = nested_body(body, order)
                if name in wanted and inside.left:
                    content = read_header(inside, order)
                    if content.kind != "other":
                        fields[name] = read_numbers(inside, order, content)
                inside.close()
            found.append(fields)
    return found


def _n_items(body: Body, count: int) -> int:
    """The same number, if there can be so many matrices in what is left."""
    body.require(_TAG_BYTES * count)
    require_items(count, body.what)
    return count


def _field_names(body: Body, order: str) -> list[str]:
    _, packed_length = read_element(body, order, limit=4)
    (length,) = unpack(order + "i", packed_length)
    _, packed = read_element(body, order, limit=_LONGEST_NAMES)
    if length < 1 or len(packed) % length:
        raise DamagedFileError(f"names of fields of {length} bytes each, {len(packed)} in all")
    fields = (packed[start : start + length] for start in range(0, len(packed), length))
    return [field.split(b"\0")[0].decode("ascii", errors="replace") for field in fields]
