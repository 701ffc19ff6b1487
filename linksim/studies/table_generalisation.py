"""What tables of the context codec lose on channels that they never saw: trained here, tested there, for all pairs.

Tables of each source alone, of all sources, and of all but one are tested on every source at several quantiser steps.
What they lose is told against the tables of the tested source itself.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from feedback.compressors.parameters.context import ContextParameters
from feedback.context_codec.codec import ContextCodec, amplitude
from feedback.context_codec.kernel import LevelShape
from feedback.context_codec.layer_codec import LayerCodec
from feedback.context_codec.rotation import panel_rotations
from feedback.context_codec.tables import ContextTables
from linksim.comparison.bjontegaard import compare
from linksim.content_hash import content_hash
from linksim.execution.executor import Executor
from linksim.files import kept_tensors, needed_file, save_tensors
from linksim.preparation.context_tables import channels_key, kept_channels, learn_tables
from linksim.studies.model import MIXED, TableStudy, mixed_without
from linksim.studies.training_case import TrainingCase, training_case

_LOGGER = logging.getLogger(__name__)

# Groups of test channels that are left out in turn for an interval.
_GROUPS = 20
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Mixture:
    """What a set of tables is trained on.

    Attributes:
        label: in the table of results.
        sources: labels of the sources.
    """

    label: str
    sources: tuple[str, ...]

    def case(self, tested_on: str) -> TrainingCase:
        """What it knows of a source."""
        return training_case(self.sources, tested_on)


def mixtures_of(study: TableStudy) -> list[Mixture]:
    """Every source alone, all of them, and all but each; of two sources all but one is the other alone."""
    labels = tuple(study.sources)
    alone = [Mixture(label, (label,)) for label in labels]
    all_but_one = [Mixture(mixed_without(label), tuple(one for one in labels if one != label)) for label in labels]
    return [*alone, Mixture(MIXED, labels), *(all_but_one if len(labels) > 2 else [])]


@dataclass(frozen=True)
class TablePlan:
    """A study, and the files that it keeps: channels, tables, and what they give on a source.

    Attributes:
        study: the document.
        file: where it is from.
        folder: of the study's results.
    """

    study: TableStudy
    file: Path
    folder: Path

    def channels(self, label: str, split: Literal["train", "test"]) -> list[NDArray[np.complex64]]:
        """Channels of a source in the axes of the codec, layer by layer; made where they are not kept."""
        count = self.study.samples if split == "train" else self.study.test_samples
        section = self.study.sources[label]
        return kept_channels(self.file, self.study, label, section, split, count, self.folder / "channels")

    def tables_file(self, mixture: Mixture) -> Path:
        """Where the tables of a mixture are kept."""
        wanted, count = self.study, self.study.samples
        channels = [channels_key(wanted, wanted.sources[label], "train", count) for label in mixture.sources]
        how = [wanted.seed, wanted.hidden_units, wanted.network_steps, ContextParameters.results_version]
        return self.folder / "tables" / f"{content_hash([channels, how])}.safetensors"

    def cell_file(self, mixture: Mixture, tested_on: str) -> Path:
        """Where it is kept what the tables of a mixture give on a source."""
        wanted = self.study
        channels = channels_key(wanted, wanted.sources[tested_on], "test", wanted.test_samples)
        key = content_hash([self.tables_file(mixture).stem, channels, wanted.steps, "layers of a channel together"])
        return self.folder / "cells" / f"{key}.safetensors"


@dataclass(frozen=True)
class TableCell:
    """What tables give on a source.

    Attributes:
        mixture: what the tables were trained on.
        tested_on: label of the source.
        bits: of a layer's report, mean over those of each channel, at each step, ``[steps, n]``.
        error: its squared error over the energy of what is reported, the same mean, ``[steps, n]``.
        samples_seen: channels that the tables were trained on.
    """

    mixture: Mixture
    tested_on: str
    bits: NDArray[np.float64]
    error: NDArray[np.float64]
    samples_seen: int

    def curve(self, kept: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean bits, and NMSE in dB, at each step, over some of the channels ``[n]``."""
        return self.bits[:, kept].mean(axis=1), 10 * np.log10(self.error[:, kept].mean(axis=1))


