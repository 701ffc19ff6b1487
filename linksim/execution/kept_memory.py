"""Memory that an array has left is kept for the next one, where the C library is glibc."""

import ctypes
import os

# Of `mallopt` in malloc.h: what is kept at the end of the heap, what it grows by, and what no longer lies in it.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
# The last is the most that glibc accepts.
_VALUES = {_TRIM_THRESHOLD: 2**30, _TOP_PAD: 2**26, _MMAP_THRESHOLD: 2**25}


def keep_memory() -> None:
    """Lets this process keep up to 1 GiB that it has freed, unless the user has set up glibc's ``malloc``.

    By default it gives back what an array of some megabytes leaves, and the kernel clears every page of the next one.
    """
    if "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "") or any(name.startswith("MALLOC_") for name in os.environ):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        for option, value in _VALUES.items():
            mallopt(option, value)
