"""Stored weights on fresh test channels of the channel that they were trained for, beside the KLT and top-k."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from channels.source import BLOCK_SIZE
from feedback.codec import Codec
from feedback.compressor import COMPRESSORS, Compressor
from feedback.training.disturbance import Disturbance
from feedback.training_set import TrainingSet
from linksim.chain.samples_without_energy import channels_with_energy
from linksim.content_hash import content_hash
from linksim.errors import InputError
from linksim.execution.executor import Executor
from linksim.metrics.matrix_norms import energy
from linksim.metrics.nmse import NmseDb
from linksim.preparation.codecs import plain_codec
from linksim.preparation.fitting import fit_generator, load_normalisation
from linksim.preparation.prepare import Preparation
from linksim.scenario.identity import weights_document
from linksim.scenario.model import Scenario
from linksim.scenario.outlines import split_hint
from linksim.scenario.sources import source_of
from linksim.scenario.true_channels import truncated_channels
from linksim.statistics.accumulator import Estimate
from linksim.storage.run_folder import RunFolder
from linksim.zoo.entries import ZooEntry, networks_that_ship

_LOGGER = logging.getLogger(__name__)

# What stands beside every network: the linear optimum and plain sparsity.
REFERENCES = ("klt", "topk")

PERFECT = "perfect link"

_TASK_SIZE = 5 * BLOCK_SIZE
# Of the KLT beside networks whose documents do not say how many they learnt from, and beside those that saw more:
# 200 000 gain it 0.1 dB at 1/16 and take many GB.
_TRAINING_SAMPLES, _MOST_TRAINING_SAMPLES = 8000, 20_000


@dataclass(frozen=True)
class Evaluation:
    """NMSE of one compressor.

    Attributes:
        scenario: scenario that the weights come from.
        compressor: name of the network, or of a reference.
        ratio: compression ratio.
        through: what codewords went through, ``perfect link`` for nothing.
        test: NMSE on test channels with its 95 % interval, dB.
        learnt_from: distinct training channels, 0 for what learns nothing; ``None`` where the document does not say.
        validation_nmse_db: NMSE on validation channels by which the weights were chosen, where codewords went through
            the same; ``None`` elsewhere and for references.
        samples_seen: training channels over all epochs; ``None`` for references.
        name: the entry's, empty for references.
    """

    scenario: str
    compressor: str
    ratio: float
    through: str
    test: Estimate
    learnt_from: int | None
    validation_nmse_db: float | None = None
    samples_seen: int | None = None
    name: str = ""


def evaluate(
    entries: Sequence[ZooEntry],
    samples: int,
    training_samples: int | None,
    executor: Executor,
    seed: int | None = None,
) -> Iterator[Evaluation]:
    """Evaluates entries, those of one channel on the same test channels.

    Args:
        entries: what is evaluated.
        samples: test channels, as many as there are at most.
        training_samples: channels that the KLT is fitted to; by default as many as each network beside it learnt from,
            20 000 at the most.
        executor: makes the channels.
        seed: of the channels; by default that of each entry's training, whose test channels are none it learnt from.

    Raises:
        InputError: if a document does not describe a channel, all are of plug-ins, or none reports matrices.
        FeedbackInputError: if weights cannot be loaded.
    """
    entries = networks_that_ship(entries)
    directions = [entry.name for entry in entries if entry.reports_eigenvectors]
    if directions:
        line = f"{', '.join(directions)}: eigenvectors are reported, which have no NMSE; run a scenario for their SGCS"
        if len(directions) == len(entries):
            raise InputError(line)
        _LOGGER.warning("%s", line)
    sequences = [entry.name for entry in entries if entry.learns_over_time]
    if sequences:
        line = f"{', '.join(sequences)}: each report builds on those before; run a scenario for their NMSE over time"
        if len(sequences) == len(entries):
            raise InputError(line)
        _LOGGER.warning("%s", line)
    taking = [entry for entry in entries if not (entry.reports_eigenvectors or entry.learns_over_time)]
    known = [(entry, _scenario(entry, seed)) for entry in taking]
    keyed = sorted(((_channel_key(*pair), pair) for pair in known), key=itemgetter(0))
    for _, group in groupby(keyed, key=itemgetter(0)):
        yield from _evaluate_channel([pair for _, pair in group], samples, training_samples, executor)


def _scenario(entry: ZooEntry, seed: int | None) -> Scenario:
    scenario = entry.scenario()
    return scenario.model_copy(update={"seed": scenario.seed if seed is None else seed})


def _channel_key(entry: ZooEntry, scenario: Scenario) -> str:
    try:
        return content_hash([weights_document(scenario), scenario.seed])
    except OSError as error:
        raise InputError(f"{entry.file}: training.channel: {error.filename}: {error.strerror}") from None


def _evaluate_channel(
    group: Sequence[tuple[ZooEntry, Scenario]],
    samples: int,
    training_samples: int | None,
    executor: Executor,
) -> Iterator[Evaluation]:
    counts = {
        entry.name: training_samples or min(entry.info.learnt_from or _TRAINING_SAMPLES, _MOST_TRAINING_SAMPLES)
        for entry, _ in group
    }
    first = group[0][1]
    training = first.training.model_copy(update={"samples": max(counts.values())})
    scenario = first.model_copy(update={"training": training})
    with TemporaryDirectory() as scratch:
        preparation = Preparation(RunFolder(Path(scratch), scenario), executor, torch.device("cpu"))
        preparation.fit_normalisation(scenario)
        learnt = preparation.training_set(scenario)
        normalisation = load_normalisation(scenario, preparation.folder.fitted)
    _LOGGER.info("making %d test channels", samples)
    csi = _test_channels(scenario, samples, executor)
    # Channels of a smaller number are the first of a larger one.
    sets = {count: TrainingSet(learnt.train[:count], learnt.validation) for count in sorted(set(counts.values()))}
    origin = str(group[0][0].info.training.get("scenario", ""))
    for ratio in sorted({entry.ratio for entry, _ in group}):
        beside = [entry for entry, _ in group if entry.ratio == ratio]
        for disturbance in _disturbances(beside):
            through = PERFECT if disturbance is None else disturbance.text
            taking = [entry for entry in beside if disturbance in (None, _disturbance(entry))]
            for entry in taking:
                info = entry.info
                nmse = _nmse(plain_codec(entry.load(), normalisation), csi, disturbance, scenario)
                validated = info.stored_nmse_db if _disturbance(entry) == disturbance else None
                yield Evaluation(
                    origin,
                    entry.network,
                    ratio,
                    through,
                    nmse,
                    info.learnt_from,
                    validated,
                    info.samples_seen,
                    entry.name,
                )
            if disturbance is not None and disturbance.bits is not None:
                # Of a codeword whose values are not made for this quantiser hardly anything is left.
                continue
            for count in sorted({counts[entry.name] for entry in taking}):
                klt = plain_codec(_reference("klt", ratio, scenario, sets[count]), normalisation)
                there = len(sets[count].train)
                yield Evaluation(origin, "klt", ratio, through, _nmse(klt, csi, disturbance, scenario), there)
            topk = plain_codec(_reference("topk", ratio, scenario, learnt), normalisation)
            yield Evaluation(origin, "topk", ratio, through, _nmse(topk, csi, disturbance, scenario), 0)


def _disturbance(entry: ZooEntry) -> Disturbance | None:
    """What codewords went through in training and validation."""
    section = entry.info.compressor.get("disturbance")
    found = None if section is None else Disturbance.model_validate(section)
    return None if found is None or not found.text else found


def _disturbances(entries: Sequence[ZooEntry]) -> list[Disturbance | None]:
    """A perfect link first, then each that some entries were trained through."""
    return list(dict.fromkeys([None, *map(_disturbance, entries)]))


def _test_channels(scenario: Scenario, samples: int, executor: Executor) -> Tensor:
    available = source_of(scenario).n_samples("test")
    count = samples if available is None else min(samples, available)
    if count == 0:
        where = split_hint(scenario.channel, "test")
        raise InputError(f"channel: got no test channels, expected some to evaluate on{where}")
    tasks = [(scenario, "test", start, min(start + _TASK_SIZE, count)) for start in range(0, count, _TASK_SIZE)]
    parts = dict(executor.run(truncated_channels, tasks))
    csi = torch.cat([torch.from_numpy(parts[number]) for number in range(len(tasks))])
    return channels_with_energy(csi, scenario, "test")


def _reference(name: str, ratio: float, scenario: Scenario, training: TrainingSet) -> Compressor:
    shape = (training.train.shape[1], training.train.shape[2])
    reference_class = COMPRESSORS.get_class(name)
    reference: Compressor = reference_class(
        reference_class.Parameters.model_validate({"name": name, "compression_ratio": ratio}), shape
    )
    reference.fit(training, fit_generator(scenario, name))
    return reference


def _nmse(codec: Codec, csi: Tensor, disturbance: Disturbance | None, scenario: Scenario) -> Estimate:
    """NMSE over a perfect link, or through noise and bits as in training."""
    accumulator = NmseDb().accumulator()
    generator = fit_generator(scenario, "disturbance")
    for block in csi.split(BLOCK_SIZE):
        report = codec.encode(block)
        if disturbance is not None:
            report = replace(report, values=disturbance.apply(report.values, generator))
        error = block - codec.decode(report)
        accumulator.update(energy(error) / energy(block))
    estimate = accumulator.estimate()
    assert estimate is not None
    return estimate