def run_tables(plan: TablePlan, executor: Executor) -> list[TableCell]:
    """Makes, trains and measures what is not kept yet, and reads all of it.

    Digits depend on the document alone and not on the number of workers, as each task works on one thread.

    Raises:
        InputError: if a source has too few channels.
    """
    cells = [(mixture, label) for mixture in mixtures_of(plan.study) for label in plan.study.sources]
    missing = [cell for cell in cells if kept_tensors(plan.cell_file(*cell)) is None]
    needed = dict.fromkeys(mixture for mixture, _ in missing)
    untrained = [mixture for mixture in needed if kept_tensors(plan.tables_file(mixture)) is None]
    train = dict.fromkeys(label for mixture in untrained for label in mixture.sources)
    test = dict.fromkeys(label for _, label in missing)
    for function, tasks in (
        (make_channels, [*((plan, label, "train") for label in train), *((plan, label, "test") for label in test)]),
        (train_tables_of, [(plan, mixture) for mixture in untrained]),
        (measure_cell, [(plan, *cell) for cell in missing]),
    ):
        for _ in executor.run(function, tasks):
            pass
    return [read_cell(plan, *cell) for cell in cells]


def make_channels(plan: TablePlan, label: str, split: Literal["train", "test"]) -> None:
    """Makes and keeps channels of a source."""
    plan.channels(label, split)


def train_tables_of(plan: TablePlan, mixture: Mixture) -> None:
    """Trains the tables of a mixture, and keeps them with the number of channels that they saw."""
    channels = {label: plan.channels(label, "train") for label in mixture.sources}
    _LOGGER.info("training tables on %s", mixture.label)
    tables = learn_tables(plan.study, channels)
    file, seen = plan.tables_file(mixture), sum(len(layers[0]) for layers in channels.values())
    file.parent.mkdir(parents=True, exist_ok=True)
    numbers = {field.name: torch.from_numpy(getattr(tables, field.name).copy()) for field in fields(tables)}
    save_tensors(file, numbers, {"samples_seen": str(seen)})


def measure_cell(plan: TablePlan, mixture: Mixture, tested_on: str) -> None:
    """Reports a source's test channels with the tables of a mixture at every step, and keeps bits and errors."""
    kept = needed_file(plan.tables_file(mixture))
    tables = ContextTables(**{name: tensor.numpy() for name, tensor in kept.tensors.items()})
    layers = plan.channels(tested_on, "test")
    # Of each step and layer: bits and errors.
    found = [[_reports(plan.study, tables, layer, step) for layer in layers] for step in plan.study.steps]
    bits, error = (np.stack([by_channel([part[k] for part in step]) for step in found]) for k in range(2))
    file = plan.cell_file(mixture, tested_on)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_tensors(file, {"bits": torch.from_numpy(bits), "error": torch.from_numpy(error)}, kept.metadata)


