"""A channel section by itself, outside of a scenario."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from channels.source_parameters import SourceParameters
from linksim.scenario.document import validated
from linksim.scenario.plugin_sections import ChannelSection


class ChannelDocument(BaseModel):
    """A document of one channel section."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channel: ChannelSection


def channel_section(section: Mapping[str, Any], place: str) -> SourceParameters:
    """The parameters of a source from its section.

    Args:
        section: as ``channel`` of a scenario.
        place: where it is from, for messages.

    Raises:
        InputError: one line with place, key, found and expected.
    """
    document = {"channel": dict(section)}
    return validated(ChannelDocument, document, lambda line: f"{place}.{line.removeprefix('channel.')}").channel
