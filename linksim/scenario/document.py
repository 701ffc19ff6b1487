"""A document from outside as a validated model: what pydantic would let pass is refused, what YAML took is given back.

pydantic takes ``true`` for 1 and ``yes`` for true; here a number is a number and a truth value is ``true`` or
``false``. YAML takes ``16.1`` for a number; where a key takes a text, the text that was written is meant.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from channels.formats.yaml_text import WrittenFloat, WrittenInt
from linksim.errors import InputError
from linksim.scenario.messages import locate, problems, short

Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], document: Any, name: Callable[[str], str]) -> Model:
    """The model of a document.

    Args:
        model: what the document should be.
        document: plain values, as ``read_yaml`` makes them; unchanged.
        name: line of a problem (``key: found, expected``) -> message, which says where the document is from.

    Raises:
        InputError: of the first problem, with the others beside it.
    """
    plain = _plain(document)
    try:
        found = _read(model, document, plain)
    except ValidationError as error:
        lines = problems(error, plain, model)
    else:
        lines = [
            f"{'.'.join(path)}: got {short(raw)}, expected {'a number' if isinstance(raw, bool) else 'true or false'}"
            for path, raw in _confused(plain, found, ())
        ]
        if not lines:
            return found
    raise InputError.of([name(line) for line in lines])


def _read(model: type[Model], document: Any, plain: Any) -> Model:
    try:
        return model.model_validate(plain)
    except ValidationError as error:
        texts = _meant_as_text(error, document, plain, model)
        if not texts:
            raise
        changed = copy.deepcopy(plain)
        for path, text in texts:
            _set(changed, path, text)
        try:
            return model.model_validate(changed)
        except ValidationError as second:
            # Of the two, the one that has found less wrong; what stays wrong is shown as it was written.
            raise (second if second.error_count() < error.error_count() else error) from None


def _meant_as_text(
    error: ValidationError, document: Any, plain: Any, root: type[BaseModel]
) -> list[tuple[tuple[str, ...], str]]:
    """Numbers that stand where a text is expected: paths, and texts as they were written."""
    found = []
    for detail in error.errors(include_url=False):
        is_name = detail["type"] == "literal_error" and detail["ctx"]["expected"].startswith("'")
        if detail["type"] != "string_type" and not is_name:
            continue
        path = locate(detail["loc"], plain, root).path
        value = _get(document, path)
        if isinstance(value, int | float) and not isinstance(value, bool):
            texts = [_written(value), *([str(int(value))] if isinstance(value, float) and value.is_integer() else [])]
            expected = detail["ctx"]["expected"] if is_name else ""
            found.append((path, next((text for text in texts if repr(text) in expected), texts[0])))
    return found


def _written(number: float) -> str:
    return number.text if isinstance(number, WrittenInt | WrittenFloat) else repr(number)


def _plain(document: Any) -> Any:
    """The document with ordinary numbers, in containers of its own."""
    if isinstance(document, dict):
        return {key: _plain(value) for key, value in document.items()}
    if isinstance(document, list):
        return [_plain(value) for value in document]
    if isinstance(document, WrittenFloat):
        return float(document)
    return int(document) if isinstance(document, WrittenInt) else document


def _confused(raw: Any, found: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Truth values that were taken for numbers, and numbers or texts that were taken for truth values."""
    if isinstance(raw, dict):
        aliases = {}
        if isinstance(found, BaseModel):
            aliases = {field.alias: name for name, field in type(found).model_fields.items() if field.alias}
        for key, value in raw.items():
            inner = found.get(key) if isinstance(found, dict) else getattr(found, aliases.get(key, str(key)), None)
            yield from _confused(value, inner, (*path, str(key)))
    elif isinstance(raw, list) and isinstance(found, list | tuple):
        for index, (value, inner) in enumerate(zip(raw, found, strict=False)):
            yield from _confused(value, inner, (*path, str(index)))
    elif isinstance(found, bool | int | float) and isinstance(raw, bool) != isinstance(found, bool):
        yield path, raw


def _get(document: Any, path: Sequence[str]) -> Any:
    for part in path:
        try:
            document = document[int(part)] if isinstance(document, list) else document[part]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return document


def _set(document: Any, path: Sequence[str], value: Any) -> None:
    container = _get(document, path[:-1])
    container[int(path[-1]) if isinstance(container, list) else path[-1]] = value
