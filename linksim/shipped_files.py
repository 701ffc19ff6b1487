"""Where what ships beside the packages lies, wherever a command runs."""

from pathlib import Path


def shipped_zoo() -> Path:
    """The folder of weights that ship."""
    return Path(__file__).resolve().parents[1] / "zoo"


def shipped_scenarios() -> Path:
    """The folder of scenarios that ship."""
    return Path(__file__).resolve().parents[1] / "scenarios"
