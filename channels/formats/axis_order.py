"""In which order a file holds the axes of an array: MATLAB stores columns first, NumPy rows first.

HDF5 has one order. MATLAB's ``save`` writes an array with its axes reversed, and marks it with the attribute
``MATLAB_class``; an array without the mark may be in either order.
"""

from pathlib import Path
from typing import Any, Final, Literal

from channels.errors import ChannelInputError

AxisOrder = Literal["matlab", "numpy"]

ORDER_DESCRIPTION: Final = (
    "order of the axes in an HDF5 or version 7.3 file: matlab (reversed, as MATLAB's save writes them) or numpy (as "
    "h5py writes them); by default as the file's MATLAB attributes or the shape say"
)
_USER_BLOCK: Final = b"MATLAB 7.3"


def is_marked_matlab(member: Any, path: Path) -> bool:
    """Whether MATLAB says that it wrote the dataset or group: by the attribute, or by the header of the file."""
    if "MATLAB_class" in member.attrs:
        return True
    with path.open("rb") as file:
        return file.read(len(_USER_BLOCK)) == _USER_BLOCK


def decided_order(
    wanted: AxisOrder | None, *, marked: bool, fits_matlab: bool, fits_numpy: bool, what: str
) -> AxisOrder:
    """Order of the axes of an array.

    Args:
        wanted: what the key ``layout`` says, ``None`` if it is not given.
        marked: whether the file says that MATLAB wrote the array.
        fits_matlab: whether its shape is possible if MATLAB wrote it.
        fits_numpy: whether its shape is possible if NumPy wrote it.
        what: file and variable, for the error message.

    Returns:
        The order; that of MATLAB where neither is possible.

    Raises:
        ChannelInputError: if both are possible, and neither the key nor the file says which.
    """
    if wanted is not None:
        return wanted
    if fits_matlab and fits_numpy and not marked:
        raise ChannelInputError(
            f"{what}: got no MATLAB_class attribute and a shape that fits both orders of the axes, expected the key "
            "layout: matlab (axes reversed in the file, as MATLAB saves them) or numpy (as h5py writes them)"
        )
    return "numpy" if fits_numpy and not marked else "matlab"
