"""What workers will import, by a first look at a scenario's text: reading it properly takes imports of its own."""

import re
from pathlib import Path

_MOST_BYTES = 2**20
_SOURCE = re.compile(rb"\bsource:\s*[\"']?(\w+)")


def likely_imports(scenario: Path) -> list[str] | None:
    """Modules of the sources of channels that a scenario's file seems to name, whether they exist or not.

    Args:
        scenario: the file.

    Returns:
        Their names; ``None`` where the file is not there or cannot be read, which others tell.
    """
    try:
        with scenario.open("rb") as file:
            text = file.read(_MOST_BYTES)
    except OSError:
        return None
    return sorted({f"channels.sources.{name.decode()}.models" for name in _SOURCE.findall(text)})
