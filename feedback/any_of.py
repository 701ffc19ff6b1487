"""Sections that are one of the models of a registry: a model is built when a document names it."""

from collections.abc import Callable, Hashable, Iterable
from functools import partial
from typing import Annotated, Any, Union

from pydantic import BaseModel, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


class AnyOf:
    """Makes ``Annotated[Any, AnyOf(...)]`` the union of the models of all plug-ins of a kind, told apart by name.

    Args:
        names: gives the names of all plug-ins.
        parameters: from a name to the model of its section.
        key: the key of a section that names the plug-in.
    """

    def __init__(
        self, names: Callable[[], Iterable[Hashable]], parameters: Callable[[str], type[BaseModel]], key: str = "name"
    ) -> None:
        self._names, self._parameters, self._key = names, parameters, key

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """A union of functions that validate."""
        choices: dict[Any, CoreSchema] = {
            name: core_schema.no_info_plain_validator_function(partial(self._validated, str(name)))
            for name in self._names()
        }
        return core_schema.tagged_union_schema(choices, discriminator=self._key)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """That of the models themselves."""
        models: Any = tuple(dict.fromkeys(self._parameters(str(name)) for name in self._names()))
        one: Any = Union[models]  # noqa: UP007 - members are known at run time only
        union: Any = Annotated[one, Field(discriminator=self._key)]
        return handler(TypeAdapter(union).core_schema)

    def _validated(self, name: str, section: Any) -> Any:
        return self._parameters(name).model_validate(section)
