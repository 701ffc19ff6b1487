"""Where scenarios and trained weights that ship lie, wherever a command runs; a scenario by its name.

In a checkout they lie beside the packages, in ``scenarios/`` and ``zoo/``; an installation has them in
``linksim/shipped/`` (``setup.py``).
"""

from pathlib import Path

from linksim.errors import InputError

SUFFIX = ".yaml"
_PACKAGE = Path(__file__).resolve().parent


def is_checkout() -> bool:
    """Whether these packages lie in a checkout, not in an installation."""
    return not (_PACKAGE / "shipped").is_dir()


def shipped_zoo() -> Path:
    """The folder of weights that ship."""
    return _shipped("zoo")


def shipped_scenarios() -> Path:
    """The folder of scenarios that ship."""
    return _shipped("scenarios")


def scenario_path(scenario: str | Path, below: str = "") -> Path:
    """A file as it is named, or the one that ships under that name.

    A name without ``.yaml`` is that of a scenario or study that ships, unless a file has just this name.

    Args:
        scenario: file or name.
        below: folder of shipped scenarios whose files need not be named with it, as ``studies``.

    >>> scenario_path("reproduce/acrnet-table1").name
    'acrnet-table1.yaml'

    Raises:
        InputError: if there is neither.
    """
    path = Path(scenario)
    # A folder that happens to have the name of a scenario hides none.
    if path.suffix == SUFFIX or (path.exists() and not path.is_dir()):
        return path
    folder = shipped_scenarios()
    for shipped in (folder / below / f"{scenario}{SUFFIX}", folder / f"{scenario}{SUFFIX}"):
        if shipped.is_file() and shipped.resolve().is_relative_to(folder):
            return shipped
    names = ", ".join(sorted(file.stem for file in (folder / below).glob(f"*{SUFFIX}")))
    found, what = "a folder" if path.is_dir() else "no such file", "a file" if below else "a scenario"
    raise InputError(f"{scenario}: {found}, expected {what} in YAML, or one that ships: {names}")


def _shipped(name: str) -> Path:
    return (_PACKAGE.parent if is_checkout() else _PACKAGE / "shipped") / name
