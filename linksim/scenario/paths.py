"""Files and folders that a scenario names: where their names stand, and from where they count.

A parameter of a plug-in that names a file or folder is of type ``Path``, or its source says so (``names_file``). Then
the name in a scenario file is relative to that file, and what it names enters the keys of results by its content.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from channels.source_parameters import SOURCES, SourceParameters, is_path
from feedback.errors import FeedbackInputError
from feedback.plugin_file import load_plugin, split_plugin
from linksim.scenario.model import Scenario
from linksim.scenario.plugin_kinds import COMPRESSOR, KINDS, SOURCE
from linksim.zoo_folders import default_zoos

_NAMED = tuple(kind for kind in KINDS if kind.section and kind is not SOURCE)
# Keys whose values are channel sections, lists of them, or mappings to them.
_CHANNEL_KEYS = frozenset({"channel", "trained_on", "parts", "sources"})


@dataclass(frozen=True)
class NameChange:
    """What becomes of the names in a document.

    Attributes:
        file: gets the name of a file or folder.
        plugin: gets ``FILE.py:CLASS``.
        located: gets ``FILE.py:CLASS`` and says where that is, for the parameters that the class has.
    """

    file: Callable[[str], Any]
    plugin: Callable[[str], Any]
    located: Callable[[str], str]


def zoo_folders(scenario: Scenario) -> tuple[Path, ...]:
    """Where a scenario's trained weights are looked for, in this order; new ones go to the first.

    Raises:
        InputError: if the scenario names none, and ``LINKSIM_ZOO`` cannot be used.
    """
    return default_zoos() if scenario.zoo is None else (Path(scenario.zoo),)


def resolve_paths(document: dict[str, Any], folder: Path) -> None:
    """Makes every file name in a scenario's or study's document absolute.

    Args:
        document: not validated yet, changed in place.
        folder: what relative names are relative to.
    """

    def resolved(name: str) -> str:
        return os.path.abspath(folder / name)

    def resolved_plugin(plugin: str) -> str:
        file, separator, class_name = plugin.rpartition(":")
        return f"{resolved(file)}:{class_name}" if separator and file else plugin

    document.update(map_paths(document, NameChange(resolved, resolved_plugin, resolved_plugin)))


def map_paths(value: Any, change: NameChange, key: str = "") -> Any:
    """A document, or a part of one, with changed file names.

    Args:
        value: the part.
        change: what becomes of the names.
        key: where it stands; below ``channel`` and its like everything is a channel section.
    """
    if isinstance(value, (list, tuple)):
        return [map_paths(part, change, key) for part in value]
    if not isinstance(value, Mapping):
        return value
    models = list(_models(value, key, change))
    changed: dict[Any, Any] = {}
    for name, part in value.items():
        if name == "sweeps" and isinstance(part, Mapping):
            changed[name] = {sweep: _swept(axes, change) for sweep, axes in part.items()}
        elif name == "plugin" and isinstance(part, str):
            changed[name] = change.plugin(part)
        elif isinstance(part, (str, Path)) and (name == "zoo" or _names_file(models, name, part)):
            changed[name] = change.file(str(part))
        else:
            inherits = key in _CHANNEL_KEYS and "source" not in value
            changed[name] = map_paths(part, change, key if inherits else str(name))
    return changed


def _swept(axes: Any, change: NameChange) -> Any:
    """The axes of a sweep, ``key -> values`` or ``key, key -> [value, value]``s."""
    if not isinstance(axes, Mapping):
        return axes

    def mapped(key: str, value: Any) -> Any:
        # As if the value stood at the key.
        section, _, name = key.rpartition(".")
        (found,) = map_paths({name: value}, change, section.partition(".")[0]).values()
        return found

    changed = {}
    for axis, values in axes.items():
        keys = [key.strip() for key in str(axis).split(",")]
        if not isinstance(values, (list, tuple)):
            changed[axis] = values
        elif len(keys) == 1:
            changed[axis] = [mapped(keys[0], value) for value in values]
        else:
            changed[axis] = [
                [mapped(*pair) for pair in zip(keys, value, strict=True)]
                if isinstance(value, (list, tuple)) and len(value) == len(keys)
                else value
                for value in values
            ]
    return changed


def _models(section: Mapping[str, Any], key: str, change: NameChange) -> Iterator[type[BaseModel]]:
    """Models that a section may be one of; a channel section may still lack its source."""
    source, name, plugin = section.get("source"), section.get("name"), section.get("plugin")
    if isinstance(source, str) and source in SOURCES:
        yield SOURCES.parameters(source)
    elif key in _CHANNEL_KEYS:
        yield from SOURCE.models()
    elif isinstance(plugin, str):
        try:
            yield load_plugin(*split_plugin(change.located(plugin))).Parameters
        except FeedbackInputError:
            # Told when the section is validated.
            return
    elif isinstance(name, str):
        yield from (kind.parameters(name) for kind in _NAMED if name in kind.registry)
    elif key == "compressors":
        yield from COMPRESSOR.models()


def _names_file(models: list[type[BaseModel]], key: str, value: str | Path) -> bool:
    for model in models:
        if key in model.model_fields:
            named = model.names_file(key, value) if issubclass(model, SourceParameters) else is_path(model, key)
            if named:
                return True
    return False
