"""Building a data set so that it can be killed at any moment, continued, and still comes out the same to the byte.

HDF5 files do not survive a killed writer. So finished shards are files of their own beside the output, listed in a
journal, and the HDF5 file is written in one pass at the end and appears whole under its name.
"""

import contextlib
import fcntl
import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from channels.dataset.file import DTYPE
from channels.dataset.manifest import DatasetManifest, DatasetPlan, differences, parse, summary
from channels.errors import ChannelInputError
from channels.formats.finite_numbers import require_finite
from channels.formats.output_file import hdf5_output, naming

_PLAN = "plan.json"


@dataclass(frozen=True)
class Shard:
    """Samples ``start`` to ``stop - 1`` of an array: a split, or ``hf_all``."""

    array: str
    start: int
    stop: int

    @property
    def file_name(self) -> str:
        """File of the shard."""
        return f"{self.array}-{self.start}-{self.stop}.npy"


class StagingFolder:
    """The folder ``<output>.partial``: the plan, finished shards, and the journal that lists them with their hashes.

    Args:
        output: the data set to be.
        plan: what it is made from.
    """

    def __init__(self, output: Path, plan: DatasetPlan) -> None:
        self.output = output
        self.plan = plan
        self.path = staging_path(output)
        self._journal = self.path / "journal.jsonl"

    @contextlib.contextmanager
    def opened(self, anew: bool = False) -> Iterator[None]:
        """Makes the folder, or takes it up again; nobody else builds the same output meanwhile.

        Args:
            anew: throw away what there is.

        Raises:
            ChannelInputError: if it was begun with another plan, holds something else, or is being written.
        """
        with naming(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        plan_file = self.path / _PLAN
        if not plan_file.exists() and any(self.path.glob("[!.]*")):
            raise ChannelInputError(f"{self.path}: got a folder without plan.json, expected an unfinished build")
        with self._lock() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ChannelInputError(f"{self.path}: in use, expected one build of {self.output} at a time") from None
            if anew:
                _empty(self.path)
            if plan_file.exists():
                self._require_same_plan(plan_file)
            else:
                write_whole(plan_file, self.plan.model_dump_json(indent=2).encode())
            yield

    def _lock(self) -> TextIO:
        path = self.path / ".lock"
        with naming(path):
            return path.open("w")

    def _require_same_plan(self, plan_file: Path) -> None:
        begun: DatasetPlan = parse(DatasetPlan, plan_file.read_bytes(), str(plan_file))
        found = differences(self.plan.model_dump(mode="json"), begun.model_dump(mode="json"))
        if found:
            raise ChannelInputError(
                f"{self.path}: begun with other parameters: {summary(found)}; "
                "give the same command again, or --force to start anew"
            )

    def finished(self) -> dict[str, str]:
        """Hash of each finished shard by its file name; damaged ones are left out."""
        try:
            lines = self._journal.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return {}
        listed: dict[str, str] = {}
        for line in lines:
            # A line that was cut short by a kill counts for nothing.
            with contextlib.suppress(json.JSONDecodeError, KeyError, TypeError):
                entry = json.loads(line)
                listed[str(entry["file"])] = str(entry["sha256"])
        return {name: sha256 for name, sha256 in listed.items() if self._is_intact(name, sha256)}

    def record(self, shard: Shard, sha256: str) -> None:
        """Notes a finished shard in the journal."""
        with naming(self._journal), self._journal.open("a", encoding="utf-8") as journal:
            # The newline comes first: it ends a line that a kill may have cut short.
            journal.write("\n" + json.dumps({"file": shard.file_name, "sha256": sha256}))
            journal.flush()
            os.fsync(journal.fileno())

    def assemble(self, shards: Sequence[Shard], sha256: Mapping[str, str]) -> DatasetManifest:
        """Writes the data set from its shards, puts it in place, and removes the folder.

        Args:
            shards: all shards, each array's in order.
            sha256: hash of each shard by its file name.

        Raises:
            ChannelInputError: if a shard has changed meanwhile, or if the disk is full.
        """
        temporary = self.path / "assembled.h5"
        hashes = {}
        with hdf5_output(temporary, self.output, libver="earliest") as output:
            file = output.file
            for name, shape in self.plan.shapes.items():
                rows = self.plan.rows_per_chunk(name)
                chunks = (rows, *shape[1:]) if shape[0] else None
                dataset = file.create_dataset(name, shape, dtype=DTYPE, chunks=chunks, track_times=False)
                digest, start = hashlib.sha256(), 0
                own = [shard for shard in shards if shard.array == name]
                for values in _in_chunks(self._shards(own, sha256), rows):
                    dataset[start : start + len(values)] = values
                    output.require_written()
                    digest.update(values.tobytes())
                    start += len(values)
                hashes[name] = digest.hexdigest()
            manifest = DatasetManifest(
                **self.plan.model_dump(), sha256=hashes, content_hash=self.plan.hash_content(hashes)
            )
            text = manifest.to_json().encode()
            file.attrs["manifest"] = np.bytes_(text)
            file.attrs["manifest_sha256"] = np.bytes_(hashlib.sha256(text).hexdigest())
        with naming(self.output):
            _replace(temporary, self.output)
        discard(self.path)
        return manifest

    def _shards(self, shards: Sequence[Shard], sha256: Mapping[str, str]) -> Iterator[NDArray[np.complex64]]:
        for shard in shards:
            values = self._load(shard.file_name, sha256[shard.file_name])
            if values is None:
                raise ChannelInputError(
                    f"{self.path / shard.file_name}: changed since it was written, expected nobody else to touch it"
                )
            yield values

    def _is_intact(self, name: str, sha256: str) -> bool:
        return Path(name).name == name and self._load(name, sha256) is not None

    def _load(self, name: str, sha256: str) -> NDArray[np.complex64] | None:
        try:
            values: NDArray[np.complex64] = np.load(self.path / name, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        intact = values.dtype == DTYPE and hashlib.sha256(values.tobytes()).hexdigest() == sha256
        return values if intact else None


def write_shard(folder: Path, shard: Shard, values: NDArray[np.complex64]) -> str:
    """Writes the file of a shard, whole or not at all, and returns the hash of its values.

    Raises:
        ChannelInputError: if there is NaN or infinity among them, or if the disk is full.
    """
    require_finite(values, shard.array, shard.start)
    canonical = np.ascontiguousarray(values, dtype=DTYPE)
    # Through memory: writing itself, NumPy hides why the disk refused.
    content = io.BytesIO()
    np.save(content, canonical, allow_pickle=False)
    write_whole(folder / shard.file_name, content.getvalue())
    return hashlib.sha256(canonical.tobytes()).hexdigest()


def discard(folder: Path) -> None:
    """Removes the folder of an unfinished build, and nothing that is not one."""
    if not (folder / _PLAN).exists():
        return
    _empty(folder)
    with contextlib.suppress(OSError):
        folder.rmdir()


def staging_path(output: Path) -> Path:
    """Folder of an unfinished build."""
    return output.with_name(f"{output.name}.partial")


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file that appears whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with _whole(temporary, path):
        temporary.write_bytes(content)


@contextlib.contextmanager
def _whole(temporary: Path, path: Path) -> Iterator[None]:
    """Puts what the block writes in its place, or leaves nothing of it."""
    try:
        with naming(path):
            yield
            _replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _replace(temporary: Path, path: Path) -> None:
    """Puts a finished file in place, on disk before its name is."""
    _sync(temporary)
    temporary.replace(path)
    _sync(path.parent)


def _empty(folder: Path) -> None:
    """Removes the files of a build, the plan last: a folder without one is not known to be a build's."""
    for file in sorted(folder.iterdir(), key=lambda file: file.name == _PLAN):
        file.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _in_chunks(arrays: Iterator[NDArray[np.complex64]], rows: int) -> Iterator[NDArray[np.complex64]]:
    """The same rows in pieces of ``rows``, so that the file does not depend on how they were cut before."""
    held: list[NDArray[np.complex64]] = []
    for array in arrays:
        joined = np.concatenate([*held, array])
        whole = len(joined) - len(joined) % rows
        for start in range(0, whole, rows):
            yield joined[start : start + rows]
        held = [joined[whole:]]
    if held and len(held[0]):
        yield held[0]
