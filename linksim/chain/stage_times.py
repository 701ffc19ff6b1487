"""Wall time by stage of the chain."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class StageTimes:
    """Seconds spent in each stage, summed over everything that a worker did."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Counts the time inside to a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - started

    def add(self, other: "StageTimes") -> None:
        """Adds what another worker spent."""
        for name, seconds in other.seconds.items():
            self.seconds[name] += seconds
