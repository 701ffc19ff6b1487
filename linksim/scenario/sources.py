"""The device and the channel source that a scenario names."""

from functools import lru_cache

import torch

from channels.source import SOURCES, Source, SourceParameters
from linksim.content_hash import content_hash
from linksim.errors import InputError
from linksim.scenario.identity import with_contents
from linksim.scenario.model import Scenario


def device_of(scenario: Scenario) -> torch.device:
    """The device that a scenario computes on.

    Raises:
        InputError: if it asks for a GPU and there is none.
    """
    return device_named(scenario.device)


def device_named(name: str) -> torch.device:
    """The device ``cpu``, ``cuda``, or ``auto``: a GPU when there is one.

    Raises:
        InputError: for ``cuda`` without a GPU.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise InputError("device: got 'cuda', expected 'cpu' or 'auto': this machine has no usable CUDA GPU")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def source_of(scenario: Scenario) -> Source:
    """The source of a scenario; one that took seconds to set up serves every point of the process."""
    return open_source(scenario.channel, scenario.seed, device_of(scenario))


def open_source(parameters: SourceParameters, seed: int, device: torch.device) -> Source:
    """The source of those parameters; asked for again, the same one, unless a file that it reads has changed."""
    return _open(parameters, seed, device, content_hash(with_contents(parameters.model_dump(mode="json"), "channel")))


@lru_cache(maxsize=16)
def _open(parameters: SourceParameters, seed: int, device: torch.device, content: str) -> Source:
    return SOURCES.get_class(parameters.source)(parameters, seed=seed, device=device)
