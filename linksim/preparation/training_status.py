"""How far the trainings of some scenarios are: from their logs and the zoo, whoever runs them and wherever."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from feedback.checkpoint_info import CheckpointInfo, read_info
from feedback.training.state import Progress
from linksim.preparation.needed_weights import needed_weights
from linksim.preparation.networks import log_folder, samples_of
from linksim.preparation.scheme_spec import SchemeSpec
from linksim.preparation.training_log import LOG_FILE, read_log, surpassed_samples
from linksim.scenario.model import Scenario
from linksim.scenario.sweep import points_of

State = Literal["in the zoo", "finished", "begun", "waiting"]


@dataclass(frozen=True)
class NetworkStatus:
    """How far one network is.

    Attributes:
        scenario: name of the scenario that it is trained for.
        network: what it is, with its compression ratio.
        state: ``in the zoo``, at its budget where that is asked for; ``finished`` where the zoo's weights saw less and
            were better; ``begun``, going on or stopped; or ``waiting``.
        budget: training channels that it is to see; ``None`` for a budget of time.
        seen: training channels seen, those of the zoo's weights where training has not begun.
        start_nmse_db: on the validation channels, before training; ``None`` where nothing is known yet.
        best_nmse_db: best so far.
        samples_per_s: training channels a second of wall time; ``None`` where nothing is known yet.
        told_s: seconds since its log was last written; ``None`` where there is none.
        log: folder of its log.
    """

    scenario: str
    network: str
    state: State
    budget: int | None
    seen: int
    start_nmse_db: float | None
    best_nmse_db: float | None
    samples_per_s: float | None
    told_s: float | None
    log: Path

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to be trained."""
        return self.state in ("in the zoo", "finished")


def training_status(scenarios: Sequence[Scenario], out: Path, *, to_budget: bool) -> list[NetworkStatus]:
    """Every network of some scenarios, in the order in which they are trained.

    Args:
        scenarios: the most urgent first.
        out: folder of all results, with the logs below it.
        to_budget: whether what the zoo has after fewer channels than its budget is trained again, as in a campaign.

    Raises:
        InputError: if a log is damaged.
        FeedbackInputError: if a document of the zoo is damaged.
    """
    return [status for scenario in scenarios for status in _statuses(scenario, out, to_budget)]


def seconds_left(statuses: Sequence[NetworkStatus]) -> tuple[float, int]:
    """Time that trainings take which go on or wait, one after the other, at the rates that are known.

    Returns:
        Seconds, and for how many networks no rate is known: none of their kind has begun.
    """
    known: dict[str, float] = {}
    for status in statuses:
        if status.samples_per_s:
            known[_kind(status)] = status.samples_per_s
    left, unknown = 0.0, 0
    for status in statuses:
        if status.is_done:
            continue
        rate = status.samples_per_s or known.get(_kind(status))
        if rate is None or status.budget is None:
            unknown += 1
        else:
            left += max(status.budget - (status.seen if status.state == "begun" else 0), 0) / rate
    return left, unknown


def _of_budget(rows: Sequence[Progress], budget: int | None) -> bool:
    """Whether a log is that of a training with some budget of samples, as far as it says."""
    last = rows[-1] if rows else None
    if last is None or last.spent == 0 or budget is None:
        return True
    return math.isclose(last.samples / last.spent, budget, rel_tol=1e-6)


def _kind(status: NetworkStatus) -> str:
    return status.network.partition(" at CR ")[0]


def _statuses(scenario: Scenario, out: Path, to_budget: bool) -> Iterator[NetworkStatus]:
    for file, spec in needed_weights(points_of(scenario)).items():
        log = log_folder(out, spec, file)
        info = read_info(file) if file.exists() else None
        yield _status(spec, info, read_log(log), log, to_budget)


def _status(
    spec: SchemeSpec, info: CheckpointInfo | None, rows: list[Progress], log: Path, to_budget: bool
) -> NetworkStatus:
    budget = samples_of(spec)
    done = info is not None and (not to_budget or budget is None or info.samples_seen >= budget)
    if not done and not _of_budget(rows, budget):
        # Training begins anew.
        rows = []
    state: State = "in the zoo" if done else "waiting"
    if not done and rows:
        surpassed = info is not None and budget is not None and surpassed_samples(log) >= budget
        state = "finished" if surpassed else "begun"
    if (done or not rows) and info is not None:
        start, best, seen = info.start_nmse_db, info.validation_nmse_db, info.samples_seen
    elif rows:
        start, best, seen = rows[0].validation_nmse_db, min(row.validation_nmse_db for row in rows), rows[-1].samples
    else:
        return NetworkStatus(spec.scenario.name, spec.title, state, budget, 0, None, None, None, None, log)
    rate = rows[-1].samples / rows[-1].seconds if rows and rows[-1].seconds > 0 else None
    told = time.time() - (log / LOG_FILE).stat().st_mtime if rows else None
    return NetworkStatus(spec.scenario.name, spec.title, state, budget, seen, start, best, rate, told, log)
