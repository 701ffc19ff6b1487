"""One line for what pydantic says of a scenario: key, found, expected."""

import difflib
from collections.abc import Mapping
from types import NoneType
from typing import Any, get_args

from class_registry import ClassRegistry
from pydantic import BaseModel, ValidationError

from feedback.errors import FeedbackInputError
from feedback.plugin_file import PluginParameters, load_plugin, split_plugin
from linksim.scenario import (
    COMPRESSORS,
    DENOISERS,
    ESTIMATORS,
    LINKS,
    PLUGIN,
    PRECODERS,
    QUANTISERS,
    REGISTERED,
    SOURCES,
    Scenario,
)

# Sections that are unions over a registry, by their key, and the key that names the plug-in.
_PLUGIN_SECTIONS: Mapping[str, tuple[ClassRegistry[Any], str]] = {
    "channel": (SOURCES, "source"),
    "sources": (SOURCES, "source"),
    "estimation": (ESTIMATORS, "name"),
    "compressors": (COMPRESSORS, "name"),
    "quantiser": (QUANTISERS, "name"),
    "link": (LINKS, "name"),
    "denoiser": (DENOISERS, "name"),
    "precoder": (PRECODERS, "name"),
}

_TAG_ERRORS = ("union_tag_invalid", "union_tag_not_found")


def describe(error: ValidationError, document: Any, root: type[BaseModel] = Scenario) -> str:
    """The first problem in one line; further ones are only counted.

    Args:
        error: what pydantic found.
        document: what it looked at.
        root: the model of the document.
    """
    details = error.errors(include_url=False)
    # A misspelt key explains what is missing.
    first = next((detail for detail in details if detail["type"] == "extra_forbidden"), details[0])
    key, model = _locate(first["loc"], document, root)
    if first["type"] in _TAG_ERRORS:
        key = f"{key}.{first['ctx']['discriminator'].strip(chr(39))}"
    field = model.model_fields.get(key.rpartition(".")[2])
    purpose = f" ({field.description})" if field is not None and field.description else ""
    text = f"{key}: " if key else ""
    text += _found_and_expected(first, model, purpose)
    return text + (f" (and {len(details) - 1} more)" if len(details) > 1 else "")


def _found_and_expected(detail: Any, model: type[BaseModel], purpose: str) -> str:
    kind, message = detail["type"], detail["msg"]
    if kind == "extra_forbidden":
        return _unknown_key(str(detail["loc"][-1]), sorted(model.model_fields))
    if kind == "missing":
        return f"missing, expected a value{purpose}"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    if kind == "union_tag_not_found":
        return "missing, expected the name of a plug-in (`linksim list` shows them)"
    if kind == "union_tag_invalid":
        return f"got {detail['ctx']['tag']!r}, expected one of {detail['ctx']['expected_tags']}"
    expected = message.removeprefix("Input should be ").removeprefix("a valid ").split(", unable to")[0]
    return f"got {_short(detail['input'])}, expected {expected}{purpose}"


def _unknown_key(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.7)
    return "unknown key, " + (f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(known)}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _locate(location: tuple[int | str, ...], document: Any, root: type[BaseModel]) -> tuple[str, type[BaseModel]]:
    """Dotted key of a problem, and the model that the key belongs to.

    pydantic's location also holds the tag of each union; a reader of the scenario never wrote that, so it goes.
    """
    model = root
    path: list[str] = []
    for depth, part in enumerate(location):
        if path[-2:-1] == ["compressors"] and part in (REGISTERED, PLUGIN):
            model = _own_model(document) if part == PLUGIN else model
            continue
        section = next((_PLUGIN_SECTIONS[name] for name in reversed(path[-2:]) if name in _PLUGIN_SECTIONS), None)
        if section and isinstance(document, dict) and document.get(section[1]) == part and part not in document:
            model = section[0].get_class(part).Parameters
            continue
        path.append(str(part))
        if depth < len(location) - 1:
            field = model.model_fields.get(str(part))
            section_model = _section_model(field.annotation) if field else None
            if section_model is not None:
                model = section_model
            try:
                document = document[part]
            except (KeyError, IndexError, TypeError):
                document = None
    return ".".join(path), model


def _section_model(annotation: Any) -> type[BaseModel] | None:
    """The model of a section, which may be optional."""
    members = [member for member in (get_args(annotation) or (annotation,)) if member is not NoneType]
    (only,) = members if len(members) == 1 else (None,)
    return only if isinstance(only, type) and issubclass(only, BaseModel) else None


def _own_model(section: Any) -> type[BaseModel]:
    """Parameters of a user's own compressor, or of any where its file cannot be used."""
    try:
        return load_plugin(*split_plugin(section["plugin"])).Parameters
    except (FeedbackInputError, TypeError, AttributeError):
        return PluginParameters
