"""Stored weights on fresh test channels of the channel that they were trained for, beside the KLT and top-k."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from channels.source import BLOCK_SIZE
from feedback.compressor import COMPRESSORS, Compressor
from feedback.training_set import TrainingSet
from linksim.accumulator import Estimate
from linksim.errors import InputError
from linksim.executor import Executor
from linksim.fitting import fit_generator, load_normalisation, training_description
from linksim.metrics.nmse import NmseDb
from linksim.outcome import energy
from linksim.preparation import Preparation
from linksim.run_folder import RunFolder
from linksim.scenario import Scenario
from linksim.scenario_source import source_of
from linksim.sweep import content_hash
from linksim.worker import truncated_channels
from linksim.zoo import ZooEntry

# What stands beside every network: the linear optimum and plain sparsity.
REFERENCES = ("klt", "topk")

_TASK_SIZE = 5 * BLOCK_SIZE


@dataclass(frozen=True)
class Evaluation:
    """NMSE of one compressor.

    Attributes:
        scenario: scenario that the weights come from.
        compressor: name of the network, or of a reference.
        ratio: compression ratio.
        test: NMSE on test channels with its 95 % interval, dB.
        validation_nmse_db: NMSE on validation channels by which the weights were chosen; ``None`` for references.
        samples_seen: training channels times epochs; ``None`` for references.
        name: the entry's, empty for references.
    """

    scenario: str
    compressor: str
    ratio: float
    test: Estimate
    validation_nmse_db: float | None = None
    samples_seen: int | None = None
    name: str = ""


def evaluate(
    entries: Sequence[ZooEntry],
    samples: int,
    training_samples: int,
    executor: Executor,
    notify: Callable[[str], None],
    seed: int | None = None,
) -> Iterator[Evaluation]:
    """Evaluates entries, those of one channel on the same test channels.

    Args:
        entries: what is evaluated.
        samples: test channels, as many as there are at most.
        training_samples: channels that the KLT is fitted to.
        executor: makes the channels.
        notify: told, in a line each, what takes time.
        seed: of the channels; by default that of each entry's training, whose test channels are none it learnt from.

    Raises:
        InputError: if a document does not describe a channel, or an entry is a plug-in's.
        FeedbackInputError: if weights cannot be loaded.
    """
    if own := next((entry for entry in entries if entry.plugin), None):
        raise InputError(f"{own.file}: weights of {own.plugin}, expected a network that ships; run a scenario instead")
    known = [(entry, _scenario(entry, training_samples, seed)) for entry in entries]
    keyed = sorted(known, key=lambda pair: _channel_key(pair[1]))
    for _, group in groupby(keyed, key=lambda pair: _channel_key(pair[1])):
        yield from _evaluate_channel(list(group), samples, executor, notify)


def _scenario(entry: ZooEntry, training_samples: int, seed: int | None) -> Scenario:
    scenario = entry.scenario()
    training = scenario.training.model_copy(update={"samples": training_samples})
    return scenario.model_copy(update={"training": training, "seed": scenario.seed if seed is None else seed})


def _channel_key(scenario: Scenario) -> str:
    return content_hash([training_description(scenario), scenario.seed])


def _evaluate_channel(
    group: Sequence[tuple[ZooEntry, Scenario]], samples: int, executor: Executor, notify: Callable[[str], None]
) -> Iterator[Evaluation]:
    scenario = group[0][1]
    with TemporaryDirectory() as scratch:
        preparation = Preparation(RunFolder(Path(scratch), scenario), executor, notify, torch.device("cpu"))
        preparation.fit_normalisation(scenario)
        training = preparation.training_set(scenario)
        normalisation = load_normalisation(scenario, preparation.folder.fitted)
    notify(f"making {samples} test channels")
    csi = _test_channels(scenario, samples, executor)
    csi = normalisation.apply(csi, normalisation.scale(csi))
    origin = str(group[0][0].info.training.get("scenario", ""))
    for ratio in sorted({entry.ratio for entry, _ in group}):
        for entry, _ in group:
            if entry.ratio == ratio:
                info = entry.info
                nmse = _nmse(entry.load(), csi)
                yield Evaluation(
                    origin, entry.network, ratio, nmse, info.validation_nmse_db, info.samples_seen, entry.name
                )
        for name in REFERENCES:
            yield Evaluation(origin, name, ratio, _nmse(_reference(name, ratio, scenario, training), csi))


def _test_channels(scenario: Scenario, samples: int, executor: Executor) -> Tensor:
    available = source_of(scenario).n_samples("test")
    count = samples if available is None else min(samples, available)
    if count == 0:
        raise InputError("channel: got no test channels, expected some to evaluate on")
    tasks = [(scenario, "test", start, min(start + _TASK_SIZE, count)) for start in range(0, count, _TASK_SIZE)]
    parts = dict(executor.run(truncated_channels, tasks))
    return torch.cat([torch.from_numpy(parts[number]) for number in range(len(tasks))])


def _reference(name: str, ratio: float, scenario: Scenario, training: TrainingSet) -> Compressor:
    shape = (training.train.shape[1], training.train.shape[2])
    reference_class = COMPRESSORS.get_class(name)
    reference: Compressor = reference_class(
        reference_class.Parameters.model_validate({"name": name, "compression_ratio": ratio}), shape
    )
    reference.fit(training, fit_generator(scenario, name))
    return reference


def _nmse(compressor: Compressor, csi: Tensor) -> Estimate:
    """NMSE over a perfect link; the scale of each matrix cancels."""
    accumulator = NmseDb().accumulator()
    for block in csi.split(BLOCK_SIZE):
        error = block - compressor.decode(compressor.encode(block))
        accumulator.update(energy(error) / energy(block))
    estimate = accumulator.estimate()
    assert estimate is not None
    return estimate
