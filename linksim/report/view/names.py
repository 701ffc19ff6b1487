"""What plug-ins are called in figures and reports: the field's names instead of a scenario's identifiers."""

from collections.abc import Mapping
from typing import Any

from linksim.scenario.plugin_kinds import COMPRESSOR


def compressor_title(name: str) -> str:
    """What a compressor is called: ``CsiNet`` for ``csinet``."""
    return COMPRESSOR.title_of(name)


def compressor_labels(scenario: Mapping[str, Any]) -> dict[str, str]:
    """Labels of a scenario's compressors, in its order, and the compressor that each stands for."""
    sections = scenario.get("compressors")
    found = {}
    for section in sections if isinstance(sections, list) else []:
        if isinstance(section, dict):
            name = str(section.get("name") or section.get("plugin") or "")
            found[str(section.get("label") or name)] = name
    return found


def compressor_titles(names: Mapping[str, str]) -> dict[str, str]:
    """Titles by label, for labels and names as ``compressor_labels`` gives them.

    A label of the user's own stays; one that begins with the compressor's name, such as ``csinet 1/16``, begins with
    its title.
    """
    return {label: _label_title(label, name) for label, name in names.items()}


def _label_title(label: str, name: str) -> str:
    rest = label.removeprefix(name) if name else label
    begins = rest != label and not rest[:1].isalnum() and rest[:1] not in ("-", "_", "+")
    return compressor_title(name) + rest if begins else label
