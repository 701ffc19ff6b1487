"""Builds a data set: shards in worker processes, then one file."""

import logging
import math
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from channels.bounds import size_text
from channels.dataset.file import verify
from channels.dataset.manifest import SPLITS, DatasetManifest, DatasetPlan, differences, input_hashes, summary
from channels.dataset.writer import Shard, StagingFolder, discard, staging_path, write_shard
from channels.errors import ChannelInputError
from channels.source import BLOCK_SIZE, SourceParameters, Split
from linksim.errors import InputError
from linksim.execution.executor import default_workers, local_executor
from linksim.logs import live_console
from linksim.scenario.sources import open_source

_LOGGER = logging.getLogger(__name__)

_PACKAGES = ("linksim", "torch", "sionna-no-rt", "numpy", "h5py")

# A worker process takes seconds to start.
_SAMPLES_WORTH_A_WORKER = 2000


@dataclass(frozen=True)
class BuildRequest:
    """What data set to build.

    Attributes:
        parameters: the source's.
        seed: scenario seed.
        samples: samples of each split.
        n_delay: delay rows kept.
        hf_all: with the public HF_all reference for the test split.
        device: where channels are made.
    """

    parameters: SourceParameters
    seed: int
    samples: Mapping[Split, int]
    n_delay: int
    hf_all: bool
    device: torch.device

    def plan(self) -> DatasetPlan:
        """The plan of the data set.

        Raises:
            InputError: if the source has fewer samples.
            ChannelInputError: if the source cannot be opened, or ``n_delay`` does not fit it.
        """
        source = open_source(self.parameters, self.seed, self.device)
        for split, wanted in self.samples.items():
            available = source.n_samples(split)
            if available is not None and available < wanted:
                name = self.parameters.split_key(split)
                key = f", --set {name}=... what the source has of them" if name else ""
                raise InputError(
                    f"--samples: got {wanted} {split} samples, expected at most the {available} there are "
                    f"(--splits sets the proportions{key})"
                )
        if not 1 <= self.n_delay <= source.grid.n_subcarriers:
            raise InputError(
                f"--n-delay: got {self.n_delay}, expected 1 to {source.grid.n_subcarriers}, the subcarriers"
            )
        return DatasetPlan(
            source=self.parameters.source,
            parameters=self.parameters.model_dump(mode="json"),
            inputs=input_hashes(self.parameters),
            seed=self.seed,
            device="cuda" if self.device.type == "cuda" else "cpu",
            n_delay=self.n_delay,
            samples=dict(self.samples),
            grid=source.grid,
            array=source.array,
            hf_all=self.hf_all,
            command=self._command(),
            versions={name: _version(name) for name in _PACKAGES},
        )

    def _command(self) -> str:
        """The command without what cannot change the data: the output, the number of workers."""
        changed = self.parameters.model_dump(mode="json", exclude_defaults=True)
        words = ["linksim", "dataset", "build", "--source", self.parameters.source]
        for name, value in sorted(changed.items()):
            words += ["--set", f"{name}={value}"]
        counts = [self.samples[split] for split in SPLITS]
        words += ["--samples", str(sum(counts)), "--splits", ",".join(map(str, counts)), "--seed", str(self.seed)]
        words += ["--n-delay", str(self.n_delay), "--device", self.device.type]
        return shlex.join([*words, "--hf-all" if self.hf_all else "--no-hf-all"])


