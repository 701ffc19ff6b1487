"""Runs a scenario: prepares, measures every point, leaves tables and a manifest."""

import logging
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from linksim.chain.stage_times import StageTimes
from linksim.execution.executor import Executor
from linksim.execution.options import ExecutionOptions
from linksim.preparation.dimension_check import check_points
from linksim.preparation.estimator_fit import estimator_records
from linksim.preparation.learning_record import compression_ratios, learning_records, learnt_from, warnings_of
from linksim.preparation.networks import TrainingRun, train_missing
from linksim.preparation.prepare import Preparation
from linksim.preparation.scheme_spec import planned
from linksim.scenario.model import Scenario
from linksim.scenario.sources import device_of
from linksim.scenario.sweep import points_of, replaced_links
from linksim.simulation.complexity import write_complexity
from linksim.simulation.example_matrices import write_example
from linksim.simulation.manifest import manifest_of
from linksim.simulation.measuring import measure_points
from linksim.simulation.reference_curves import write_references
from linksim.simulation.validity import validity_warnings
from linksim.simulation.warnings import RunWarnings, late_energy_warnings
from linksim.storage.partial_results import PartialResults
from linksim.storage.run_folder import RunFolder

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunOptions:
    """How to run, as far as it changes no result.

    Attributes:
        train: train networks whose weights are missing.
        command: what the user typed, for the manifest.
        adopt: folder of partial results that another machine wrote, to be taken over.
        execution: where tasks run.
    """

    train: bool = False
    command: str = ""
    adopt: Path | None = None
    execution: ExecutionOptions = field(default_factory=ExecutionOptions)


def run(scenario: Scenario, out: Path, options: RunOptions, executor: Executor | None = None) -> RunFolder:
    """Runs a scenario, or the rest of it if some of it was run before.

    Args:
        scenario: what to run.
        out: folder of results.
        options: how to run it.
        executor: where tasks run; by default one that is opened as the options say, and closed.

    Returns:
        The run's folder, with the scenario, manifest and results.

    Raises:
        InputError: for a scenario, file or option that cannot be used.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    device = device_of(scenario)
    # What `auto` means is settled here, so that all workers compute on the same kind of device.
    points = [planned(point, device.type) for point in points_of(scenario)]
    check_points(points)
    for line in replaced_links(scenario):
        _LOGGER.info(line)
    folder = RunFolder(out, scenario)
    warnings = RunWarnings()
    warnings.add(validity_warnings(point.scenario for point in points))
    times = StageTimes()

    with options.execution.open_executor(device) if executor is None else nullcontext(executor) as executor:
        preparation = Preparation(folder, executor, device)
        with times.stage("training and fitting"):
            if options.train:
                train_missing(points, preparation, TrainingRun(options.command), folder.path / "training")
            preparation.prepare(points)
        write_references(points, folder)
        warnings.add(preparation.warnings)
        records = learning_records(points)
        warnings.add(line.removeprefix("WARNING: ") for line in warnings_of(records))
        folder.learnt_from, folder.compression_ratios = learnt_from(points), compression_ratios(points)
        estimators = estimator_records((point.scenario for point in points), folder.fitted)
        warnings.add(line for record in estimators for line in record.warnings())
        prepared = {point.key: preparation.prepared(point) for point in points}
        if options.adopt is not None:
            count = PartialResults(folder.points).adopt(options.adopt, [one.content for one in prepared.values()])
            _LOGGER.info("%d partial results taken over from %s", count, options.adopt)
        warnings.add(measure_points(points, prepared, folder, executor, times))
        warnings.add(late_energy_warnings(points, executor))
        write_example(scenario, points, prepared, folder, executor)
    write_complexity(scenario, points, folder.path)
    times.seconds["whole run"] = time.perf_counter() - clock
    folder.write_manifest(
        manifest_of(scenario, started, times, options.command, device, records, estimators, warnings.lines)
    )
    return folder
