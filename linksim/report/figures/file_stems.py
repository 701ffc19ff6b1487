"""File-name stems of what has a name of its own."""

import re
from collections.abc import Sequence


def stems(names: Sequence[str]) -> list[str]:
    """File-name stems of names: letters, digits, - and _ only, each once."""
    made: list[str] = []
    for name in names:
        stem = file_stem(name) or "sweep"
        while stem in made:
            stem += "_"
        made.append(stem)
    return made


def file_stem(name: str) -> str:
    """A name in letters, digits, - and _ only."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:60].strip("_")
