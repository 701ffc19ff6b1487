"""What plug-ins are called in figures and reports: the field's names instead of a scenario's identifiers."""

from collections.abc import Mapping
from typing import Any

from class_registry import ClassRegistry

from linksim.scenario import COMPRESSORS, DENOISERS, ESTIMATORS, LINKS, PRECODERS, PREDICTORS, QUANTISERS, SOURCES

# Registries by the scenario key that names one of their plug-ins.
_REGISTRIES: Mapping[str, ClassRegistry[Any]] = {
    "channel.source": SOURCES,
    "estimation": ESTIMATORS,
    "feedback.quantiser": QUANTISERS,
    "feedback.link": LINKS,
    "feedback.denoiser": DENOISERS,
    "feedback.predictor": PREDICTORS,
    "precoder": PRECODERS,
}


def plugin_title(registry: ClassRegistry[Any], name: str) -> str:
    """What a registered plug-in is called; the name itself where it says nothing or is not registered."""
    if name not in registry:
        return name
    titles: tuple[str, ...] = getattr(registry.get_class(name), "titles", ())
    return next((title for title in titles if _letters(title) == _letters(name)), titles[0] if titles else name)


def compressor_title(name: str) -> str:
    """What a compressor is called: ``CsiNet`` for ``csinet``."""
    return plugin_title(COMPRESSORS, name)


def value_title(key: str, value: str) -> str:
    """A swept value in words: ``Kalman, order 4`` for ``kalman, order 4`` of the key ``feedback.predictor``."""
    registry = _REGISTRIES.get(key.removesuffix(".name"))
    if registry is None:
        return value
    name, comma, parameters = value.partition(",")
    return plugin_title(registry, name) + comma + parameters


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


def _letters(text: str) -> str:
    return "".join(character for character in text.lower() if character not in " _-")
