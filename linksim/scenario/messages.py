"""What pydantic says of a scenario in one line a problem: key, found, expected."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from annotated_types import Le
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from feedback.errors import FeedbackInputError
from feedback.plugin_file import PluginParameters, load_plugin, split_plugin
from linksim.errors import InputError
from linksim.scenario.key_suggestion import closest, missing_name, section_model, unknown_key
from linksim.scenario.model import Scenario
from linksim.scenario.plugin_kinds import COMPRESSOR, kind_of_section
from linksim.scenario.plugin_sections import PLUGIN, REGISTERED

_TAG_ERRORS = ("union_tag_invalid", "union_tag_not_found")

# What is expected where a value is of another kind, by pydantic's types of error.
_EXPECTED: Mapping[str, str] = {
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type", "mapping_type"), "a mapping of keys"),
    **dict.fromkeys(("tuple_type", "list_type", "set_type"), "a list"),
    **dict.fromkeys(("string_type", "string_unicode"), "a text"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), "an integer"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    "finite_number": "a finite number",
    "path_type": "the name of a file",
}

_ABSENT = object()


@dataclass(frozen=True)
class Place:
    """Where a problem lies.

    Attributes:
        path: keys and numbers from the document's root.
        model: the model of the section that the last key belongs to.
    """

    path: tuple[str, ...]
    model: type[BaseModel]

    @property
    def key(self) -> str:
        """The path with dots."""
        return ".".join(self.path)


def describe(error: ValidationError, document: Any, root: type[BaseModel] = Scenario) -> str:
    """The first problem in one line; further ones are only counted."""
    first, *others = problems(error, document, root)
    return first + (f" (and {len(others)} more)" if others else "")


def problems(error: ValidationError, document: Any, root: type[BaseModel] = Scenario) -> list[str]:
    """Every problem in one line each, misspelt keys first, without those that only follow from one of these.

    Args:
        error: what pydantic found.
        document: what it looked at.
        root: the model of the document.
    """
    details = _of_one_kind(error.errors(include_url=False))
    # A misspelt key explains what is missing.
    details.sort(key=lambda detail: detail["type"] != "extra_forbidden")
    lines: dict[tuple[str, ...], str] = {}
    for detail in details:
        place = locate(detail["loc"], document, root)
        if detail["type"] in _TAG_ERRORS:
            place = Place((*place.path, detail["ctx"]["discriminator"].strip("'")), place.model)
        if place.path not in lines and not _follows(detail, place, lines):
            text = _found_and_expected(detail, place, root)
            lines[place.path] = " ".join((f"{place.key}: {text}" if place.path else text).split())
    return list(lines.values())


@contextmanager
def named_problems(origin: str) -> Iterator[None]:
    """Says of problems that lie in a scenario's keys which scenario that is, as its reader does.

    Points, dimensions and files are looked at when the file has been read long since.

    Args:
        origin: name of the file.
    """
    try:
        yield
    except (InputError, FeedbackInputError) as error:
        found = error.lines if isinstance(error, InputError) else (str(error),)
        keyed = [line.partition(":")[0].partition(".")[0] in Scenario.model_fields for line in found]
        if not any(keyed):
            raise
        lines = [f"{origin}: {line}" if its_key else line for line, its_key in zip(found, keyed, strict=True)]
        raise InputError.of(lines) from None


def _of_one_kind(details: Sequence[Any]) -> list[Any]:
    """Problems of keys that take a list or a single value: of lists as lists, without the kind in their location."""
    either = {
        location[:depth]
        for location in (detail["loc"] for detail in details)
        for depth, part in enumerate(location)
        if str(part).startswith("tuple[")
    }
    kept = []
    for detail in details:
        location = detail["loc"]
        key = next((location[:depth] for depth in range(len(location)) if location[:depth] in either), None)
        if key is None:
            kept.append(detail)
        elif not isinstance(detail["input"], list) or location[len(key)].startswith("tuple["):
            kept.append({**detail, "loc": (*key, *location[len(key) + 1 :])})
    return kept


def _follows(detail: Any, place: Place, lines: Mapping[tuple[str, ...], str]) -> bool:
    """Whether a problem follows from a known one: what a misspelt key leaves missing, a list short of a wrong entry."""
    if detail["type"] == "missing":
        meant = f"did you mean {place.path[-1]!r}"
        return any(path[:-1] == place.path[:-1] and meant in line for path, line in lines.items())
    inside = any(path[: len(place.path)] == place.path for path in lines)
    return detail["type"] == "too_short" and bool(detail["input"]) and inside


def short(value: Any) -> str:
    """A value in at most 60 characters."""
    text = repr(value[:100] if isinstance(value, str | list) else value)
    return text if len(text) <= 60 else text[:57] + "..."


def _found_and_expected(detail: Any, place: Place, root: type[BaseModel]) -> str:
    kind, message = detail["type"], detail["msg"]
    key = place.path[-1] if place.path else ""
    field = place.model.model_fields.get(key)
    purpose = f" ({field.description})" if field is not None and field.description else ""
    if kind == "extra_forbidden":
        return unknown_key(key, place.path[:-1], place.model, root)
    if kind == "missing":
        return f"missing, expected a value{purpose}"
    if kind == "value_error":
        return str(message.removeprefix("Value error, "))
    if kind == "union_tag_not_found":
        return missing_name(kind_of_section(place.path[:-1]), detail["input"])
    if kind == "union_tag_invalid":
        return _named(detail["ctx"]["tag"], detail["ctx"]["expected_tags"])
    if kind == "literal_error" and isinstance(detail["input"], str):
        return _named(detail["input"], detail["ctx"]["expected"]) + purpose
    bound = _upper_bound(field) if kind in ("int_from_float", "int_parsing_size") else ""
    size = bound or _size(detail)
    expected = bound or _EXPECTED.get(kind) or size or message
    for words in ("Input should be ", "String should ", "Value should ", "a valid "):
        expected = expected.removeprefix(words)
    hint = _sweep_hint(place, detail["input"]) if not size and expected != "a list" else ""
    return f"got {short(detail['input'])}, expected {expected.split(', unable to')[0]}{purpose}{hint}"


def _named(name: Any, expected: str) -> str:
    close = closest(str(name), expected.replace(" or ", ", ").replace("'", "").split(", "))
    meant = f"did you mean {close!r}? " if close else ""
    return f"got {short(name)}, {meant}expected one of {expected}"


def _size(detail: Any) -> str:
    """What is expected of a list or text of the wrong length."""
    context = detail.get("ctx", {})
    what = "character" if detail["type"].startswith("string") else "item"
    for bound, words in (("min_length", "at least"), ("max_length", "at most")):
        if bound in context:
            return f"{words} {context[bound]} {what}{'' if context[bound] == 1 else 's'}"
    if detail["type"] == "string_pattern_mismatch":
        return f"a text of the form {context['pattern']}"
    return ""


def _upper_bound(field: FieldInfo | None) -> str:
    """What is expected of a number that is too large for an integer of the machine."""
    bounds = [entry.le for entry in (field.metadata if field else ()) if isinstance(entry, Le)]
    return f"an integer of at most {bounds[0]}" if bounds else ""


def _sweep_hint(place: Place, found: Any) -> str:
    """How to sweep what was given a list of values instead of one."""
    if not isinstance(found, list) or not found or place.path[:1] == ("sweeps",):
        return ""
    return f"; several values are a sweep: `sweeps: {{NAME: {{{place.key}: {short(found)}}}}}`"


def locate(location: Sequence[int | str], document: Any, root: type[BaseModel]) -> Place:
    """Keys of a problem, and the model that the last of them belongs to.

    pydantic's location also holds the tag of each union; a reader of the scenario never wrote that, so it goes.
    """
    model = root
    path: list[str] = []
    for depth, part in enumerate(location):
        kind = kind_of_section(path)
        if kind is COMPRESSOR and part in (REGISTERED, PLUGIN) and not _has(document, part):
            model = _own_model(document) if part == PLUGIN else model
            continue
        if kind and isinstance(document, dict) and document.get(kind.discriminator) == part and part not in document:
            model = kind.parameters(str(part))
            continue
        if path and document is not _ABSENT and not isinstance(document, dict | list):
            # A kind of value that a key may take, beside others.
            continue
        path.append(str(part))
        if depth < len(location) - 1:
            field = model.model_fields.get(str(part))
            model = (section_model(field.annotation) if field else None) or model
            try:
                document = document[part]
            except (KeyError, IndexError, TypeError):
                document = _ABSENT
    return Place(tuple(path), model)


def _has(document: Any, key: object) -> bool:
    return isinstance(document, dict) and key in document


def _own_model(section: Any) -> type[BaseModel]:
    """Parameters of a user's own compressor, or of any where its file cannot be used."""
    try:
        return load_plugin(*split_plugin(section["plugin"])).Parameters
    except (FeedbackInputError, TypeError, AttributeError):
        return PluginParameters
