"""Garbage collection while modules are imported."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Iterator[None]:
    """Within it no garbage is looked for: imports make hundreds of thousands of objects, and nearly all of them stay.

    Searches among them take a fifth of the time of importing PyTorch.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
