"""Stored weights written anew in as few bits as cost next to nothing, into another folder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from feedback.checkpoint import write_checkpoint
from feedback.files import write_whole
from feedback.neural import NeuralCompressor
from feedback.weight_storage import StoredWeights
from linksim.errors import InputError
from linksim.execution.executor import Executor
from linksim.preparation.prepare import Preparation
from linksim.preparation.scheme_spec import scheme_specs
from linksim.preparation.stored_weights import cheapest_storage
from linksim.preparation.weights_origin import START, TEACHER
from linksim.storage.run_folder import RunFolder
from linksim.zoo.entries import DOCUMENT, TENSORS, ZooEntry, networks_that_ship


@dataclass(frozen=True)
class Stored:
    """What became of an entry.

    Attributes:
        name: the entry's.
        storage: how it is written now.
        cost_db: validation NMSE of the weights as stored less that of the entry's.
        bytes_before: size of the entry's tensors.
        bytes_after: size of those written.
    """

    name: str
    storage: str
    cost_db: float
    bytes_before: int
    bytes_after: int


def store(entries: Sequence[ZooEntry], folder: Path, samples: int, executor: Executor) -> Iterator[Stored]:
    """Writes entries anew, one after the other; those that are in few bits or would not become smaller are copied.

    So are those that other weights come from, a teacher or a start, and those that come from others: documents hold the
    hashes of what they come from, and parts that an adaptation left alone are to stay those of the start.

    What an entry's weights lost when they were stored first is not counted.

    Args:
        entries: what is stored anew.
        folder: another one than the entries'; it is made.
        samples: validation channels that the cost is measured on.
        executor: makes the channels.

    Raises:
        InputError: if the folder is one of the entries', all are of plug-ins, or a document does not describe a
            channel.
        FeedbackInputError: if weights cannot be loaded.
    """
    entries = networks_that_ship(entries)
    if any(folder.resolve() == entry.file.parent.resolve() for entry in entries):
        raise InputError(f"--out: got {folder}, expected another folder than that of the weights, which stay")
    sources = {sha256 for entry in entries for sha256 in _origins(entry)}
    for entry in entries:
        linked = entry.info.sha256 in sources or bool(_origins(entry))
        yield _store(entry, folder, None if linked else samples, executor)


def _origins(entry: ZooEntry) -> list[str]:
    """Hashes of the weights that an entry's come from."""
    recorded = (entry.info.training.get(key) for key in (TEACHER, START))
    return [str(origin["sha256"]) for origin in recorded if isinstance(origin, dict) and "sha256" in origin]


def _store(entry: ZooEntry, folder: Path, samples: int | None, executor: Executor) -> Stored:
    file, before = folder / entry.file.name, entry.file.stat().st_size
    stored = None
    if samples is not None and entry.info.storage != "coded":
        stored = _in_few_bits(entry, samples, executor)
    if stored is None or sum(tensor.nbytes for tensor in stored.tensors.values()) >= before:
        folder.mkdir(parents=True, exist_ok=True)
        for suffix in (TENSORS, DOCUMENT):
            write_whole(file.with_suffix(suffix), entry.file.with_suffix(suffix).read_bytes())
        return Stored(entry.name, entry.info.storage, 0.0, before, before)
    info = write_checkpoint(file, entry.info, stored)
    return Stored(entry.name, info.storage, stored.cost_db or 0.0, before, file.stat().st_size)


def _in_few_bits(entry: ZooEntry, samples: int, executor: Executor) -> StoredWeights:
    trained = entry.load()
    assert isinstance(trained, NeuralCompressor)
    scenario = entry.scenario()
    update = {"samples": 1, "network_samples": 1, "validation_samples": samples}
    few = scenario.training.model_copy(update=update)
    (spec,) = scheme_specs(scenario.model_copy(update={"training": few}))
    with TemporaryDirectory() as scratch:
        preparation = Preparation(RunFolder(Path(scratch), scenario), executor, torch.device("cpu"))
        preparation.fit_normalisation(scenario)
        channels = trained.training_matrices(preparation.network_training_set(spec)).validation
        return cheapest_storage(trained, channels)
