"""Channels of several sources in turn: what one network for all of them is trained on."""

from typing import Annotated, Any, Literal

import torch
from pydantic import BeforeValidator, Field, SerializeAsAny, ValidationError, field_serializer
from torch import Tensor

from channels.channel_batch import ChannelBatch, Snapshots
from channels.errors import ChannelInputError
from channels.source import SOURCES, Source, SourceParameters, Split
from channels.statistics.late_energy import LateEnergy, mean_late_energy


def _source_parameters(section: Any) -> Any:
    """A section ``{source: NAME, ...}`` as the parameters of that source."""
    if not isinstance(section, dict):
        return section
    name = section.get("source")
    if name == "mixture" or name not in SOURCES:
        known = ", ".join(sorted(str(key) for key in SOURCES.keys() if key != "mixture"))  # noqa: SIM118 - no mapping
        raise ValueError(f"got the source {name!r}, expected one of {known}")
    try:
        return SOURCES.get_class(name).Parameters.model_validate(section)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{name}.{place}: {first['msg']}") from None


Part = Annotated[SerializeAsAny[SourceParameters], BeforeValidator(_source_parameters)]


class MixtureParameters(SourceParameters):
    """A mixture in equal parts."""

    source: Literal["mixture"] = "mixture"
    parts: tuple[Part, ...] = Field(
        min_length=2, description="channel sections of the sources; with equal subcarriers, antennas and UE antennas"
    )

    @field_serializer("parts")
    def _with_names(self, parts: tuple[SourceParameters, ...]) -> list[dict[str, Any]]:
        # A section without the name of its source, which is its default, would be nobody's.
        return [{"source": part.source, **part.model_dump(mode="json", exclude_defaults=True)} for part in parts]


@SOURCES.register("mixture")
class MixtureSource(Source):
    """Sample ``i`` is sample ``i // K`` of part ``i mod K``; carrier and bandwidth are the first part's.

    Raises:
        ChannelInputError: if the parts differ in the number of subcarriers or in the array.
    """

    titles = ("mixture",)
    Parameters = MixtureParameters

    def __init__(self, parameters: MixtureParameters, *, seed: int, device: torch.device) -> None:
        self.parameters = parameters
        self.parts = [SOURCES.get_class(part.source)(part, seed=seed, device=device) for part in parameters.parts]
        self.grid, self.array = self.parts[0].grid, self.parts[0].array
        for section, part in zip(parameters.parts, self.parts, strict=True):
            found = (part.grid.n_subcarriers, part.array)
            if found != (self.grid.n_subcarriers, self.array):
                raise ChannelInputError(
                    f"channel.parts: got {found[0]} subcarriers and {found[1]} from {section.source}, expected "
                    f"{self.grid.n_subcarriers} and {self.array} as the first part has"
                )

    def n_samples(self, split: Split) -> int | None:
        """As many of each part as the shortest has, ``None`` where all never end."""
        counts = [count for part in self.parts if (count := part.n_samples(split)) is not None]
        return len(self.parts) * min(counts) if counts else None

    def validity_warnings(self) -> list[str]:
        """Those of the parts."""
        return [f"parts: {part.parameters.source}: {line}" for part in self.parts for line in part.validity_warnings()]

    def check_samples(self) -> None:
        """Reads all that the parts' files hold once."""
        for part in self.parts:
            part.check_samples()

    def late_energy(self, split: Split) -> LateEnergy | None:
        """That of the parts together."""
        found = [part.late_energy(split) for part in self.parts]
        return mean_late_energy([energy for energy in found if energy is not None])

    def read(self, split: Split, start: int, stop: int, snapshots: Snapshots) -> ChannelBatch:
        """Samples ``start`` to ``stop - 1`` of a split."""
        batches = [
            None if first >= end else part.read(split, first, end, snapshots).response
            for part, first, end in self._ranges(start, stop)
        ]
        return ChannelBatch(self._in_turn(batches, start, stop))

    def stored_delays(self) -> int | None:
        """The fewest that a part has."""
        return min((rows for part in self.parts if (rows := part.stored_delays()) is not None), default=None)

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
