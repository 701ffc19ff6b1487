"""What every metric said of each sample of a point, kept as a file so that runs on the same channels can be paired.

The files hold float64 values in the order of the samples: the same whatever the batch size and the workers. Values
that are equal for all samples are kept once, as are columns that several metrics share.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from linksim.errors import InputError
from linksim.files import DamagedFileError, load_tensors, save_tensors

# (compressor, metric) -> per-sample values [1, n], or numerators and denominators [2, n].
Columns: TypeAlias = Mapping[tuple[str, str], NDArray[np.float64]]

SUFFIX = ".safetensors"
_FOLDER = "samples"


@dataclass(frozen=True)
class SampleValues:
    """The first samples of a point, or of a part of it, without those that no metric counts.

    Attributes:
        marks: modulus of the first entry of each sample's channel, ``[n]``: tells whether two runs share channels.
        columns: what each metric averages, by (compressor, metric), ``[1, n]``, or ``[2, n]`` for a ratio of means.
        left_out: indices of samples that no metric counts, ascending.
    """

    marks: NDArray[np.float64]
    columns: Columns
    left_out: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.marks)

    def indices(self, first: int = 0) -> NDArray[np.int64]:
        """Index of each sample, ``[n]``, of the samples from a first one on."""
        everything = np.arange(first, first + len(self) + len(self.left_out))
        # Of a part that was cut off, samples that were left out may lie behind its end.
        return np.setdiff1d(everything, self.left_out, assume_unique=True)[: len(self)]

    def only(self, kept: NDArray[np.bool_], left_out: tuple[int, ...]) -> "SampleValues":
        """Some of the samples, ``kept`` ``[n]``, and which are left out beside them."""
        return SampleValues(self.marks[kept], {key: values[:, kept] for key, values in self.columns.items()}, left_out)


class SampleRecorder:
    """Collects what metrics add to their accumulators, batch after batch."""

    def __init__(self) -> None:
        self._marks: list[NDArray[np.float64]] = []
        self._left_out: list[int] = []
        self._parts: dict[tuple[str, str], list[NDArray[np.float64]]] = {}

    def mark(self, response: Tensor, left_out: Sequence[int] = ()) -> None:
        """Notes the channels of a batch, ``[batch, ...]``, complex, and the indices of those left out of it."""
        self._left_out += left_out
        self._marks.append(_float64(response.flatten(1)[:, 0].abs()))

    def add(self, compressor: str, metric: str, values: tuple[Tensor, ...]) -> None:
        """Notes the values of a batch, ``[batch]`` each; nothing where there are none."""
        if values:
            self._parts.setdefault((compressor, metric), []).append(np.stack([_float64(part) for part in values]))

    def recorded(self) -> SampleValues:
        """Everything so far."""
        columns = {key: np.concatenate(parts, axis=1) for key, parts in self._parts.items()}
        return SampleValues(np.concatenate(self._marks), columns, tuple(self._left_out))


def samples_file(run: Path, key: str) -> Path:
    """Where a run keeps the per-sample values of the point with this key."""
    return run / _FOLDER / f"{key}{SUFFIX}"


def gather_shards(
    folder: Path, ranges: Iterable[tuple[int, int]], file: Path, labels: Mapping[str, Sequence[str]] | None = None
) -> None:
    """Joins the shards that a point's results are made of, up to the first that is not there; nothing without any.

    Other shards of the folder may hold the same samples with another last digit, from another block.

    Args:
        folder: of a point's partial results.
        ranges: first sample of each shard, and one past its last; together all from sample 0 on.
        file: where they go.
        labels: by what a compressor is kept under in the shards, its labels; by default they are kept under those.
    """
    names = (folder / f"{start}-{stop}{SUFFIX}" for start, stop in sorted(ranges))
    parts = [read_samples(path) for path in takewhile(Path.exists, names)]
    if parts:
        columns = {
            (label, metric): np.concatenate([part.columns[key, metric] for part in parts if len(part)], axis=1)
            for key, metric in next((part.columns for part in parts if len(part)), {})
            for label in ([key] if labels is None else labels.get(key, ()))
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        left = tuple(index for part in parts for index in part.left_out)
        write_samples(file, SampleValues(np.concatenate([part.marks for part in parts]), columns, left))


def write_samples(file: Path, samples: SampleValues) -> None:
    """Writes per-sample values so that a reader, or a kill, never sees half a file."""
    tensors: dict[str, NDArray[np.float64]] = {}
    known: dict[bytes, str] = {}

    def place(column: NDArray[np.float64]) -> str:
        kept = column[:1] if len(column) and (column == column[0]).all() else column
        content = kept.tobytes()
        if content not in known:
            known[content] = str(len(known))
            tensors[known[content]] = np.ascontiguousarray(kept)
        return known[content]

    index = [[*key, [place(column) for column in values]] for key, values in samples.columns.items()]
    document: dict[str, Any] = {"n": len(samples), "marks": place(samples.marks), "columns": index}
    if samples.left_out:
        document["left_out"] = samples.left_out
    columns = {name: torch.from_numpy(column.copy()) for name, column in tensors.items()}
    save_tensors(file, columns, {"samples": json.dumps(document)})


def read_samples(file: Path) -> SampleValues:
    """Reads what ``write_samples`` wrote.

    Raises:
        InputError: if the file is missing, damaged, or holds something else; one line.
    """
    try:
        kept = load_tensors(file)
        document = json.loads(kept.metadata["samples"])
        n = int(document["n"])
        tensors = {name: _expanded(column.numpy(), n) for name, column in kept.tensors.items()}
        columns = {
            (str(compressor), str(metric)): np.stack([tensors[name] for name in names])
            for compressor, metric, names in document["columns"]
        }
        left_out = tuple(sorted({int(index) for index in document.get("left_out", ())}))
        return SampleValues(tensors[document["marks"]], columns, left_out)
    except (OSError, DamagedFileError, ValueError, KeyError, TypeError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
        raise InputError(f"{file}: {reason}, expected per-sample values as `linksim run` keeps them") from None


def _expanded(column: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    if column.dtype != np.float64 or column.shape not in ((1,), (n,)) or not np.isfinite(column).all():
        raise ValueError(f"a column of {column.dtype} {column.shape}, expected {n} finite float64 values")
    return np.broadcast_to(column, (n,))


def _float64(values: Tensor) -> NDArray[np.float64]:
    array: NDArray[np.float64] = values.detach().to("cpu", torch.float64).numpy()
    return array
