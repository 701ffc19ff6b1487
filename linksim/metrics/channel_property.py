"""Quantities of channels that outcomes of several reports share, computed by the first that is asked for them."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Self, TypeVar, cast, overload

T = TypeVar("T")

_SHARED = "outcome that holds what is computed of the channels"


class channel_property(cached_property[T]):  # noqa: N801 - a decorator, named as `cached_property` is
    """A cached property that no report influences: of all outcomes of the same channels one computes and keeps it."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        super().__init__(compute)

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> T: ...

    def __get__(self, instance: object | None, owner: type[Any] | None = None) -> Self | T:
        if instance is None:
            return self
        return cast(T, super().__get__(vars(instance).get(_SHARED, instance), owner))


def share_channel(outcome: object, other: object) -> None:
    """From here on ``other``, of the same channels, computes its channel properties where ``outcome`` does."""
    vars(other)[_SHARED] = vars(outcome).get(_SHARED, outcome)