def build(request: BuildRequest, output: Path, *, workers: int | None, batch_size: int, force: bool) -> DatasetManifest:
    """Builds a data set, or the rest of it, or finds that it is there already.

    Args:
        request: what to build.
        output: the file; ``<output>.partial`` beside it holds what is finished while it is built.
        workers: worker processes; ``None`` takes one a core, or one for a GPU.
        batch_size: samples per task, rounded up to whole blocks; changes no digit.
        force: build anew whatever there is.

    Raises:
        InputError: if the output is another data set, or a worker died.
        ChannelInputError: if the source fails, the output is damaged, or the disk is or becomes full.
    """
    if output.is_dir():
        raise InputError(f"--out: got the folder {output}, expected the name of a file")
    plan = request.plan()
    if output.exists() and not force:
        manifest = _existing(output, plan)
        _LOGGER.info("%s: already complete", output)
        discard(staging_path(output))
        return manifest
    staging = StagingFolder(output, plan)
    with staging.opened(anew=force):
        shards = list(_shards(plan, batch_size))
        finished = staging.finished()
        pending = [shard for shard in shards if shard.file_name not in finished]
        _require_space(plan, pending, staging.path, output)
        if len(pending) < len(shards):
            _LOGGER.info("%d of %d shards were finished before", len(shards) - len(pending), len(shards))
        for shard, sha256 in _make(request, pending, staging.path, workers):
            staging.record(shard, sha256)
            finished[shard.file_name] = sha256
        return staging.assemble(shards, finished)


def make_shard(
    parameters: SourceParameters, seed: int, device: torch.device, n_delay: int, folder: Path, shard: Shard
) -> str:
    """Makes a shard and writes its file; runs in a worker.

    Returns:
        Hash of the shard.
    """
    source = open_source(parameters, seed, device)
    split = SPLITS[SPLITS.index(shard.array)] if shard.array in SPLITS else "test"
    parts = []
    for start in range(shard.start, shard.stop, BLOCK_SIZE):
        stop = min(start + BLOCK_SIZE, shard.stop)
        if shard.array == "hf_all":
            part = source.read_hf_all(split, start, stop)
        else:
            part = source.read_truncated(split, start, stop, n_delay)
        if part is None:
            raise ChannelInputError(f"--hf-all: source {parameters.source} has no HF_all, expected --no-hf-all")
        parts.append(part.cpu())
    return write_shard(folder, shard, torch.cat(parts).numpy())


def _make(
    request: BuildRequest, pending: Sequence[Shard], folder: Path, workers: int | None
) -> Iterator[tuple[Shard, str]]:
    common = (request.parameters, request.seed, request.device, request.n_delay, folder)
    columns = (TextColumn("samples"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    total = sum(shard.stop - shard.start for shard in pending)
    count = workers or min(default_workers(request.device), math.ceil(total / _SAMPLES_WORTH_A_WORKER) or 1)
    console = live_console()
    with (
        Progress(*columns, console=console, disable=console is None, transient=True) as progress,
        local_executor(count) as executor,
    ):
        bar = progress.add_task("samples", total=total)
        for number, sha256 in executor.run(make_shard, [(*common, shard) for shard in pending]):
            yield pending[number], sha256
            progress.advance(bar, pending[number].stop - pending[number].start)


def _shards(plan: DatasetPlan, batch_size: int) -> Iterator[Shard]:
    size = BLOCK_SIZE * math.ceil(batch_size / BLOCK_SIZE)
    for name, (count, *_) in plan.shapes.items():
        for start in range(0, count, size):
            yield Shard(name, start, min(start + size, count))


def _require_space(plan: DatasetPlan, pending: Sequence[Shard], folder: Path, output: Path) -> None:
    """Refuses a build that the disk cannot hold: the shards that are missing, and the file made of all shards."""
    n_bytes = {name: 8 * math.prod(shape[1:]) for name, shape in plan.shapes.items()}
    shards = sum((shard.stop - shard.start) * n_bytes[shard.array] for shard in pending)
    needed = shards + sum(shape[0] * n_bytes[name] for name, shape in plan.shapes.items())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"{output}: got {size_text(free)} free on its disk, expected {size_text(needed)}: the file, and its parts "
            "until it is finished; the same command continues"
        )


def _existing(output: Path, plan: DatasetPlan) -> DatasetManifest:
    manifest = verify(output)
    # Whoever has a newer PyTorch has the data set nevertheless.
    identity = set(DatasetPlan.model_fields) - {"command", "versions"}
    found = differences(
        manifest.model_dump(mode="json", include=identity), plan.model_dump(mode="json", include=identity)
    )
    if found:
        raise InputError(f"{output}: exists, made with other parameters: {summary(found)}; --force replaces it")
    return manifest


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
