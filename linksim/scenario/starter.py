"""A commented scenario to start a study from: ``starter.yaml`` beside this file, under the name of the new file."""

import re
import shlex
from pathlib import Path

from linksim.errors import InputError
from linksim.shipped_files import SUFFIX

_STARTER = Path(__file__).with_name("starter.yaml")
_NAME = "my_study"


def write_starter(file: Path) -> None:
    """Writes the scenario; its name is that of the file as far as names may be so.

    Raises:
        InputError: if the file is there already, is not named ``*.yaml``, or cannot be written.
    """
    if file.suffix != SUFFIX:
        raise InputError(f"{file}: got a name that ends in {file.suffix or 'nothing'!r}, expected FILE{SUFFIX}")
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", file.stem).lstrip("_.-") or _NAME
    text = _STARTER.read_text(encoding="utf-8").replace(_NAME, name).replace("FILE", shlex.quote(file.name))
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError:
        raise InputError(f"{file}: is there already, expected the name of a new file") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be written ({error.strerror}), expected the name of a new file") from None
