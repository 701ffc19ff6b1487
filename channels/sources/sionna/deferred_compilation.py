"""Sionna's import without PyTorch's compiler, which takes longer than all else of it and which nothing here calls."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

_Function = Callable[..., Any]


@contextmanager
def deferred_compilation() -> Iterator[None]:
    """Functions that are decorated with ``torch.compile`` within it are compiled when they are first called.

    PyTorch imports its compiler, most of the time that Sionna's import takes, where a function is decorated, be it to
    keep it from being compiled (``torch.compiler.disable``).
    """
    compile_now, disable_now = torch.compile, torch.compiler.disable
    torch.compile = functools.partial(_decorated, _compiled, compile_now)
    torch.compiler.disable = functools.partial(_decorated, _not_compiled, disable_now)
    try:
        yield
    finally:
        torch.compile, torch.compiler.disable = compile_now, disable_now


def _decorated(later: _Function, decorate: _Function, function: _Function | None = None, **options: Any) -> _Function:
    """A decorator, with its options or without."""
    if function is None:
        return functools.partial(later, decorate, options)
    return later(decorate, options, function)


def _compiled(decorate: _Function, options: dict[str, Any], function: _Function) -> _Function:
    made = functools.cache(lambda: decorate(function, **options))

    @functools.wraps(function)
    def called(*arguments: Any, **named: Any) -> Any:
        return made()(*arguments, **named)

    return called


def _not_compiled(decorate: _Function, options: dict[str, Any], function: _Function) -> _Function:
    made = functools.cache(lambda: decorate(function, **options))

    @functools.wraps(function)
    def called(*arguments: Any, **named: Any) -> Any:
        # Where nothing is being compiled there is nothing to keep the function out of.
        chosen = made() if torch.compiler.is_compiling() else function
        return chosen(*arguments, **named)

    return called
