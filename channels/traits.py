"""What is known of a plug-in before it is built: said by its ``Parameters``, and by its class alike."""

from typing import Any, ClassVar


class Traits:
    """Base of the traits of one kind of plug-in, class attributes that both its parameters and its classes inherit.

    A plug-in that ships says them in its ``Parameters``, so that a scenario is checked without PyTorch. A class that
    names its ``Parameters`` has what these say; what a class says of itself, as one of a user's own may, goes first.

    Attributes:
        titles: names in figures and reports, one for each name in the registry; by default that itself.
        results_version: raised when the same input, or the same parameters and seed, get other digits.
    """

    titles: ClassVar[tuple[str, ...]] = ()
    results_version: ClassVar[int] = 1

    @classmethod
    def names(cls) -> frozenset[str]:
        """Names of all traits that the class declares or inherits."""
        return frozenset(name for base in cls.__mro__ for name in vars(base).get("__annotations__", ()))

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Takes the traits of the class's parameters over."""
        super().__init_subclass__(**keywords)
        model = vars(cls).get("Parameters")
        if not isinstance(model, type) or not issubclass(model, Traits):
            return
        contract = next(base for base in model.__mro__ if base in cls.__mro__ and issubclass(base, Traits))
        traits = contract.names()
        for base in model.__mro__[: model.__mro__.index(contract)]:
            for name in traits & vars(base).keys() - vars(cls).keys():
                setattr(cls, name, vars(base)[name])
