"""What the UE's estimator learns: moments of training channels, summed by tasks, fitted once and kept as a file."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from channels.estimator import ESTIMATORS, Estimator
from channels.source import BLOCK_SIZE
from channels.training_moments import TrainingMoments
from linksim.chain.samples_without_energy import has_energy, left_out_warning, require_energy, require_some
from linksim.execution.executor import Executor
from linksim.files import kept_tensors, needed_file, save_tensors
from linksim.preparation.fitted_file import FittedFile
from linksim.scenario.identity import estimator_fit_key
from linksim.scenario.model import Scenario
from linksim.scenario.outlines import outline_of, require_training_channels
from linksim.scenario.sources import source_of
from linksim.scenario.true_channels import true_response

# Training channels per task.
_TASK_SIZE = 250
# In the file of what was learnt: channels that it was learnt from, and those looked at, some perhaps without energy.
_LEARNT_FROM, _LOOKED_AT = "learnt_from", "looked_at"


@dataclass(frozen=True)
class EstimatorRecord:
    """What an estimator has learnt from.

    Attributes:
        name: the estimator.
        learnt_from: training channels; ``None`` where the file does not say.
        looked_at: those and the ones without energy.
        fewest: channels below which what is learnt is mostly chance.
    """

    name: str
    learnt_from: int | None
    looked_at: int | None
    fewest: int

    def document(self) -> dict[str, Any]:
        """As a mapping that ``json`` can write."""
        return {"estimator": self.name, "learnt_from": self.learnt_from}

    def warnings(self) -> Iterator[str]:
        """What a reader of the results should know, a line each."""
        if self.learnt_from is None or self.looked_at is None:
            return
        if self.learnt_from < self.looked_at:
            yield left_out_warning(self.looked_at - self.learnt_from, self.looked_at, "train")
        if self.learnt_from < self.fewest:
            yield (
                f"estimation: {self.name} learnt from {self.learnt_from} train channels, expected at least "
                f"{self.fewest} for statistics that are more than chance"
            )


def estimator_of(scenario: Scenario) -> Estimator:
    """The estimator of a point, before it has learnt anything."""
    source = outline_of(scenario)
    made: Estimator = ESTIMATORS.get_class(scenario.estimation.name)(scenario.estimation, source.grid, source.array)
    return made


def estimator_file(scenario: Scenario, folder: Path) -> Path:
    """Where the statistics that an estimator knows are kept."""
    return folder / f"estimator-{estimator_fit_key(scenario)}.safetensors"


def fit_estimator(scenario: Scenario, folder: Path, executor: Executor) -> None:
    """Fits and keeps, once, what the estimator of a point learns from its training channels, if it learns.

    Raises:
        InputError: if there are none.
    """
    file = estimator_file(scenario, folder)
    if not scenario.estimation.learns or kept_tensors(file) is not None:
        return
    source = outline_of(scenario)
    wanted = min(scenario.estimation.n_training(source.grid, source.array), scenario.training.samples)
    available = source.n_samples("train")
    count = wanted if available is None else min(wanted, available)
    require_training_channels(scenario)
    tasks = [(scenario, start, min(start + _TASK_SIZE, count)) for start in range(0, count, _TASK_SIZE)]
    parts = dict(executor.run(training_moments, tasks))
    moments: TrainingMoments = parts.pop(0)
    # In the order of the channels: last digits of a sum depend on it.
    for number in sorted(parts):
        moments = moments + parts.pop(number)
    require_some(moments.n, count, scenario, "train")
    estimator = estimator_of(scenario)
    estimator.fit(moments)
    save_tensors(file, estimator.state(), {_LEARNT_FROM: str(moments.n), _LOOKED_AT: str(count)})


def estimator_records(scenarios: Iterable[Scenario], folder: Path) -> list[EstimatorRecord]:
    """What estimators have learnt from, each estimator at each number of channels once.

    Raises:
        InputError: if a file is missing or damaged.
    """
    records = []
    for file, scenario in {estimator_file(one, folder): one for one in scenarios if one.estimation.learns}.items():
        metadata = needed_file(file).metadata
        # A file that another version wrote may not say.
        known, looked_at = metadata.get(_LEARNT_FROM), metadata.get(_LOOKED_AT)
        records.append(
            EstimatorRecord(
                scenario.estimation.name,
                int(known) if known else None,
                int(looked_at) if looked_at else None,
                scenario.estimation.fewest_training,
            )
        )
    return list(dict.fromkeys(records))


def training_moments(scenario: Scenario, start: int, stop: int) -> TrainingMoments:
    """Moments of training channels ``start`` to ``stop - 1`` at rest; those without energy count for nothing."""
    source, spacing = source_of(scenario), estimator_of(scenario).pilot_spacing
    total: TrainingMoments | None = None
    for first in range(start, stop, BLOCK_SIZE):
        response = true_response(scenario, source, "train", first, min(first + BLOCK_SIZE, stop))
        kept = has_energy(response)
        require_energy(kept, scenario, "train", first)
        part = TrainingMoments.of(response[kept], spacing)
        total = part if total is None else total + part
    assert total is not None
    return total


def fitted_estimator(scenario: Scenario, folder: Path) -> FittedFile | None:
    """The file of what the estimator of a point has learnt, ``None`` where it learns nothing.

    Raises:
        InputError: if it is missing or damaged.
    """
    if not scenario.estimation.learns:
        return None
    file = estimator_file(scenario, folder)
    return FittedFile(file, needed_file(file).sha256, file.stat().st_size, "")


def load_estimator(scenario: Scenario, fitted: FittedFile | None) -> Estimator:
    """The estimator of a point with what it has learnt.

    Raises:
        InputError: if the file is missing, damaged, or not what it was when the run was prepared.
    """
    estimator = estimator_of(scenario)
    if fitted is not None:
        estimator.load_state(fitted.needed().tensors)
    return estimator
