"""What an axis of a sweep may take as its values."""

from typing import Annotated, Any

from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator

PlainValue = float | str | bool | dict[str, Any]

# What an axis of a sweep takes: the value of a key, a whole plug-in section, or one of them for each of several keys.
SweptValue = PlainValue | tuple[PlainValue, ...]


def _one_problem(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """One message in place of one for each kind of value that it is not."""
    try:
        return handler(value)
    except ValidationError:
        kinds = "a finite number, a text, true or false, a section such as {name: ls}, or a list of these"
        text = repr(value)
        raise ValueError(f"got {text if len(text) <= 60 else text[:57] + '...'}, expected {kinds}") from None


SweptEntry = Annotated[SweptValue, WrapValidator(_one_problem)]
