"""Folders of trained weights, where a scenario names none: the user's own, then the one that ships.

Weights are named by what they are for, so that the first folder that has a name has the right weights.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import platformdirs

from linksim.errors import InputError
from linksim.shipped_files import is_checkout, shipped_zoo

VARIABLE = "LINKSIM_ZOO"


def default_zoos() -> tuple[Path, ...]:
    """Where weights are looked for, in this order; new ones go to the first.

    That is the folder of the environment variable ``LINKSIM_ZOO``. Without it, it is ``zoo/`` in a checkout, and in an
    installation ``linksim/zoo`` among the user's data (``~/.local/share`` or ``XDG_DATA_HOME`` on Linux), as packages
    may be read-only and go when they are replaced.

    Raises:
        InputError: if ``LINKSIM_ZOO`` is relative, as it would name another folder wherever a command runs.
    """
    named = os.environ.get(VARIABLE)
    if named:
        own = Path(named).expanduser()
        if not own.is_absolute():
            raise InputError(f"{VARIABLE}: got {named!r}, expected an absolute path")
    else:
        own = shipped_zoo() if is_checkout() else platformdirs.user_data_path("linksim") / "zoo"
    return tuple(dict.fromkeys((own, shipped_zoo())))


def find_weights(folders: Sequence[Path], name: str) -> Path:
    """The file of some weights in the first folder that has it, otherwise where it would be kept."""
    return next((file for folder in folders if (file := folder / name).exists()), folders[0] / name)
