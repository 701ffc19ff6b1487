"""Compares runs, or the compressors of one run, sample by sample on the channels that they share.

Two points are compared where sweep and axis values agree. What has to agree beside them is the world: channel, downlink
SNR and feedback delay. What may differ is how the report is made: compressors, quantisers, estimation, training.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from linksim.comparison.nothing_compared import nothing_compared
from linksim.comparison.paired_difference import (
    Difference,
    counts_some,
    has_values,
    in_both,
    paired_difference,
    sample_estimate,
    unpaired_difference,
)
from linksim.comparison.run_samples import RunSamples, describe_point
from linksim.errors import InputError
from linksim.metrics import METRICS
from linksim.reserved_names import NO_COMPRESSOR
from linksim.scenario.axis import AXIS_COLUMNS
from linksim.scenario.sweep import Point, axis_values
from linksim.scenario.swept_value import SweptValue
from linksim.storage.results_table import axis_column
from linksim.storage.sample_values import SampleValues

# Keys of a point's scenario that make the channels and their use.
_CHANNEL_KEYS = ("channel", "snr_db", "link_budget", "feedback.delay_s")
# Keys that say nothing of how reports are made.
_NOT_COMPARED = ("name", "description", "device", "zoo", "sweeps", "monte_carlo.batch_size", "metrics")
# Differences of scenarios that a note names one by one.
_MAX_LISTED = 6
# Between channels computed on different devices; two independent channels agree by chance once in 1/this samples.
_SAME_CHANNEL = 1e-3


@dataclass(frozen=True)
class Pair:
    """Two compressors to compare.

    Attributes:
        run: run of the one.
        compressor: its label.
        reference_run: run of the other.
        reference: its label.
    """

    run: RunSamples
    compressor: str
    reference_run: RunSamples
    reference: str


@dataclass(frozen=True)
class RunComparison:
    """What came of a comparison.

    Attributes:
        rows: one row per (sweep, point, pair, metric): ``sweep``, axes, ``run``, ``compressor``, ``reference_run``,
            ``reference``, ``metric``, ``unit``, ``value_run``, ``value_reference``, ``value`` (the difference),
            ``ci_low``, ``ci_high``, ``n``, ``paired``.
        notes: what a reader has to know, one line each.
        varying: by sweep, columns of the axes that the runs vary in it, whether or not there are several differences.
    """

    rows: pd.DataFrame
    notes: tuple[str, ...]
    varying: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def compare_runs(runs: Sequence[RunSamples], against: str | None, metrics: Sequence[str]) -> RunComparison:
    """Differences of every run to the first, compressor by compressor, or of every compressor to one of the first run.

    Args:
        runs: one or more runs, the first of which is the reference.
        against: label of a compressor of the first run; by default the same label as in the other run.
        metrics: metrics to compare; all that the runs share if empty.

    Raises:
        InputError: if the runs share no points, channels or compressors, or lack per-sample values; one line.
    """
    pairs = _pairs(runs, against)
    notes: list[str] = [note for run in runs[1:] for note in _differences(runs[0], run)]
    rows: list[dict[str, Any]] = []
    for run in runs:
        chosen = [pair for pair in pairs if pair.run is run]
        if chosen:
            rows += _run_rows(runs[0], run, chosen, metrics, notes)
    if not rows:
        raise nothing_compared(runs, [label for pair in pairs for label in (pair.reference, pair.compressor)], metrics)
    table = pd.DataFrame(rows)
    for axis in {axis for run in runs for point in run.points.values() for axis in point.axes} & set(table):
        table[axis] = axis_column(table[axis])
    return RunComparison(table, tuple(dict.fromkeys(notes)), _varying(runs))


def _varying(runs: Sequence[RunSamples]) -> dict[str, tuple[str, ...]]:
    """Columns of the axes that vary within a sweep of any run."""
    found: dict[str, dict[str, set[object]]] = {}
    for run in runs:
        for point in run.points.values():
            columns = {axis: value for axis, value in point.axes.items() if axis not in AXIS_COLUMNS}
            for column, value in {**axis_values(point.scenario), **columns}.items():
                found.setdefault(point.sweep, {}).setdefault(column, set()).add(value)
    return {sweep: tuple(column for column, values in axes.items() if len(values) > 1) for sweep, axes in found.items()}


def _pairs(runs: Sequence[RunSamples], against: str | None) -> list[Pair]:
    first = runs[0]
    labels = {run.label: [entry.label or entry.name for entry in run.scenario.compressors] for run in runs}
    if against is not None:
        if against not in labels[first.label]:
            raise InputError(f"--against: got {against!r}, expected one of {', '.join(labels[first.label])}")
        pairs = [
            Pair(run, label, first, against)
            for run in runs
            for label in labels[run.label]
            if (run, label) != (first, against)
        ]
    elif len(runs) == 1:
        raise InputError(f"got the one run {first.folder}, expected a second one, or --against COMPRESSOR")
    else:
        pairs = [
            Pair(run, label, first, label)
            for run in runs[1:]
            for label in labels[run.label]
            if label in labels[first.label]
        ]
        pairs += [Pair(run, NO_COMPRESSOR, first, NO_COMPRESSOR) for run in runs[1:] if pairs]
    for run in runs[1:]:
        if not any(pair.run is run for pair in pairs):
            raise InputError(
                f"{run.folder}: got compressors {', '.join(labels[run.label])}, expected one of {first.label}'s "
                f"{', '.join(labels[first.label])}, or --against COMPRESSOR"
            )
    if not pairs:
        raise InputError(f"{first.folder}: got the compressor {against!r} alone, expected another to compare with it")
    return pairs


def _run_rows(
    first: RunSamples, run: RunSamples, pairs: Sequence[Pair], metrics: Sequence[str], notes: list[str]
) -> Iterator[dict[str, Any]]:
    shared = [name for name in first.points if name in run.points]
    if not shared:
        raise InputError(
            f"{run.folder}: got the points {_summary(run)}, expected some of {first.label}'s: {_summary(first)}"
        )
    if len(shared) < max(len(first.points), len(run.points)):
        notes.append(f"{run.label}: {len(shared)} points in common of {len(run.points)} and {len(first.points)}")
    for name in shared:
        point, other = run.points[name], first.points[name]
        _require_same_channel(run, point, first, other)
        samples, references = run.samples(point), first.samples(other)
        if point.scenario.seed == other.scenario.seed:
            samples, references = _in_both(samples, references)
        difference, cut = _method(run, point, samples, first, other, references, notes)
        columns = {key: values[:, :cut] for key, values in samples.columns.items()}
        reference_columns = {key: values[:, :cut] for key, values in references.columns.items()}
        at = [each.indices()[:cut] for each in (samples, references)]
        for pair in pairs:
            for metric in metrics or run.scenario.metrics:
                mine = columns.get((pair.compressor, metric))
                theirs = reference_columns.get((pair.reference, metric))
                if mine is None or theirs is None:
                    continue
                if difference is paired_difference:
                    if counts_some(metric) and not np.array_equal(mine[1], theirs[1]):
                        notes.append(f"{metric}: over the samples that have it on both sides, if any")
                    mine, theirs = in_both(metric, mine, theirs)
                if not (has_values(metric, mine) and has_values(metric, theirs)):
                    continue
                a, b = sample_estimate(metric, mine, at[0]), sample_estimate(metric, theirs, at[1])
                # Both are 0 in dB: their difference is not a number.
                if not math.isnan(a.value - b.value):
                    yield _row(pair, point, metric, (a.value, b.value), difference(a, b))


def _in_both(samples: SampleValues, references: SampleValues) -> tuple[SampleValues, SampleValues]:
    """The samples of each that the other did not leave out."""
    left_out = tuple(sorted({*samples.left_out, *references.left_out}))
    if samples.left_out == references.left_out:
        return samples, references
    one, two = (each.only(~np.isin(each.indices(), left_out), left_out) for each in (samples, references))
    return one, two


def _method(
    run: RunSamples,
    point: Point,
    samples: SampleValues,
    first: RunSamples,
    other: Point,
    references: SampleValues,
    notes: list[str],
) -> tuple[Callable[..., Difference], int | None]:
    """How to take differences, and how many samples to take them over (``None``: all of each)."""
    common = min(len(samples), len(references))
    differ = ~np.isclose(samples.marks[:common], references.marks[:common], rtol=_SAME_CHANNEL, atol=0)
    if not differ.any():
        if len(samples) != len(references):
            notes.append(f"{run.label}: the first {common} samples of {len(samples)} and {len(references)}")
        return paired_difference, common
    if point.scenario.seed == other.scenario.seed:
        raise InputError(
            f"{run.folder}: sample {int(np.argmax(differ))} of {describe_point(point)} is another channel than in "
            f"{first.folder}, expected the same from the same seed: the data or the program have changed"
        )
    notes.append(
        f"{run.label}: not paired: seed {point.scenario.seed} against {other.scenario.seed} makes other channels of "
        "the same kind, so the intervals are those of independent samples (Welch)"
    )
    return unpaired_difference, None


def _require_same_channel(run: RunSamples, point: Point, first: RunSamples, other: Point) -> None:
    mine, theirs = _flat(point), _flat(other)
    for key in {**theirs, **mine}:
        if key.startswith(_CHANNEL_KEYS) and mine.get(key) != theirs.get(key):
            raise InputError(
                f"{run.folder}: {key}: got {mine.get(key)!r}, expected {theirs.get(key)!r} as in {first.folder}: "
                "the runs do not share their channels"
            )


def _differences(first: RunSamples, run: RunSamples) -> Iterator[str]:
    """What sets the runs apart, as one line."""
    documents = [_flat_document(each.scenario.model_dump(mode="json")) for each in (run, first)]
    keys = [key for key in {**documents[1], **documents[0]} if not key.startswith((*_NOT_COMPARED, *_CHANNEL_KEYS))]
    told = [
        f"{key} {documents[0].get(key)} ({documents[1].get(key)})"
        for key in keys
        if documents[0].get(key) != documents[1].get(key)
    ]
    if told:
        more = f" and {len(told) - _MAX_LISTED} more" if len(told) > _MAX_LISTED else ""
        yield f"{run.label} differs from {first.label} in {'; '.join(told[:_MAX_LISTED])}{more}"


def _flat(point: Point) -> dict[str, Any]:
    return _flat_document(point.scenario.model_dump(mode="json"))


def _flat_document(section: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(section, dict) and section:
        return {
            key: value
            for name, part in section.items()
            for key, value in _flat_document(part, f"{prefix}.{name}" if prefix else str(name)).items()
        }
    if isinstance(section, list) and any(isinstance(part, dict) for part in section):
        return {
            key: value
            for number, part in enumerate(section)
            for key, value in _flat_document(part, f"{prefix}.{number}").items()
        }
    return {prefix: section}


def _row(pair: Pair, point: Point, metric: str, values: tuple[float, float], difference: Difference) -> dict[str, Any]:
    return {
        "sweep": point.sweep,
        **axis_values(point.scenario),
        **{axis: value for axis, value in point.axes.items() if axis not in AXIS_COLUMNS},
        "run": pair.run.label,
        "compressor": pair.compressor,
        "reference_run": pair.reference_run.label,
        "reference": pair.reference,
        "metric": metric,
        "unit": METRICS.get_class(metric).unit,
        "value_run": values[0],
        "value_reference": values[1],
        "value": difference.value,
        "ci_low": difference.low,
        "ci_high": difference.high,
        "n": difference.n,
        "paired": "yes" if difference.paired else "no",
    }


def _summary(run: RunSamples) -> str:
    sweeps = run.scenario.sweeps or {"point": {}}
    return "; ".join(
        f"{sweep} ({', '.join(f'{axis} {_listed(values)}' for axis, values in axes.items())})" if axes else sweep
        for sweep, axes in sweeps.items()
    )


def _listed(values: Sequence[SweptValue]) -> str:
    return ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)
