"""A channel section by itself, outside of a scenario."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from channels.source import SourceParameters
from linksim.errors import InputError
from linksim.scenario import ChannelSection
from linksim.validation_message import describe


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
    try:
        return ChannelDocument.model_validate(document).channel
    except ValidationError as error:
        raise InputError(f"{place}.{describe(error, document).removeprefix('channel.')}") from None
