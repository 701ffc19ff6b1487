"""What a scenario says of a channel source, and what is known of it before it is opened; without PyTorch."""

from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel

from channels.dimensions import ArrayShape, OfdmGrid
from channels.plugin_section import PluginSection
from channels.registry import Registry
from channels.traits import Traits

SOURCES: Registry[Any] = Registry("channels.sources", "source", key="source")

Split = Literal["train", "validation", "test"]

# Generators that draw many samples per call draw them in blocks of this many, so that sample ``i`` is the
# same whatever range it was asked for in.
BLOCK_SIZE = 50


class SourceTraits(Traits):
    """What is known of a channel source before it is opened."""


class SourceOutline:
    """What a scenario is checked against: all of a source but its channels. By default these are drawn without end.

    Attributes:
        grid: subcarriers of the frequency response.
        array: transmit array of the BS.
    """

    grid: OfdmGrid
    array: ArrayShape

    def n_samples(self, split: Split) -> int | None:
        """Samples that a split holds, ``None`` for a generator that never ends."""
        return None

    def stored_delays(self) -> int | None:
        """Delay rows of a file of truncated matrices; ``None`` where channels do not end with a row."""
        return None

    def validity_warnings(self) -> list[str]:
        """What lies outside of the range that the channels are stated for, a line each that begins with the key."""
        return []

    def check_samples(self) -> None:
        """Reads all that a file holds once, in bounded memory; nothing to do where channels are made.

        Raises:
            ChannelInputError: if a sample is damaged, or holds NaN.
        """


class DrawnChannels(SourceOutline):
    """Channels that are drawn from a model.

    Args:
        grid: subcarriers of the frequency response.
        array: transmit array of the BS.
        warnings: what lies outside of the range that the model is stated for.
    """

    def __init__(self, grid: OfdmGrid, array: ArrayShape, warnings: list[str]) -> None:
        self.grid, self.array = grid, array
        self._warnings = warnings

    def validity_warnings(self) -> list[str]:
        """As given."""
        return self._warnings


class SourceParameters(SourceTraits, PluginSection):
    """Parameters that every source has; each source extends it with its own ``source`` literal."""

    source: str

    def validity_warnings(self) -> list[str]:
        """What lies outside of the range that the model is stated for, a line each that begins with the key."""
        return []

    @property
    def has_path_gain(self) -> bool:
        """Whether its channels come with path loss and shadow fading, beside the response."""
        return False

    def outline(self) -> SourceOutline | None:
        """All of the source but its channels, without opening it; ``None`` where only its files say what they hold.

        Raises:
            ChannelInputError: as opening it would.
        """
        return None

    @classmethod
    def names_file(cls, key: str, value: object) -> bool:
        """Whether a value of a key names a file or folder that channels are read from; by default where its type does.

        Such a name is relative to the scenario file, and what it names counts by its content.
        """
        return is_path(cls, key)

    def split_key(self, split: Split) -> str | None:
        """The key that says how many samples a split has, ``None`` where none does."""
        return None


def is_path(model: type[BaseModel], key: str) -> bool:
    """Whether a parameter is of type ``Path``, or may be."""
    annotation = model.model_fields[key].annotation
    return Path in (annotation, *get_args(annotation))
