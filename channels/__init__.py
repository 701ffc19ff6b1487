"""Where downlink channels come from and what the UE makes of them.

>>> import channels
>>> source = channels.open_source("cost2100", environment="indoor", seed=7)
>>> source.read_truncated("test", 0, 10, n_delay=32).shape
torch.Size([10, 32, 32])
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from channels.channel_batch import ArrayShape, OfdmGrid, Paths, Snapshots
    from channels.errors import ChannelInputError
    from channels.source import SOURCES, Source
    from channels.transforms.angular_delay import AngularDelayTransform

__all__ = [
    "SOURCES",
    "AngularDelayTransform",
    "ArrayShape",
    "ChannelInputError",
    "OfdmGrid",
    "Paths",
    "Snapshots",
    "Source",
    "open_source",
]

_MODULES = {
    "SOURCES": "channels.source_parameters",
    "AngularDelayTransform": "channels.transforms.angular_delay",
    "ArrayShape": "channels.dimensions",
    "ChannelInputError": "channels.errors",
    "OfdmGrid": "channels.dimensions",
    "Paths": "channels.channel_batch",
    "Snapshots": "channels.dimensions",
    "Source": "channels.source",
}


def open_source(name: str, /, *, seed: int = 1, device: str = "cpu", **keys: Any) -> "Source":
    """A source of channels by its name in scenarios.

    >>> open_source("cost2100", environment="outdoor_nlos").grid.n_subcarriers
    1024

    Args:
        name: as the key ``channel.source``; ``channels.SOURCES`` has them all.
        seed: of what is drawn; sample ``i`` of a split is the same whenever it is asked for.
        device: ``cpu`` or ``cuda``.
        keys: the other keys of the section ``channel``; names of files are relative to the working folder.

    Raises:
        ChannelInputError: if there is no such source, a key is wrong, or a file cannot be read; one line.
    """
    import torch
    from pydantic import ValidationError

    from channels.errors import ChannelInputError
    from channels.source_parameters import SOURCES

    if name not in SOURCES:
        names = ", ".join(sorted(map(str, SOURCES.keys())))
        raise ChannelInputError(f"source: got {name!r}, expected one of {names}")
    model = SOURCES.parameters(name)
    try:
        parameters = model.model_validate({"source": name, **keys})
    except ValidationError as error:
        known = ", ".join(key for key in model.model_fields if key != "source")
        raise ChannelInputError(_refusal(name, error.errors()[0], known)) from None
    if device.partition(":")[0] not in ("cpu", "cuda"):
        raise ChannelInputError(f"device: got {device!r}, expected cpu or cuda")
    opened: Source = SOURCES.get_class(name)(parameters, seed=seed, device=torch.device(device))
    return opened


def _refusal(name: str, problem: Any, known: str) -> str:
    """A problem that pydantic found, in one line."""
    where = ".".join([name, *map(str, problem["loc"])])
    if problem["type"] == "extra_forbidden":
        return f"{where}: no such key, expected one of {known}"
    message = " ".join(problem["msg"].split())
    if problem["type"] == "value_error":
        return f"{where}: {message.removeprefix('Value error, ')}"
    found = "nothing" if problem["type"] == "missing" else f"{problem['input']!r}"[:60]
    return f"{where}: got {found}, expected {message.removeprefix('Input should be ')}"


# A library shows nothing by itself: what is logged goes where the program that uses it says.
logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    # Loaded when asked for (PEP 562).
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
