"""Parameters of mixtures of sources."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny, ValidationError, field_serializer

from channels.errors import ChannelInputError
from channels.source_parameters import SOURCES, SourceOutline, SourceParameters, Split


def _source_parameters(section: Any) -> Any:
    """A section ``{source: NAME, ...}`` as the parameters of that source."""
    if not isinstance(section, dict):
        return section
    name = section.get("source")
    if not isinstance(name, str) or name == "mixture" or name not in SOURCES:
        known = ", ".join(sorted(str(key) for key in SOURCES.keys() if key != "mixture"))  # noqa: SIM118 - no mapping
        raise ValueError(f"got the source {name!r}, expected one of {known}")
    try:
        return SOURCES.parameters(name).model_validate(section)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{name}.{place}: {first['msg']}") from None


Part = Annotated[SerializeAsAny[SourceParameters], BeforeValidator(_source_parameters)]


class MixtureOutline(SourceOutline):
    """All of a mixture but its channels; carrier and bandwidth are the first part's.

    Args:
        sections: parameters of the parts.
        parts: their sources, or the outlines of these.

    Raises:
        ChannelInputError: if the parts differ in the number of subcarriers or in the array.
    """

    def __init__(self, sections: Sequence[SourceParameters], parts: Sequence[SourceOutline]) -> None:
        self.grid, self.array = parts[0].grid, parts[0].array
        for section, part in zip(sections, parts, strict=True):
            found = (part.grid.n_subcarriers, part.array)
            if found != (self.grid.n_subcarriers, self.array):
                raise ChannelInputError(
                    f"channel.parts: got {found[0]} subcarriers and {found[1]} from {section.source}, expected "
                    f"{self.grid.n_subcarriers} and {self.array} as the first part has"
                )
        self._sections, self._parts = sections, parts

    def n_samples(self, split: Split) -> int | None:
        """As many of each part as the shortest has, ``None`` where all never end."""
        counts = [count for part in self._parts if (count := part.n_samples(split)) is not None]
        return len(self._parts) * min(counts) if counts else None

    def stored_delays(self) -> int | None:
        """The fewest that a part has."""
        return min((rows for part in self._parts if (rows := part.stored_delays()) is not None), default=None)

    def validity_warnings(self) -> list[str]:
        """Those of the parts."""
        named = zip(self._sections, self._parts, strict=True)
        return [f"parts: {section.source}: {line}" for section, part in named for line in part.validity_warnings()]

    def check_samples(self) -> None:
        """Reads all that the parts' files hold once."""
        for part in self._parts:
            part.check_samples()


class MixtureParameters(SourceParameters):
    """A mixture in equal parts."""

    titles = ("mixture",)

    source: Literal["mixture"] = "mixture"
    parts: tuple[Part, ...] = Field(
        min_length=2, description="channel sections of the sources; with equal subcarriers, antennas and UE antennas"
    )

    @property
    def has_path_gain(self) -> bool:
        """Whether all parts have one."""
        return all(part.has_path_gain for part in self.parts)

    def outline(self) -> SourceOutline | None:
        """That of the parts, where all have one."""
        outlines = [outline for part in self.parts if (outline := part.outline()) is not None]
        return MixtureOutline(self.parts, outlines) if len(outlines) == len(self.parts) else None

    @field_serializer("parts")
    def _with_names(self, parts: tuple[SourceParameters, ...]) -> list[dict[str, Any]]:
        # A section without the name of its source, which is its default, would be nobody's.
        return [{"source": part.source, **part.model_dump(mode="json", exclude_defaults=True)} for part in parts]
