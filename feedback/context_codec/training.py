"""Training of the context model's tables from channels of any source.

First a small network learns which numbers tell most about a level, then the tables are counted under it, several times
over, as what an encoder chooses depends on what its tables say.
"""

import json
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feedback.context_codec import kernel, rotation, side_information, sizes
from feedback.context_codec.codec import RATE_WEIGHT
from feedback.context_codec.context_network import Observations, train_network
from feedback.context_codec.counting import (
    ContextCounts,
    number_tables,
    predictor_weights,
    probability_numbers,
)
from feedback.context_codec.kernel import CodingRecord, LevelShape
from feedback.context_codec.tables import ContextTables
from feedback.errors import FeedbackInputError
from feedback.files import write_whole

_COUNTING_ROUNDS = 3
_SIZE_BOUNDS = (4, 14, 28, 48, 80, 128, 224)
# Share of the entries that the network sees.
_NETWORK_SHARE = 0.15
# Reports at a time, so that memory stays bounded.
_BLOCK = 100


@dataclass(frozen=True)
class TrainingPlan:
    """What tables are for.

    Attributes:
        steps: the finest and the coarsest step, relative to the scale.
        inputs: inputs of the network beside row and step.
        rotates: whether reports choose a rotation; otherwise the matrices that are given are rotated.
        copies: steps at which every matrix is seen.
    """

    steps: tuple[float, float]
    inputs: int
    rotates: bool
    copies: int


# About 5000 to 40 bits a report of 32 x 32 entries.
MATRICES = TrainingPlan(steps=(0.06, 6.0), inputs=sizes.INPUTS, rotates=True, copies=1)
# About 600 to 20 bits for the eigenvectors of 13 subbands and 32 ports.
EIGENVECTORS = TrainingPlan(steps=(0.5, 8.0), inputs=sizes.INPUTS + sizes.MORE_INPUTS, rotates=False, copies=2)
_INPUTS_OF_FOLLOWING = sizes.INPUTS + sizes.MORE_INPUTS + sizes.BASE_INPUTS


@dataclass(frozen=True)
class FollowingValues:
    """What reports code that build on the one before.

    Attributes:
        shape: of the matrices.
        values: what is left, in 1/256 step, ``[n, entries, 2]``.
        bases: what was taken off, of the same shape.
        step_numbers: ``round(16 log2(step))``, ``[n]``.
    """

    shape: LevelShape
    values: NDArray[np.int32]
    bases: NDArray[np.int32]
    step_numbers: NDArray[np.int32]


def train_tables(
    channels: Mapping[str, NDArray[np.complexfloating]],
    *,
    seed: int,
    hidden_units: int = 5,
    network_steps: int = 5000,
    tell: Callable[[str], None] = lambda line: None,
    plan: TrainingPlan = MATRICES,
) -> ContextTables:
    """Tables for a mixture of channels, all weighted by their number.

    Args:
        channels: angular-delay matrices of each source by its name, ``[n, rows, layers, tilts, columns]``, scaled in
            any way; or coefficients of eigenvectors (``BeamDelay``) in the same axes.
        seed: of steps, weights and batches; the same seed gives the same tables on one thread.
        hidden_units: of the network; each costs the UE about 18 multiply-adds an entry.
        network_steps: of its training.
        tell: called with one progress line.
        plan: what the tables are for.

    Raises:
        FeedbackInputError: if there are no channels, or some are zero or not finite.
    """
    generator = np.random.default_rng(seed)
    sets = [
        _TrainingReports.of(name, matrices, generator, plan)
        for name, matrices in channels.items()
        for _ in range(plan.copies)
    ]
    return _learnt(sets, generator, seed, hidden_units, network_steps, tell, plan.inputs)


def train_following_tables(
    reports: Sequence[FollowingValues],
    *,
    seed: int,
    hidden_units: int = 5,
    network_steps: int = 5000,
    tell: Callable[[str], None] = lambda line: None,
) -> ContextTables:
    """Tables of reports that build on the one before: they see what was taken off.

    Args:
        reports: of each source, all weighted by their number.
        seed: as for ``train_tables``, like the rest.
        hidden_units: of the network.
        network_steps: of its training.
        tell: called with one progress line.

    Raises:
        FeedbackInputError: if there are no reports.
    """
    sets = [_TrainingReports(each.shape, each.values, each.step_numbers, each.bases) for each in reports]
    generator = np.random.default_rng(seed)
    return _learnt(sets, generator, seed, hidden_units, network_steps, tell, _INPUTS_OF_FOLLOWING)


