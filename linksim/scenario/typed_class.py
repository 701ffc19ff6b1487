"""What a class that was typed in depends on, as in a notebook: no file says it."""

import hashlib
import marshal
import sys
from collections.abc import Iterator, Mapping, Set
from functools import cached_property, partial
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

_OURS = ("channels", "feedback", "linksim")
# Of a class, what the interpreter and base classes keep about it.
_LEFT_OUT = ("__dict__", "__weakref__", "__module__", "__abstractmethods__", "_abc_impl", "__parameters__")


def typed_class_digest(kind: type) -> str:
    """SHA-256 of a class: code, constants, values of its closures, and globals that its methods name, theirs too.

    Of objects of other kinds their attributes count, of classes and functions of modules the name.
    """
    found = hashlib.sha256()
    for part in _Walk(kind).of(kind):
        found.update(len(part).to_bytes(8, "big"))
        found.update(part)
    return found.hexdigest()


class _Walk:
    """Goes through all that a class reaches, each once.

    Args:
        root: the class.
    """

    def __init__(self, root: type) -> None:
        self._root = root
        # Kept, as an object that is gone leaves its identity to the next one.
        self._seen: dict[int, Any] = {}

    def of(self, value: Any) -> Iterator[bytes]:
        """What tells a value from others."""
        if value is None or isinstance(value, (bool, int, float, complex, str, bytes, range, slice)):
            yield repr(value).encode()
            return
        if id(value) in self._seen:
            return
        self._seen[id(value)] = value
        yield f"{type(value).__module__}.{type(value).__qualname__}".encode()
        if isinstance(value, ModuleType):
            yield value.__name__.encode()
        elif isinstance(value, CodeType):
            yield marshal.dumps(value)
        elif isinstance(value, Mapping):
            for key in sorted(value, key=repr):
                yield repr(key).encode()
                yield from self.of(value[key])
        elif isinstance(value, Set):
            yield repr(sorted(value, key=repr)).encode()
        elif isinstance(value, (list, tuple)):
            for each in value:
                yield from self.of(each)
        elif isinstance(value, FunctionType):
            yield from self._of_function(value)
        elif isinstance(value, type):
            yield from self._of_class(value)
        elif hasattr(value, "__array__"):
            array = value.__array__()
            yield str((array.dtype, array.shape)).encode()
            # Of objects, bytes are where they lie.
            yield from self.of(array.tolist()) if array.dtype.hasobject else [array.tobytes()]
        else:
            yield from self.of(_inside(value))

    def _of_class(self, kind: type) -> Iterator[bytes]:
        yield f"{kind.__module__}.{kind.__qualname__}".encode()
        if kind is self._root or not _is_installed(kind):
            yield from self.of({name: value for name, value in vars(kind).items() if name not in _LEFT_OUT})
            yield from self.of(kind.__bases__)

    def _of_function(self, function: FunctionType) -> Iterator[bytes]:
        yield f"{function.__module__}.{function.__qualname__}".encode()
        if _is_installed(function):
            return
        yield from self.of(function.__code__)
        yield from self.of((function.__defaults__, function.__kwdefaults__))
        for cell in function.__closure__ or ():
            try:
                yield from self.of(cell.cell_contents)
            except ValueError:
                # Not filled, as that of a class while it is made.
                yield b"empty"
        for name in sorted(set(_names(function.__code__)) & set(function.__globals__)):
            yield name.encode()
            yield from self.of(function.__globals__[name])


def _is_installed(value: type | FunctionType) -> bool:
    """Whether the name says what it does: ours have versions, and libraries stay as they are."""
    module = value.__module__ or ""
    if module == "__main__":
        # Whatever file started the session.
        return False
    first = module.partition(".")[0]
    folders = Path(getattr(sys.modules.get(module), "__file__", None) or "").parts
    return first in _OURS or first in sys.stdlib_module_names or "site-packages" in folders


def _inside(value: Any) -> Any:
    """What an object of another kind holds."""
    if isinstance(value, (classmethod, staticmethod, MethodType)):
        return value.__func__
    if isinstance(value, property):
        return (value.fget, value.fset)
    if isinstance(value, cached_property):
        return value.func
    if isinstance(value, partial):
        return (value.func, value.args, value.keywords)
    return getattr(value, "__dict__", None)


def _names(code: CodeType) -> Iterator[str]:
    """Names that a code, or one within it, looks up outside."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
