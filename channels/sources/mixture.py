"""Channels of several sources in turn: what one network for all of them is trained on."""

import torch
from torch import Tensor

from channels.channel_batch import ChannelBatch, Snapshots
from channels.source import SOURCES, Source, Split
from channels.sources.parameters.mixture import MixtureOutline, MixtureParameters
from channels.statistics.late_energy import LateEnergy, mean_late_energy


@SOURCES.register("mixture")
class MixtureSource(Source):
    """Sample ``i`` is sample ``i // K`` of part ``i mod K``; carrier and bandwidth are the first part's.

    Raises:
        ChannelInputError: if the parts differ in the number of subcarriers or in the array.
    """

    Parameters = MixtureParameters

    def __init__(self, parameters: MixtureParameters, *, seed: int, device: torch.device) -> None:
        self.parameters = parameters
        self.parts = [SOURCES.get_class(part.source)(part, seed=seed, device=device) for part in parameters.parts]
        self._outline = MixtureOutline(parameters.parts, self.parts)
        self.grid, self.array = self._outline.grid, self._outline.array

    def n_samples(self, split: Split) -> int | None:
        """As many of each part as the shortest has, ``None`` where all never end."""
        return self._outline.n_samples(split)

    def stored_delays(self) -> int | None:
        """The fewest that a part has."""
        return self._outline.stored_delays()

    def validity_warnings(self) -> list[str]:
        """Those of the parts."""
        return self._outline.validity_warnings()

    def check_samples(self) -> None:
        """Reads all that the parts' files hold once."""
        self._outline.check_samples()

    def late_energy(self, split: Split) -> LateEnergy | None:
        """That of the parts together."""
        found = [part.late_energy(split) for part in self.parts]
        return mean_late_energy([energy for energy in found if energy is not None])

    def read(self, split: Split, start: int, stop: int, snapshots: Snapshots) -> ChannelBatch:
        """Samples ``start`` to ``stop - 1`` of a split."""
        batches = [
            None if first >= end else part.read(split, first, end, snapshots)
            for part, first, end in self._ranges(start, stop)
        ]
        response = self._in_turn([None if batch is None else batch.response for batch in batches], start, stop)
        if not self.parameters.has_path_gain:
            return ChannelBatch(response)
        gain_db = self._in_turn([None if batch is None else batch.coupling_gain_db for batch in batches], start, stop)
        return ChannelBatch(response, coupling_gain_db=gain_db)

    def read_truncated(self, split: Split, start: int, stop: int, n_delay: int) -> Tensor:
        """Truncated angular-delay matrices as each part makes them, ``[batch, n_delay, n_ports]``, complex64."""
        matrices = [
            None if first >= end else part.read_truncated(split, first, end, n_delay)
            for part, first, end in self._ranges(start, stop)
        ]
        return self._in_turn(matrices, start, stop)

    def _ranges(self, start: int, stop: int) -> list[tuple[Source, int, int]]:
        """Each part with the first and one past the last of its samples."""
        k = len(self.parts)
        return [(part, -((place - start) // k), -((place - stop) // k)) for place, part in enumerate(self.parts)]

    def _in_turn(self, tensors: list[Tensor | None], start: int, stop: int) -> Tensor:
        given = next(tensor for tensor in tensors if tensor is not None)
        mixed = given.new_empty(stop - start, *given.shape[1:])
        for place, tensor in enumerate(tensors):
            if tensor is not None:
                mixed[(place - start) % len(self.parts) :: len(self.parts)] = tensor
        return mixed