def _learnt(
    sets: Sequence["_TrainingReports"],
    generator: np.random.Generator,
    seed: int,
    hidden_units: int,
    network_steps: int,
    tell: Callable[[str], None],
    inputs: int,
) -> ContextTables:
    if not sets:
        raise FeedbackInputError("tables: got no channels to learn from, expected some")
    fixed = {**number_tables(), "size_bounds": np.array(_SIZE_BOUNDS, np.int16)}
    tables = ContextTables(**fixed, **_even_tables(hidden_units, inputs))
    pairs = [_around(reports.shape, record) for reports in sets for _, record in reports.coded(tables)]
    fixed["predictor"] = predictor_weights(*(np.concatenate(part) for part in zip(*pairs, strict=True)))
    tables = ContextTables(**{**_fields(tables), **fixed})
    seen = [part for reports in sets for part in reports.observations(tables, generator)]
    mixture = Observations(*(np.concatenate([getattr(part, name) for part in seen]) for name in _OBSERVED))
    network = train_network(mixture, hidden_units, network_steps, seed, tell)
    tables = ContextTables(**{**_fields(tables), **fixed, **network})
    for number in range(_COUNTING_ROUNDS):
        tell(f"counting: round {number + 1} of {_COUNTING_ROUNDS}")
        counts = ContextCounts()
        for reports in sets:
            for values, record in reports.coded(tables):
                counts.add(record.levels.reshape(-1, 2), record.contexts.reshape(-1, 2, 4), values.reshape(-1, 2))
        counted = {**counts.decision_tables(), "centroid": counts.centroid_table()}
        tables = ContextTables(**{**_fields(tables), **counted})
    return tables


def save_tables(file: Path, tables: ContextTables, provenance: Mapping[str, Any]) -> None:
    """Writes tables, and a JSON document beside them that says what they are, each whole or not at all."""
    content = tables.to_bytes()
    document = {
        **provenance,
        "sha256": tables.digest,
        "ue_bytes": tables.ue_bytes,
        "macs_per_entry": tables.macs_per_entry(),
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, content)
    write_whole(file.with_suffix(".json"), (json.dumps(document, indent=2) + "\n").encode())


_OBSERVED = ("inputs", "levels", "sizes", "negative")


