"""Scenario files: safe YAML in, overrides applied, a validated scenario or one clear line out."""

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from linksim.errors import InputError
from linksim.scenario import Scenario
from linksim.scenario_paths import resolve_paths
from linksim.validation_message import describe


class _UniqueKeyLoader(yaml.SafeLoader):
    """Safe YAML in which a key given twice is an error instead of a silent last word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"got the key {key!r} twice, expected it once", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


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


def read_document(path: Path) -> dict[str, Any]:
    """The mapping that a YAML file holds.

    Raises:
        InputError: if the file cannot be read, or is not a YAML mapping.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file, expected a scenario in YAML") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise InputError(f"{path}: cannot be read ({reason}), expected a scenario in YAML") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}:" if mark else ""
        raise InputError(f"{path}:{line} {getattr(error, 'problem', None) or 'not valid YAML'}") from None
    if not isinstance(document, dict):
        raise InputError(f"{path}: got {type(document).__name__}, expected a mapping of scenario keys")
    return document


def apply_override(document: dict[str, Any], override: str) -> None:
    """Applies one ``path.to.key=value`` setting, the value in YAML.

    Raises:
        InputError: if it is none, or does not fit the document.
    """
    key, separator, value = override.partition("=")
    if not separator or not key:
        raise InputError(f"--set: got {override!r}, expected path.to.key=value")
    try:
        set_key(document, key, yaml.safe_load(value))
    except yaml.YAMLError:
        raise InputError(f"--set {key}: got {value!r}, expected a YAML value") from None


def set_key(document: dict[str, Any], key: str, value: Any) -> None:
    """Sets ``path.to.key`` in a nested document; list entries go by number.

    Raises:
        InputError: if the path runs through a value that has no keys.
    """
    parts = key.split(".")
    here: Any = document
    for depth, part in enumerate(parts):
        last = depth == len(parts) - 1
        where = ".".join(parts[: depth + 1])
        if isinstance(here, list):
            if not part.isdigit() or int(part) >= len(here):
                raise InputError(f"{where}: got {part!r}, expected a number from 0 to {len(here) - 1}")
            index: Any = int(part)
        elif isinstance(here, dict):
            index = part
        else:
            raise InputError(f"{where}: got a key below {here!r}, expected a section that has keys")
        if last:
            here[index] = value
        else:
            if isinstance(here, dict) and here.get(index) is None:
                here[index] = {}
            here = here[index]


def validate_scenario(document: dict[str, Any], origin: str) -> Scenario:
    """A scenario from its document.

    Raises:
        InputError: one line with origin, key, found and expected.
    """
    try:
        return Scenario.model_validate(document)
    except ValidationError as error:
        raise InputError(f"{origin}: {describe(error, document)}") from None
