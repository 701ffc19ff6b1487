"""One line of the table of speeds: ours against the best named peer, measured in the same run."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

# A side is repeated until a round takes so long, so that the clock's resolution does not matter.
_ROUND_SECONDS = 0.2


@dataclass(frozen=True)
class Comparison:
    """Speeds of ours and of a peer.

    Attributes:
        key: its column in ``history.csv``.
        what: what was done.
        ours: how many a second.
        peer: how many a second the peer made.
        peer_name: whose that is.
        unit: what is counted.
    """

    key: str
    what: str
    ours: float
    peer: float
    peer_name: str
    unit: str = "samples/s"

    @property
    def ratio(self) -> float:
        """How many times faster ours is."""
        return self.ours / self.peer


def core_rates(sides: Mapping[str, Callable[[], object]], count: int, rounds: int = 5) -> dict[str, float]:
    """How many a second of core time each side makes, median over rounds.

    Sides take turns, so that other load on the machine meets all; what counts is the time that cores worked on them.

    Args:
        sides: by name, what is measured; each is called once before.
        count: how many one call makes.
        rounds: how often the sides take turns.
    """
    repeats = {}
    for name, call in sides.items():
        call()
        begun = time.process_time()
        call()
        repeats[name] = max(1, round(_ROUND_SECONDS / max(time.process_time() - begun, 1e-6)))
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, call in sides.items():
            begun = time.process_time()
            for _ in range(repeats[name]):
                call()
            seconds[name].append((time.process_time() - begun) / repeats[name])
    return {name: count / median(times) for name, times in seconds.items()}


def best(rates: Mapping[str, float], ours: str) -> tuple[str, float]:
    """Name and rate of the fastest of the others."""
    name = max((other for other in rates if other != ours), key=rates.__getitem__)
    return name, rates[name]
