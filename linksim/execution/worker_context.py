"""What a process that runs tasks keeps from one to the next, so that they do not each build what they share."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
Task = TypeVar("Task", bound=Callable[..., Any])

MOST_OBJECTS = 64
MOST_BYTES = 2**29


class WorkerContext:
    """Objects by what they are made of; those used least recently go first.

    A key says everything that the object depends on, the content of files included, so that what is kept is never out
    of date.

    Args:
        most_objects: how many are kept at most.
        most_bytes: how many bytes they take together at most; the newest stays in any case.
    """

    def __init__(self, most_objects: int = MOST_OBJECTS, most_bytes: int = MOST_BYTES) -> None:
        self._most_objects = most_objects
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, tuple[Any, int]] = OrderedDict()

    def kept(self, key: str, make: Callable[[], T], n_bytes: int = 0) -> T:
        """The object of a key, made if it is not at hand.

        Args:
            key: what it is made of.
            make: makes it.
            n_bytes: about how much memory it takes.
        """
        if key not in self._kept:
            self._kept[key] = (make(), n_bytes)
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and self._is_full():
            self._kept.popitem(last=False)
        found: T = self._kept[key][0]
        return found

    def _is_full(self) -> bool:
        n_bytes = sum(size for _, size in self._kept.values())
        return len(self._kept) > self._most_objects or n_bytes > self._most_bytes


def takes_context(function: Task) -> Task:
    """Marks a task whose first argument is the context of the process that runs it."""
    function.takes_context = True  # type: ignore[attr-defined]
    return function


def run_in(context: WorkerContext, function: Callable[..., Any], task: tuple[Any, ...]) -> Any:
    """``function(*task)``, or ``function(context, *task)`` where it takes one."""
    return function(context, *task) if getattr(function, "takes_context", False) else function(*task)
