"""What makes a user's own file the code that it is: the file, and the modules beside it that it imports."""

import ast
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from feedback.file_digest import digest_of, file_digest


def plugin_digest(file: Path) -> str:
    """SHA-256 of a file, and of the modules beside it that it imports, whether or not they import each other.

    A file that imports nothing from beside it has the hash of its bytes.

    Raises:
        OSError: that names the file, if one cannot be read.
    """
    helpers = [found for found in plugin_files(file) if found != file]
    if not helpers:
        return file_digest(file)
    names = [(found.relative_to(file.parent).as_posix(), file_digest(found)) for found in sorted(helpers)]
    return digest_of([("", file_digest(file)), *names])


def plugin_files(file: Path) -> list[Path]:
    """A file and all modules beside it that its code needs, as its import statements say."""
    folder, known, waiting = file.parent, {file}, [file]
    while waiting:
        for found in _imported(waiting.pop(), folder):
            if found not in known:
                known.add(found)
                waiting.append(found)
    return [file, *sorted(known - {file})]


def _imported(file: Path, folder: Path) -> Iterator[Path]:
    """Files in a folder, or in packages below it, that the import statements of one file may load."""
    try:
        code = file.read_bytes()
    except OSError:
        # Told when it is run.
        return
    for dots, dotted in _names_in(code):
        # ``from . import x`` in a package counts from the file's own folder, further dots from those above it.
        above = (file.parent, *file.parent.parents)
        if dots > len(above):
            continue
        start = folder if not dots else above[dots - 1]
        if start == folder or folder in start.parents:
            yield from _files_of(start, dotted)


# A run asks for the same file hundreds of times, and to parse it takes as long as all else that it asks.
@lru_cache(maxsize=64)
def _names_in(code: bytes) -> tuple[tuple[int, str], ...]:
    """What the import statements of a file name, each with the dots in front of it."""
    try:
        nodes = list(ast.walk(ast.parse(code)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # Told when it is run.
        return ()
    found = []
    for node in nodes:
        if isinstance(node, ast.Import):
            found += [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [(node.level, ".".join(filter(None, (node.module, alias.name)))) for alias in node.names]
    return tuple(found)


def _files_of(folder: Path, dotted: str) -> Iterator[Path]:
    """Module files along a dotted name, the packages' ``__init__.py`` among them."""
    here = str(folder)
    for part in dotted.split("."):
        package = os.path.join(here, part)
        for found in (f"{package}.py", os.path.join(package, "__init__.py")):
            if os.path.isfile(found):
                yield Path(found)
        if not os.path.isdir(package):
            return  # Most names are of libraries.
        here = package
