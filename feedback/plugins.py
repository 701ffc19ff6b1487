"""Finds plug-ins by the files they lie in, so that no second list of them is kept."""

from importlib import import_module
from pkgutil import iter_modules


def import_modules(package: str, path: list[str]) -> None:
    """Imports every module of a package, which registers the plug-ins in them.

    Args:
        package: full name of the package.
        path: the package's ``__path__``.
    """
    for module in iter_modules(path):
        import_module(f"{package}.{module.name}")
