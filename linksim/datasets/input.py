"""Channels named on the command line: a scenario, a channel section in YAML, or a data file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import torch

from channels.channel_batch import Snapshots
from channels.formats.hdf5 import open_dataset
from channels.formats.regular_file import require_file
from channels.source import SOURCES, Source, SourceParameters, Split
from linksim.errors import InputError
from linksim.scenario.channel_section import ChannelDocument
from linksim.scenario.document import validated
from linksim.scenario.file import apply_override, load_scenario
from linksim.scenario.outlines import split_hint
from linksim.scenario.paths import resolve_paths
from linksim.scenario.plugin_kinds import SOURCE
from linksim.scenario.sources import open_source
from linksim.scenario.yaml_file import read_document
from linksim.shipped_files import scenario_path

SPEED_OF_LIGHT_M_S = 299792458.0
DEFAULT_ROWS = 32
_EXPECTED = "a scenario or channel section (.yaml), a data set or QuaDRiGa file (.h5), or a data file (.mat)"
_OFTEN_PER_WAVELENGTH = 16


@dataclass(frozen=True)
class ChannelInput:
    """Channels and how to look at them.

    Attributes:
        label: short name for tables and figures.
        parameters: parameters of the source.
        source: the source.
        split: which split to look at.
        n_delay: delay rows, those of a file or scenario.
        step_s: time between the snapshots of a recorded track, ``None`` for anything else.
        n_recorded: snapshots of a recorded track, otherwise 1.
    """

    label: str
    parameters: SourceParameters
    source: Source
    split: Split
    n_delay: int
    step_s: float | None = None
    n_recorded: int = 1

    @property
    def speed_m_s(self) -> float:
        """Speed of a generator's terminals, 0 for a file."""
        return float(getattr(self.parameters, "speed_m_s", 0.0))

    @property
    def moves(self) -> bool:
        """Whether it can give snapshots of a changing channel."""
        return self.n_recorded > 1 or self.speed_m_s > 0

    def snapshots(self, wavelengths: float) -> Snapshots:
        """Snapshots over a way of so many wavelengths, 16 per wavelength, or those of the recorded track."""
        if self.step_s is not None:
            return Snapshots.every(self.step_s, self.n_recorded)
        interval_s = SPEED_OF_LIGHT_M_S / self.source.grid.carrier_hz / _OFTEN_PER_WAVELENGTH / self.speed_m_s
        return Snapshots.every(interval_s, round(wavelengths * _OFTEN_PER_WAVELENGTH) + 1)

    def available(self, wanted: int) -> int:
        """Samples to read: as many as wanted, or as there are.

        Raises:
            InputError: if the split is empty.
        """
        there = self.source.n_samples(self.split)
        if there == 0:
            where = split_hint(self.parameters, self.split)
            raise InputError(f"{self.label}: got no {self.split} samples, expected another --split{where}")
        return wanted if there is None else min(wanted, there)


def open_channel(
    path: Path, split: Split, *, seed: int | None = None, overrides: Sequence[str] = (), speed_m_s: float | None = None
) -> ChannelInput:
    """Opens channels by what the file holds.

    Args:
        path: scenario, channel section, data set of ``linksim dataset build``, QuaDRiGa or CsiNet file.
        split: which split; a single CsiNet file is taken as that split.
        seed: seed of a generator; by default the scenario's, or 1.
        overrides: ``key=value`` settings: keys of the YAML file, or of the source of a data file.
        speed_m_s: speed of a generator's terminals; by default as its parameters say.

    Raises:
        InputError: if it is none of these, a key is wrong, or a speed is given for a file.
        ChannelInputError: if the file is damaged.
    """
    n_delay: int | None = None
    if not path.suffix:
        path = scenario_path(path)
    if path.suffix in (".yaml", ".yml"):
        document = read_document(path)
        if "channel" in document:
            scenario = load_scenario(path, overrides)
            section = scenario.channel.model_dump(mode="json")
            seed = scenario.seed if seed is None else seed
            n_delay, overrides = scenario.transform.n_delay, ()
        else:
            wrapped = {"channel": document}
            resolve_paths(wrapped, path.parent)
            section = wrapped["channel"]
    elif path.suffix in (".h5", ".hdf5"):
        section = _hdf5_section(path)
    elif path.suffix == ".mat":
        section = {"source": "mat", f"{split}_file": str(path)}
    else:
        raise InputError(f"{path}: got a file named *{path.suffix}, expected {_EXPECTED}")
    for override in overrides:
        apply_override(section, override)
    wrapped = {"channel": section}
    resolve_paths(wrapped, Path.cwd())
    section = wrapped["channel"]
    if speed_m_s is not None:
        section["speed_m_s"] = speed_m_s
    parameters = _validated(section, path, speed_m_s)
    source = open_source(parameters, 1 if seed is None else seed, torch.device("cpu"))
    rows, n_recorded, step_s = _layout(parameters, source)
    n_delay = min(n_delay or rows or DEFAULT_ROWS, source.grid.n_subcarriers)
    return ChannelInput(path.stem, parameters, source, split, n_delay, step_s, n_recorded)


def with_distinct_labels(a: ChannelInput, b: ChannelInput) -> tuple[ChannelInput, ChannelInput]:
    """The same two under different labels."""
    if a.label != b.label:
        return a, b
    return replace(a, label=f"{a.label} (A)"), replace(b, label=f"{b.label} (B)")


def _hdf5_section(path: Path) -> dict[str, Any]:
    require_file(path, _EXPECTED)
    try:
        with h5py.File(path, "r") as file:
            built = "manifest" in file.attrs
    except OSError:
        raise InputError(f"{path}: cannot be read as HDF5, expected {_EXPECTED}") from None
    # As stored, because that scale tells how much energy the rows hold.
    return {"source": "dataset" if built else "hdf5", "file": str(path), "normalise": False}


def _validated(section: Mapping[str, Any], path: Path, speed_m_s: float | None) -> SourceParameters:
    source = section.get("source")
    if speed_m_s is not None and isinstance(source, str) and source in SOURCES:
        moves = "speed_m_s" in SOURCE.parameters(source).model_fields
        if not moves:
            raise InputError(f"--speed: {path} is a recording, expected a generator's channel section")
    document = {"channel": dict(section)}
    return validated(ChannelDocument, document, lambda line: f"{path}: {line.removeprefix('channel.')}").channel


def _layout(parameters: SourceParameters, source: Source) -> tuple[int | None, int, float | None]:
    """Rows, snapshots and their interval in a file; ``None``, 1, ``None`` for a generator."""
    match parameters.source:
        case "dataset":
            return int(getattr(source, "manifest").n_delay), 1, None  # noqa: B009 - no attribute of every source
        case "mat":
            return int(getattr(parameters, "n_delay")), 1, None  # noqa: B009
        case "hdf5":
            with open_dataset(getattr(parameters, "file"), "X") as dataset:  # noqa: B009
                shape = tuple(dataset.shape)
                step_s = float(dataset.file.attrs["dt"]) if len(shape) == 4 else None
            return shape[-2], shape[1] if len(shape) == 4 else 1, step_s
        case _:
            return None, 1, None
