"""Which compressor of a scenario has the encoder that is to be exported, and what its files are called."""

import re

from feedback.compressor_parameters import CompressorParameters
from feedback.compressors.parameters.context import ContextParameters
from feedback.plugin_file import has_training_run
from linksim.errors import InputError
from linksim.scenario.model import Scenario
from linksim.scenario.plugin_sections import compressor_label


def chosen_encoder(scenario: Scenario, label: str | None) -> CompressorParameters:
    """The section of the compressor whose encoder is to be exported: a network, or the context codec.

    Args:
        scenario: that has it.
        label: its own in the scenario; ``None`` where there is one only.

    Raises:
        InputError: if there is no such compressor, or none is named where there are several.
    """
    entries = {compressor_label(entry): entry for entry in scenario.compressors}
    possible = [name for name, entry in entries.items() if _is_network(entry) or is_context_codec(entry)]
    if not possible:
        raise InputError(f"compressors: got {', '.join(entries)}, expected a network or `context` among them to export")
    if label is None and len(possible) > 1:
        raise InputError(f"--compressor: got none, expected one of {', '.join(possible)}")
    chosen = possible[0] if label is None else label
    if chosen not in possible:
        found = f"{chosen!r}, which has no encoder to export" if chosen in entries else repr(chosen)
        raise InputError(f"--compressor: got {found}, expected one of {', '.join(possible)}")
    return entries[chosen]


def _is_network(entry: CompressorParameters) -> bool:
    """Whether a compressor has a trained network at the UE: where reports are bits of a codebook, it is at the BS."""
    return has_training_run(entry) and entry.traits.sends == "analogue"


def is_context_codec(entry: CompressorParameters) -> bool:
    """Whether a compressor is the context codec, whose encoder is exported in C."""
    return isinstance(entry, ContextParameters)


def file_stem(label: str) -> str:
    """A compressor's label as the beginning of names of files."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", label).strip("-.")
