"""Large arrays of tasks as files that worker processes map: one copy in memory, however many tasks take it."""

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Arrays of fewer bytes are sent to workers as they are.
LEAST_BYTES = 2**20


@dataclass(frozen=True)
class ArrayFile:
    """An array in a file, without a header.

    Attributes:
        path: the file.
        dtype: of the entries, as NumPy writes it.
        shape: of the array, whose last axis lies together.
    """

    path: str
    dtype: str
    shape: tuple[int, ...]

    def open(self) -> NDArray[Any]:
        """The array; what is written into it stays in this process."""
        return np.memmap(self.path, np.dtype(self.dtype), "c", shape=self.shape).view(np.ndarray)


class SharedArrays(ExitStack):
    """Files of the large arrays of tasks, until it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self._folder: Path | None = None
        # By the place of the data, as views of one tensor are arrays of their own; kept, so that no other comes there.
        self._files: dict[tuple[int, str, tuple[int, ...], tuple[int, ...]], tuple[NDArray[Any], ArrayFile | None]] = {}

    def shared(self, task: tuple[Any, ...]) -> tuple[Any, ...]:
        """The task with files in place of its large arrays, as far as there is room for them."""
        return tuple((self._file_of(part) or part) if _is_large(part) else part for part in task)

    def _file_of(self, array: NDArray[Any]) -> ArrayFile | None:
        key = (array.ctypes.data, array.dtype.str, array.shape, array.strides)
        if key not in self._files:
            self._files[key] = (array, self._written(array))
        return self._files[key][1]

    def _written(self, array: NDArray[Any]) -> ArrayFile | None:
        """A file of an array; ``None`` where none can be written."""
        try:
            if self._folder is None:
                self._folder = Path(self.enter_context(tempfile.TemporaryDirectory(prefix="linksim-")))
            path = self._folder / f"{len(self._files)}.raw"
            np.ascontiguousarray(array).tofile(path)
        except OSError:
            return None
        return ArrayFile(str(path), array.dtype.str, array.shape)


def opened(task: tuple[Any, ...]) -> tuple[Any, ...]:
    """The task with arrays in place of their files."""
    return tuple(part.open() if isinstance(part, ArrayFile) else part for part in task)


def _is_large(part: object) -> bool:
    return isinstance(part, np.ndarray) and part.nbytes >= LEAST_BYTES and not part.dtype.hasobject
