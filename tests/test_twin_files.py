"""``channels`` and ``feedback`` import nothing of each other: what both need stands in each, in files that are copies.

A file of one name and place in both packages is such a copy, unless it is named below.
"""

from functools import partial
from pathlib import Path

import pytest

import linksim

_ROOT = Path(linksim.__file__).parents[1]
# What each package has of its own under the same name, and why.
_OWN = {
    "__init__.py": "what the package offers",
    "errors.py": "an exception for each package, so that its name says where it is from",
}


def _modules(package: str) -> set[str]:
    """Paths of a package's modules, relative to the package."""
    folder = _ROOT / package
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")}


def _without_package(file: str, package: str) -> str:
    """A module's text whose imports of its own package say no name."""
    return (_ROOT / package / file).read_text(encoding="utf-8").replace(f"from {package}.", "from PACKAGE.")


_SHARED = _modules("channels") & _modules("feedback")


def test_the_exceptions_are_there_and_so_are_copies() -> None:
    assert set(_OWN) < _SHARED


@pytest.mark.parametrize("file", sorted(_SHARED - set(_OWN)))
def test_copies_are_the_same(file: str) -> None:
    one, other = map(partial(_without_package, file), ("channels", "feedback"))
    assert one == other, f"channels/{file} and feedback/{file} are copies of each other: change both"
