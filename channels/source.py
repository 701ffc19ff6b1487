"""The contract of every channel source, and their registry."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, ClassVar, get_args

import torch
from torch import Tensor

from channels.channel_batch import ChannelBatch, Paths, Snapshots
from channels.errors import ChannelInputError
from channels.source_parameters import (
    BLOCK_SIZE,
    SOURCES,
    SourceOutline,
    SourceParameters,
    SourceTraits,
    Split,
    is_path,
)
from channels.statistics.late_energy import LateEnergy, late_energy
from channels.statistics.spreads import path_powers
from channels.transforms.angular_delay import AngularDelayTransform
from channels.transforms.direct_angular_delay import truncated_paths
from channels.transforms.dirichlet_kernel import unit_phasor
from channels.transforms.frequency_response import frequency_response
from channels.transforms.hf_all import angular_reference, reference_grid, refuse_beam_squint

# What reads samples from one to another.
_READS = ("read", "read_truncated", "read_truncated_sequences", "read_hf_all")

__all__ = ["BLOCK_SIZE", "SOURCES", "PathSource", "Source", "SourceParameters", "Split", "is_path"]


class Source(SourceTraits, SourceOutline, ABC):
    """Makes or reads channels. Sample ``i`` of a split depends on the parameters, the seed, and ``i`` alone.

    Attributes:
        Parameters: the pydantic model of the source's section in a scenario.
        parameters: that section.
    """

    Parameters: ClassVar[type[SourceParameters]]
    parameters: Any

    def __init_subclass__(cls, **options: Any) -> None:
        """Every source refuses splits that are none, and ranges without a sample: another name is another stream."""
        super().__init_subclass__(**options)
        for name in _READS:
            if name in vars(cls):
                setattr(cls, name, _of_samples_that_are(vars(cls)[name]))

    @abstractmethod
    def __init__(self, parameters: Any, *, seed: int, device: torch.device) -> None: ...

    @abstractmethod
    def n_samples(self, split: Split) -> int | None:
        """Samples that a split holds, ``None`` for a generator that never ends."""

    def validity_warnings(self) -> list[str]:
        """What lies outside of the range that the channels are stated for, a line each that begins with the key."""
        lines: list[str] = self.parameters.validity_warnings()
        return lines

    def check_samples(self) -> None:
        """Reads all that a file holds once, in bounded memory; nothing to do where channels are made.

        Raises:
            ChannelInputError: if a sample is damaged, or holds NaN.
        """
        for split in get_args(Split):
            count = self.n_samples(split) or 0
            for start in range(0, count, BLOCK_SIZE):
                self._check_stored(split, start, min(start + BLOCK_SIZE, count))

    def _check_stored(self, split: Split, start: int, stop: int) -> None:
        """Reads samples ``start`` to ``stop - 1`` of a split as they are stored, without making channels of them."""

    def late_energy(self, split: Split) -> LateEnergy | None:
        """Energy beyond symbol and cyclic prefix in the first samples of a split, ``None`` where it is not known."""
        return None

    def _first_block(self, split: Split) -> int:
        """Samples to look at."""
        there = self.n_samples(split)
        return BLOCK_SIZE if there is None else min(BLOCK_SIZE, there)

    @abstractmethod
    def read(self, split: Split, start: int, stop: int, snapshots: Snapshots) -> ChannelBatch:
        """Samples ``start`` to ``stop - 1`` of a split.

        Raises:
            ChannelInputError: if a file does not hold what was asked for.
        """

    def read_truncated(self, split: Split, start: int, stop: int, n_delay: int) -> Tensor:
        """Truncated angular-delay matrices of samples ``start`` to ``stop - 1`` at their first snapshot.

        Args:
            split: which split.
            start: first sample.
            stop: one past the last sample.
            n_delay: delay rows kept.

        Returns:
            ``[batch, n_delay, n_ports]``, complex64, as ``AngularDelayTransform.truncate`` makes them.

        Raises:
            ChannelInputError: as ``read`` and ``AngularDelayTransform`` do.
        """
        return self.read_truncated_sequences(split, start, stop, n_delay, Snapshots())[:, 0]

    def read_truncated_sequences(
        self, split: Split, start: int, stop: int, n_delay: int, snapshots: Snapshots
    ) -> Tensor:
        """Truncated angular-delay matrices of samples ``start`` to ``stop - 1`` at every snapshot.

        Sources that know the delays of their paths compute them without the frequency response.

        Args:
            split: which split.
            start: first sample.
            stop: one past the last sample.
            n_delay: delay rows kept.
            snapshots: when.

        Returns:
            ``[batch, n_snapshots, n_delay, n_ports]``, complex64.

        Raises:
            ChannelInputError: as ``read`` and ``AngularDelayTransform`` do.
        """
        transform = AngularDelayTransform(self.grid, self.array, n_delay)
        return transform.truncate(self.read(split, start, stop, snapshots).response)

    def read_hf_all(self, split: Split, start: int, stop: int) -> Tensor | None:
        """The public ``HF_all`` reference of samples ``start`` to ``stop - 1``, ``None`` where a source has none.

        Returns:
            ``[batch, 125, n_ports]``, complex64, bins and unit as in ``channels.transforms.hf_all``.

        Raises:
            ChannelInputError: as ``read`` does.
        """
        return self.read(split, start, stop, Snapshots()).hf_all


def _of_samples_that_are(read: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(read)
    def checked(self: Source, split: Split, start: int, stop: int, *args: Any, **keys: Any) -> Any:
        if split not in get_args(Split):
            raise ChannelInputError(f"split: got {split!r}, expected {', '.join(get_args(Split))}")
        if not 0 <= start < stop:
            raise ChannelInputError(f"samples: got {start} to {stop}, expected a first one from 0 and an end beyond it")
        return read(self, split, start, stop, *args, **keys)

    return checked


class PathSource(Source):
    """A source that makes propagation paths; these are small enough to keep, and the response follows from them.

    Attributes:
        device: where the paths lie.
    """

    device: torch.device

    @abstractmethod
    def read_paths(self, split: Split, start: int, stop: int, snapshots: Snapshots) -> Paths:
        """Paths of samples ``start`` to ``stop - 1`` of a split."""

    def read(self, split: Split, start: int, stop: int, snapshots: Snapshots) -> ChannelBatch:
        """Frequency responses of samples ``start`` to ``stop - 1`` of a split."""
        return self.batch_of(self.read_paths(split, start, stop, snapshots))

    def batch_of(self, paths: Paths) -> ChannelBatch:
        """Frequency responses of paths that ``read_paths`` made."""
        return ChannelBatch(frequency_response(paths, self.grid), coupling_gain_db=paths.coupling_gain_db)

    def read_truncated_sequences(
        self, split: Split, start: int, stop: int, n_delay: int, snapshots: Snapshots
    ) -> Tensor:
        """Truncated angular-delay matrices straight from the paths, ``[batch, n_snapshots, n_delay, n_ports]``."""
        parts = []
        there = self.n_samples(split)
        for block in range(start // BLOCK_SIZE, (stop - 1) // BLOCK_SIZE + 1):
            # Whole blocks, so that the digits of a sample do not depend on the range asked for.
            first = block * BLOCK_SIZE
            end = first + BLOCK_SIZE if there is None else min(first + BLOCK_SIZE, max(there, stop))
            paths = self.read_paths(split, first, end, snapshots)
            matrices = truncated_paths(paths, self.grid, self.array, n_delay)
            parts.append(matrices[max(start - first, 0) : stop - first])
        return torch.cat(parts)

    def late_energy(self, split: Split) -> LateEnergy | None:
        """Energy beyond symbol and cyclic prefix in the first samples of a split."""
        count = self._first_block(split)
        if count == 0:
            return None
        paths = self.read_paths(split, 0, count, Snapshots())
        return late_energy(paths.delays_s, path_powers(paths), self.grid)

    def read_hf_all(self, split: Split, start: int, stop: int) -> Tensor:
        """The public ``HF_all`` reference of samples ``start`` to ``stop - 1``, from their paths."""
        paths = self.read_paths(split, start, stop, Snapshots())
        refuse_beam_squint(paths.band_coefficients is not None)
        grid, offset_hz = reference_grid(self.grid)
        shift = unit_phasor(paths.delays_s.to(torch.float64) * -offset_hz)
        shifted = replace(paths, coefficients=paths.coefficients * shift[:, None, None])
        return angular_reference(frequency_response(shifted, grid)[:, 0], self.grid, self.array)
