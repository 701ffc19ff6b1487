"""Registries of plug-ins: names and parameters are known at once, a class is imported when it is asked for.

What a scenario may say of plug-ins, and what has to be known of them to check it, lies in modules without PyTorch, so
that this takes a fraction of a second.
"""

from collections.abc import Hashable, Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Literal, TypeVar, cast, get_args, get_origin

from class_registry import ClassRegistry, RegistryKeyError
from pydantic import BaseModel

from channels.traits import Traits

Plugin = TypeVar("Plugin")


class Registry(ClassRegistry[Plugin]):
    """The plug-ins of one kind by name.

    ``PACKAGE/parameters/FILE.py`` holds models of sections, each with a ``Literal`` of the names of its plug-ins. Their
    classes lie in ``PACKAGE/FILE.py``, or in ``PACKAGE/FILE/CONTRACT.py`` where a plug-in is a room, below
    ``@REGISTRY.register(name)``.

    Args:
        package: full name of the package of the plug-ins.
        contract: name of the file of the contract, in the singular.
        key: the key of a section that names the plug-in.
    """

    def __init__(self, package: str, contract: str, key: str = "name") -> None:
        super().__init__(unique=True)
        self._package, self._contract, self._key = package, contract, key
        self._shipped: dict[str, type[BaseModel]] = {}

    def parameters(self, name: str) -> type[Any]:
        """The model of a plug-in's section.

        Raises:
            RegistryKeyError: if there is no such plug-in.
        """
        model = self._models().get(name)
        return cast(Any, self.get_class(name)).Parameters if model is None else model

    def models(self) -> list[type[Any]]:
        """The models of all sections, each once, in the order of the files."""
        return list(dict.fromkeys(self.parameters(str(name)) for name in self.keys()))

    def ships(self, name: str) -> bool:
        """Whether a plug-in is one of this package, not one that a user has registered beside them."""
        return name in self._models()

    def keys(self) -> Iterator[Hashable]:
        """Names of those that ship, in the order of the files, then of those that were registered beside them."""
        return iter(dict.fromkeys((*self._models(), *super().keys())))

    def __contains__(self, name: Hashable) -> bool:
        """Whether there is a plug-in of that name; nothing is imported for that."""
        return name in self._models() or name in self._registry

    def __len__(self) -> int:
        """How many names there are."""
        return len(list(self.keys()))

    def get_class(self, key: Hashable) -> type[Plugin]:
        """The class of a name, imported if it was not yet.

        Raises:
            RegistryKeyError: if there is none.
        """
        if key not in self._registry and key in self._models():
            file = self._models()[str(key)].__module__.rpartition(".")[2]
            module = import_module(f"{self._package}.{file}")
            if hasattr(module, "__path__"):
                import_module(f"{module.__name__}.{self._contract}")
        if key not in self._registry:
            raise RegistryKeyError(key)
        return self._registry[key]

    def _register(self, key: Hashable, class_: type[Plugin]) -> None:
        """Takes a class unless it would stand in for one that ships, whose results others would keep as its own."""
        own = class_.__module__.startswith(f"{self._package}.")
        if not own and self.ships(str(key)):
            raise RegistryKeyError(
                f"{class_.__name__}: got {key!r}, which ships with {self._package}, expected another"
            )
        super()._register(key, class_)

    def _models(self) -> dict[str, type[BaseModel]]:
        """The models of those that ship, by name."""
        if not self._shipped:
            folder = import_module(f"{self._package}.parameters")
            for module in iter_modules(folder.__path__):
                found = import_module(f"{folder.__name__}.{module.name}")
                for model in vars(found).values():
                    if getattr(model, "__module__", None) == found.__name__ and isinstance(model, type):
                        self._shipped |= dict.fromkeys(_names(model, self._key), model)
        return self._shipped


def _names(model: type, key: str) -> tuple[str, ...]:
    """Names of the plug-ins whose section a model is; none for a base of models."""
    # A section within a plug-in's own may have a name as well.
    field = model.model_fields.get(key) if issubclass(model, BaseModel) and issubclass(model, Traits) else None
    is_named = field is not None and get_origin(field.annotation) is Literal
    return get_args(field.annotation) if field is not None and is_named else ()
