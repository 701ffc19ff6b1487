"""Scenario files: safe YAML in, overrides applied, a validated scenario or one clear line out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from channels.formats.yaml_text import MAX_DEPTH, YamlTextError, read_yaml
from linksim.errors import InputError
from linksim.scenario.document import validated
from linksim.scenario.messages import short
from linksim.scenario.model import Scenario
from linksim.scenario.paths import resolve_paths
from linksim.scenario.yaml_file import read_document

# Keys that no scenario has: they tell the file of a campaign, and that of a study.
TRAININGS, STUDY = "trainings", "study"
# What a file is that has such a key, and the command that takes it.
_OTHER_FILES = {TRAININGS: ("campaign", "train"), STUDY: ("study", "study")}


def load_scenario(path: Path, overrides: Sequence[str] = ()) -> Scenario:
    """Reads a scenario file.

    Args:
        path: YAML file; names of files in it are relative to it.
        overrides: ``path.to.key=value`` settings, values in YAML, list entries by number; names of files in them are
            relative to the working folder.

    Raises:
        InputError: one line with file, key, found and expected.
    """
    return validate_scenario(read_overridden(path, overrides), str(path))


def read_overridden(path: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """The document of a scenario's or study's file after its overrides, every file name in it absolute.

    Args:
        path: YAML file; names of files in it are relative to it.
        overrides: ``path.to.key=value`` settings; names of files in them are relative to the working folder.

    Raises:
        InputError: one line with file, key, found and expected.
    """
    document = read_document(path)
    resolve_paths(document, path.parent)
    for override in overrides:
        apply_override(document, override)
    resolve_paths(document, Path.cwd())
    return document


def is_study(document: Mapping[str, Any]) -> bool:
    """Whether a document is a study's rather than a scenario's."""
    return STUDY in document


def apply_override(document: dict[str, Any], override: str) -> None:
    """Applies one ``path.to.key=value`` setting, the value in YAML.

    Raises:
        InputError: if it is none, or does not fit the document.
    """
    key, separator, value = override.partition("=")
    if not separator or not key or not key.isprintable():
        raise InputError(f"--set: got {short(override)}, expected path.to.key=value")
    try:
        parsed = read_yaml(value)
    except YamlTextError as error:
        reason = str(error).removeprefix("line 1: ")
        raise InputError(f"--set {key}: got {short(value)}, expected a YAML value ({reason})") from None
    set_key(document, key, parsed)


def set_key(document: dict[str, Any], key: str, value: Any) -> None:
    """Sets ``path.to.key`` in a nested document; list entries go by number.

    Raises:
        InputError: if the path runs through a value that has no keys, or is longer than documents are deep.
    """
    parts = key.split(".")
    if len(parts) > MAX_DEPTH:
        raise InputError(f"{short(key)}: got {len(parts)} keys with dots between, expected at most {MAX_DEPTH}")
    here: Any = document
    for depth, part in enumerate(parts):
        last = depth == len(parts) - 1
        where = ".".join(parts[: depth + 1])
        if isinstance(here, list):
            index: Any = next((number for number in range(len(here)) if str(number) == part), None)
            if index is None:
                raise InputError(f"{short(where)}: got {short(part)}, expected a number from 0 to {len(here) - 1}")
        elif isinstance(here, dict):
            index = part
        else:
            raise InputError(f"{where}: got a key below {short(here)}, expected a section that has keys")
        if last:
            here[index] = value
        else:
            if isinstance(here, dict) and here.get(index) is None:
                here[index] = {}
            here = here[index]


def value_at(document: Mapping[str, Any], key: str) -> Any:
    """What stands at ``path.to.key`` of a nested document, entries of lists by number; ``None`` where nothing does."""
    value: Any = document
    for part in key.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        else:
            is_entry = isinstance(value, list) and part.isdecimal() and int(part) < len(value)
            value = value[int(part)] if is_entry else None
    return value


def validate_scenario(document: dict[str, Any], origin: str) -> Scenario:
    """A scenario from its document.

    Raises:
        InputError: one line with origin, key, found and expected.
    """
    for key, (kind, command) in _OTHER_FILES.items():
        if key in document:
            raise InputError(f"{origin}: is a {kind}, expected a scenario; `linksim {command}` takes it")
    return validated(Scenario, document, lambda line: f"{origin}: {line}")
