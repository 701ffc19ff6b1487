"""Link-level simulation testbed for CSI feedback in FDD massive MIMO."""

from typing import Any


def __getattr__(name: str) -> Any:
    if name == "__version__":
        # The list of installed packages is searched for it.
        from importlib.metadata import version

        return version("linksim")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
