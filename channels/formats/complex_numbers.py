"""Complex numbers as files hold them: native, or pairs of reals."""

from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

NumberKind = Literal["real", "complex", "other"]

# MATLAB and h5py name the parts so.
_PAIRS: Final = (("real", "imag"), ("r", "i"))


def kind_of(dtype: np.dtype) -> NumberKind:
    """What numbers a type stands for; a compound of ``{real, imag}`` or ``{r, i}`` is complex."""
    if dtype.kind == "c" or _is_pair(dtype):
        return "complex"
    return "real" if dtype.kind in "fiu" else "other"


def as_numbers(values: NDArray[Any]) -> NDArray[Any]:
    """The same values, pairs made complex: complex64 of parts of up to 4 bytes, complex128 of longer ones.

    Example:
        >>> as_numbers(np.array([(1, 2)], dtype=[("real", "f4"), ("imag", "f4")]))
        array([1.+2.j], dtype=complex64)
    """
    if not _is_pair(values.dtype):
        return values
    real, imag = values.dtype.names or ()
    is_single = values.dtype[0].kind == "f" and max(values.dtype[0].itemsize, values.dtype[1].itemsize) <= 4
    numbers = np.empty(values.shape, np.complex64 if is_single else np.complex128)
    numbers.real, numbers.imag = values[real], values[imag]
    return numbers


def _is_pair(dtype: np.dtype) -> bool:
    return dtype.names in _PAIRS and all(dtype[part].kind in "fiu" and dtype[part].shape == () for part in (0, 1))
