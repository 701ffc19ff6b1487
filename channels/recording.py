"""Which samples and snapshots of a finite recording belong to what was asked for."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from channels.dimensions import Snapshots
from channels.errors import ChannelInputError
from channels.source_parameters import SourceParameters, Split


class RecordingParameters(SourceParameters):
    """Parameters of every source that divides one recording into splits; what is left is the test split."""

    train_fraction: float = Field(default=0.0, ge=0, le=1, description="share of the samples for training")
    validation_fraction: float = Field(default=0.0, ge=0, le=1, description="share of the samples for validation")

    def split_key(self, split: Split) -> str | None:
        """The fraction of the split; what training leaves is tested on."""
        return "validation_fraction" if split == "validation" else "train_fraction"

    @model_validator(mode="after")
    def _at_most_all(self) -> Self:
        total = self.train_fraction + self.validation_fraction
        if total > 1:
            raise ValueError(f"train_fraction + validation_fraction: got {total:g}, expected at most 1")
        return self


def split_range(count: int, train_fraction: float, validation_fraction: float, split: Split) -> range:
    """Samples of a split: training first, then validation, the rest is the test split.

    Args:
        count: samples in all.
        train_fraction: share of the training split.
        validation_fraction: share of the validation split.
        split: which split.
    """
    # The small term keeps 0.7 + 0.3 of 10 samples from losing one to rounding.
    ends = [0, int(train_fraction * count + 1e-9)]
    ends += [ends[1] + int(validation_fraction * count + 1e-9), count]
    position = ("train", "validation", "test").index(split)
    return range(ends[position], ends[position + 1])


def recorded_times(snapshots: Snapshots, step_s: float | None, n_recorded: int, path: Path) -> list[int]:
    """Indices of the recorded snapshots that were asked for; the earliest is the first recorded one.

    Args:
        snapshots: what was asked for.
        step_s: time between recorded snapshots, s; ``None`` where the file holds no motion.
        n_recorded: snapshots in the file.
        path: the file, for error messages.

    Raises:
        ChannelInputError: if the file has none at these times.
    """
    if step_s is None:
        if snapshots.n != 1:
            raise ChannelInputError(f"{path}: got {snapshots.n} snapshots, expected 1: the file holds no motion")
        return [0]
    steps = [round(time_s / step_s) for time_s in snapshots.times_s]
    for step, time_s in zip(steps, snapshots.times_s, strict=True):
        if (step == 0) != (time_s == 0) or abs(step * step_s - time_s) > 1e-6 * step_s * max(abs(step), 1):
            raise ChannelInputError(
                f"{path}: got snapshots {abs(time_s):g} s apart, expected a multiple of dt, {step_s:g} s"
            )
    if max(steps) - min(steps) >= n_recorded:
        span_s = max(snapshots.times_s) - min(snapshots.times_s)
        raise ChannelInputError(
            f"{path}: got {snapshots.n} snapshots over {span_s:g} s, "
            f"expected at most {(n_recorded - 1) * step_s:g} s in all"
        )
    return [step - min(steps) for step in steps]
