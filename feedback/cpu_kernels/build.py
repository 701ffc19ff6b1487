"""The kernels of ``convolution.c``, compiled at first use."""

import ctypes
from functools import cache

from torch import Tensor

from feedback.c_library import load_library

FLAGS = ("-O3", "-march=native", "-fno-trapping-math", "-fno-math-errno", "-fopenmp")

_SHAPE = "samples n_in n_out groups height width kernel_height kernel_width dilation_height dilation_width"
_NORM = "mean scale shift slope du_mean product"


class Shape(ctypes.Structure):
    """Sizes of a convolution, as in the C source."""

    samples: int
    n_out: int
    height: int
    width: int

    _fields_ = [(name, ctypes.c_int) for name in _SHAPE.split()]


class Norm(ctypes.Structure):
    """What the gradient of batch norm needs, per channel, as in the C source; all null without batch norm."""

    _fields_ = [(name, ctypes.c_void_p) for name in _NORM.split()]


def address(tensor: Tensor | None) -> ctypes.c_void_p | None:
    """Where the elements of a contiguous tensor lie."""
    return None if tensor is None else ctypes.c_void_p(tensor.data_ptr())


@cache
def compiled() -> ctypes.CDLL | None:
    """The compiled kernels, or None, with a warning, where they cannot be compiled; found out once in a process."""
    without = "networks run on PyTorch's convolutions, which are slower here"
    return load_library("feedback.cpu_kernels", "convolution.c", FLAGS, without=without)


def kernels() -> ctypes.CDLL:
    """The kernels where they are compiled, as they are for layers that run on them."""
    library = compiled()
    assert library is not None
    return library