def by_channel(layers: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Means over the layers ``[n]`` of each channel, ``[n]``; all of them, one layer behind the other, where some lack.

    Layers of a channel have a UE in common: an interval that took them for different channels would be too narrow.
    """
    if len({len(layer) for layer in layers}) > 1:
        return np.concatenate(layers)
    means: NDArray[np.float64] = np.mean(layers, axis=0)
    return means


def read_cell(plan: TablePlan, mixture: Mixture, tested_on: str) -> TableCell:
    """A cell that was measured.

    Raises:
        InputError: if it is missing or damaged.
    """
    kept = needed_file(plan.cell_file(mixture, tested_on))
    bits, error = (kept.tensors[name].numpy() for name in ("bits", "error"))
    return TableCell(mixture, tested_on, bits, error, int(kept.metadata["samples_seen"]))


def table_losses(cells: Sequence[TableCell]) -> pd.DataFrame:
    """Losses against the tables of the tested source alone, one row a cell.

    Returns:
        Columns ``trained_on``, ``tested_on``, ``case``; ``bits_percent``, more bits at equal NMSE, and ``loss_db``,
        NMSE at equal bits, each with its 95 % interval over test channels, ``_low`` and ``_high``; ``bits_from`` and
        ``bits_to``, which the latter is a mean over; ``n`` test channels; ``samples_seen`` in training.
    """
    own = {cell.tested_on: cell for cell in cells if cell.mixture.case(cell.tested_on) == "same"}
    return pd.DataFrame([_row(cell, own[cell.tested_on]) for cell in cells])


def table_points(study: TableStudy, cells: Sequence[TableCell]) -> pd.DataFrame:
    """Mean bits and NMSE of every cell at every step, what the losses are made of."""
    rows = []
    for cell in cells:
        curve = zip(study.steps, *cell.curve(np.ones(cell.bits.shape[1], np.bool_)), strict=True)
        for step, bits, nmse_db in curve:
            place = {"trained_on": cell.mixture.label, "tested_on": cell.tested_on, "step": step}
            rows.append({**place, "bits": bits, "nmse_db": nmse_db, "n": cell.bits.shape[1]})
    return pd.DataFrame(rows)


def _row(cell: TableCell, own: TableCell) -> dict[str, Any]:
    from scipy.stats import t

    n = cell.bits.shape[1]
    every = np.ones(n, np.bool_)
    # An interval by the jackknife over groups of channels, which both tables have in common (Efron, The Jackknife, the
    # Bootstrap and Other Resampling Plans, 1982, doi:10.1137/1.9781611970319).
    groups = np.arange(n) % _GROUPS
    without = np.array([_losses(cell, own, groups != group)[:2] for group in range(_GROUPS)])
    spread = np.sqrt((_GROUPS - 1) / _GROUPS * np.square(without - without.mean(axis=0)).sum(axis=0))
    percent, loss_db, bits_from, bits_to = _losses(cell, own, every)
    half = float(t.ppf((1 + _CONFIDENCE) / 2, _GROUPS - 1)) * spread
    return {
        "trained_on": cell.mixture.label,
        "tested_on": cell.tested_on,
        "case": cell.mixture.case(cell.tested_on),
        "bits_percent": percent,
        "bits_percent_low": percent - half[0],
        "bits_percent_high": percent + half[0],
        "loss_db": loss_db,
        "loss_db_low": loss_db - half[1],
        "loss_db_high": loss_db + half[1],
        "bits_from": bits_from,
        "bits_to": bits_to,
        "n": n,
        "samples_seen": cell.samples_seen,
    }


def _losses(cell: TableCell, own: TableCell, kept: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    """More bits at equal NMSE [%], more NMSE at equal bits [dB], and the bits that it is a mean over.

    NaN where the two curves have nothing in common.
    """
    (bits, nmse_db), (own_bits, own_nmse_db) = cell.curve(kept), own.curve(kept)
    found = compare(bits, -nmse_db, own_bits, -own_nmse_db)
    percent = math.nan if found.bits_ratio is None else 100 * (found.bits_ratio - 1)
    loss_db = math.nan if found.gain is None else 0.0 - found.gain
    return percent, loss_db, *(found.bits or (math.nan, math.nan))


def _reports(
    study: TableStudy, tables: ContextTables, matrices: NDArray[np.complex64], step: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bits, and squared error over energy, of each report of matrices ``[n, rows, layers, tilts, columns]``."""
    shape = LevelShape(*matrices.shape[1:])
    if study.csi == "matrix":
        codec = ContextCodec(shape, step=step, tables=tables)
        bits, lengths = codec.encode(matrices)
        found: NDArray[Any] = codec.decode(bits, lengths)[0]
    else:
        # Rotated already; what tells the rotation counts.
        layers = LayerCodec(shape, 1, panel_rotations(shape.tilts, shape.columns), step=step, tables=tables)
        size = amplitude(matrices.astype(np.complex128))[:, None, None, None, None]
        bits, lengths = layers.encode((matrices / size)[:, None], np.zeros((len(matrices), 1), np.int64))
        found = layers.decode(bits, lengths)[0][:, 0] * size
    axes = (1, 2, 3, 4)
    energy = np.square(np.abs(matrices.astype(np.complex128))).sum(axes)
    error: NDArray[np.float64] = np.square(np.abs(found - matrices)).sum(axes) / energy
    return lengths.astype(np.float64), error
