"""The device and the channel source that a scenario names."""

from functools import lru_cache

import torch

from channels.source import SOURCES, Source, SourceParameters, Split
from feedback.observation import CsiDimensions
from linksim.content_hash import content_hash
from linksim.errors import InputError
from linksim.scenario.identity import with_contents
from linksim.scenario.model import Scenario
from linksim.subbands import subbands


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


def split_hint(parameters: SourceParameters, split: Split) -> str:
    """Which key says how many samples a split has, as the end of an error message; empty where none does."""
    key = parameters.split_key(split)
    return f" (key channel.{key})" if key else ""


def source_of(scenario: Scenario) -> Source:
    """The source of a scenario; one that took seconds to set up serves every point of the process."""
    return open_source(scenario.channel, scenario.seed, device_of(scenario))


def matrix_shape(scenario: Scenario) -> tuple[int, int]:
    """Shape ``(Na, n_ports)`` of the matrices that a scenario's compressors report, ``n_ports = n_rx n_tx``."""
    return scenario.transform.n_delay, source_of(scenario).array.n_ports


def csi_dimensions(scenario: Scenario) -> CsiDimensions:
    """Sizes of the channels that a scenario's compressors report; subbands are those of the SGCS.

    Raises:
        InputError: if there are more subbands than subcarriers.
    """
    source = source_of(scenario)
    bands = subbands(source.grid.n_subcarriers, scenario.sgcs.n_subbands, "sgcs.n_subbands")
    array = source.array
    return CsiDimensions(
        n_delay=scenario.transform.n_delay,
        n_tx=array.n_tx,
        n_rx=array.n_rx,
        n_polarizations=array.n_polarizations,
        n_rows=array.n_rows,
        bands=tuple((band.start, band.stop) for band in bands),
    )


def open_source(parameters: SourceParameters, seed: int, device: torch.device) -> Source:
    """The source of those parameters; asked for again, the same one, unless a file that it reads has changed."""
    return _open(parameters, seed, device, content_hash(with_contents(parameters.model_dump(mode="json"), "channel")))


@lru_cache(maxsize=16)
def _open(parameters: SourceParameters, seed: int, device: torch.device, content: str) -> Source:
    return SOURCES.get_class(parameters.source)(parameters, seed=seed, device=device)