class _TrainingReports:
    """Matrices of one source, each at a step of its own, rotated, in units of 1/256 step; what was taken off."""

    def __init__(
        self,
        shape: LevelShape,
        values: NDArray[np.int32],
        step_numbers: NDArray[np.int32],
        bases: NDArray[np.int32] | None = None,
    ) -> None:
        self.shape, self.values, self.step_numbers, self.bases = shape, values, step_numbers, bases

    @classmethod
    def of(
        cls, name: str, matrices: NDArray[np.complexfloating], generator: np.random.Generator, plan: TrainingPlan
    ) -> "_TrainingReports":
        if matrices.ndim != 5 or len(matrices) == 0 or not np.isfinite(matrices).all():
            raise FeedbackInputError(
                f"tables: {name}: got channels of shape {list(matrices.shape)}, or NaN or infinity, expected some "
                "of [n, rows, layers, tilts, columns], finite"
            )
        n, shape = len(matrices), LevelShape(*matrices.shape[1:])
        exact = matrices.astype(np.complex128)
        amplitude = np.sqrt((np.abs(exact) ** 2).mean(axis=(1, 2, 3, 4), keepdims=True))
        if (amplitude == 0).any():
            raise FeedbackInputError(f"tables: {name}: got a channel of zeros, expected none")
        step = np.exp(generator.uniform(np.log(plan.steps[0]), np.log(plan.steps[1]), n))
        values = np.zeros((n, shape.entries, 2), np.int32)
        for i in range(n):
            entries = (exact[i] / amplitude[i]).ravel()
            if plan.rotates:
                rotated = rotation.all_rotations(exact[i : i + 1] / amplitude[i]).reshape(1, -1, shape.entries)
                entries = rotated[0, rotation.best_rotation(np.abs(rotated) ** 2, step[i : i + 1])[0]]
            entries = entries * (256 / step[i])
            values[i] = np.rint(np.stack([entries.real, entries.imag], axis=-1))
        numbers = np.array([side_information.step_number(float(one)) for one in step], np.int32)
        return cls(shape, values, numbers)

    def coded(self, tables: ContextTables) -> Iterator[tuple[NDArray[np.int32], CodingRecord]]:
        """Values of a few reports at a time, and what the context model saw of them."""
        for start in range(0, len(self.values), _BLOCK):
            values, numbers = self.values[start : start + _BLOCK], self.step_numbers[start : start + _BLOCK]
            bases = None if self.bases is None else self.bases[start : start + _BLOCK]
            record = CodingRecord.empty(len(values), self.shape.entries, tables.inputs)
            kernel.encode_values(tables, self.shape, values, numbers, RATE_WEIGHT, record, bases)
            yield values, record

    def observations(self, tables: ContextTables, generator: np.random.Generator) -> Iterator[Observations]:
        """A random share of the entries, as the network gets them."""
        logarithm = tables.logarithm.astype(np.int16)
        for block, (_, record) in enumerate(self.coded(tables)):
            report, entry = np.nonzero(generator.random(record.levels.shape[:2]) < _NETWORK_SHARE)
            row = np.minimum(entry // (self.shape.entries // self.shape.rows), sizes.LOGARITHMS - 1)
            about = np.stack([logarithm[row], self.step_numbers[block * _BLOCK + report]], axis=1)
            contexts = record.contexts[report, entry]
            yield Observations(
                np.concatenate([record.inputs[report, entry], about], axis=1).astype(np.int16),
                record.levels[report, entry],
                contexts[..., 2],
                contexts[..., 3] % 2 == 1,
            )


def _around(shape: LevelShape, record: CodingRecord) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Levels around those that are not zero, ``[m, NEIGHBOURS, 2]``, and these, ``[m, 2]``."""
    levels = record.levels.reshape(len(record.levels), *shape, 2)
    around = np.zeros((*levels.shape[:-1], sizes.NEIGHBOURS, 2), np.int16)
    for back in (1, 2, 3):
        around[..., back:, back - 1, :] = levels[..., : max(shape.columns - back, 0), :]
    above = np.zeros_like(levels)
    above[:, 1:] = levels[:, :-1]
    around[..., 3, :] = above
    around[:, 2:, ..., 4, :] = levels[:, :-2]
    around[..., 5, :], around[..., 6, :] = np.roll(above, 1, axis=-2), np.roll(above, -1, axis=-2)
    around[:, :, :, 1:, :, 7, :] = levels[:, :, :, :-1]
    kept = (levels != 0).any(axis=-1)
    return around[kept], levels[kept]


def _even_tables(hidden_units: int, inputs: int = sizes.INPUTS) -> dict[str, NDArray[Any]]:
    """Tables that know nothing: every context is one, and zeros are a little likelier than the rest."""
    s = sizes
    half = probability_numbers(np.array(0.5))
    return {
        "hidden": np.zeros((hidden_units, inputs + 2), np.int16),
        "hidden_bias": np.zeros(hidden_units, np.int16),
        "output": np.zeros((2, hidden_units), np.int16),
        "output_bias": np.zeros(2, np.int16),
        "predictor": np.zeros(s.NEIGHBOURS, np.int16),
        "zero": np.full((s.PRIMARY, s.SECONDARY, s.PREDICTED, s.SEEN), half, np.uint8),
        "agrees": np.full((s.PRIMARY, s.PREDICTED, 2), half, np.uint8),
        "larger": np.full((s.PRIMARY, s.SECONDARY, 2, s.PREDICTED // 2, s.SIZES), half, np.uint8),
        "centroid": np.zeros((s.CENTROIDS + 1, 2, s.PREDICTED, s.PRIMARY, s.SEEN), np.int16),
    }


def _fields(tables: ContextTables) -> dict[str, NDArray[Any]]:
    return {name: getattr(tables, name) for name in ContextTables.__dataclass_fields__}
