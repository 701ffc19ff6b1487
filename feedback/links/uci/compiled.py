"""Decoders in C, compiled at first use."""

import ctypes
from functools import cache

from feedback.c_library import load_library

# Without contraction, so that digits depend on no processor.
_FLAGS = ("-O3", "-march=native", "-std=gnu11", "-ffp-contract=off", "-fno-trapping-math", "-fno-math-errno")


@cache
def compiled(name: str, lanes: int = 8) -> ctypes.CDLL | None:
    """A decoder that takes so many codewords, or paths of codewords, at once; 8 suit most processors.

    Returns:
        The library of ``name.c``, or None, with a warning, where it cannot be compiled.
    """
    without = f"the uplink's {name.replace('_', ' ')} runs in PyTorch, which takes tens of times as long"
    flags = (*_FLAGS, f"-DLANES={lanes}")
    return load_library("feedback.links.uci", f"{name}.c", flags, ("lanes.h",), without=without)
