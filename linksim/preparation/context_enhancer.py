"""Filters that refine the context codec's reports at the BS, trained on the channel sources that one document names."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from channels.source import BLOCK_SIZE, Source, Split
from feedback.context_codec.codec import amplitude
from feedback.context_codec.tables import shipped_tables
from feedback.enhancement.gated_filters import GatedFilters
from feedback.enhancement.training import Course, Gain, save_filters, train_filters
from linksim.errors import InputError
from linksim.preparation.context_tables import checked_without
from linksim.scenario.document import validated
from linksim.scenario.file import read_overridden
from linksim.scenario.plugin_sections import ChannelSection
from linksim.scenario.section import Section
from linksim.scenario.sources import open_source


class ContextEnhancer(Section):
    """What the filters learn from."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    description: str = ""
    seed: int = Field(default=1, ge=0, lt=2**63, description="of channels and training; one that no test uses")
    samples: int = Field(default=10000, ge=1, description="training channels of each source")
    held_out: int = Field(default=250, ge=1, description="channels of each source that gains are told of")
    reports: int = Field(default=200000, ge=1, description="reports to learn from, each seen once")
    n_delay: int = Field(default=32, ge=1, description="delay rows Na")
    sources: dict[str, ChannelSection] = Field(min_length=1, description="label -> channel section")


def train_context_enhancer(
    file: Path,
    overrides: Sequence[str],
    out: Path,
    command: str,
    tell: Callable[[str], None],
    without: Sequence[str] = (),
) -> None:
    """Trains filters and writes them, a document beside them that says from what and with what gain.

    The state of the training is kept beside the file until it is finished: the same call goes on after a kill.

    Args:
        file: YAML document of ``ContextEnhancer``.
        overrides: ``path.to.key=value`` settings, values in YAML.
        out: safetensors file to write.
        command: how it was started, for the document.
        tell: called with one progress line.
        without: labels of sources that are not learnt from; gains are told of them all the same.

    Raises:
        InputError: one line with file, key, found and expected.
    """
    if out.suffix != ".safetensors":
        raise InputError(f"--out: got {out.name}, expected a name that ends in .safetensors")
    wanted = validated(ContextEnhancer, read_overridden(file, overrides), lambda line: f"{file}: {line}")
    learnt = checked_without(wanted.sources, without)
    channels, held_out, sizes = {}, {}, set()
    for label, section in wanted.sources.items():
        source = open_source(section, wanted.seed, torch.device("cpu"))
        sizes.add((source.array.n_ports, source.array.n_columns))
        ports, columns = source.array.n_ports, source.array.n_columns
        if len(sizes) > 1 or ports != columns:
            raise InputError(
                f"{file}: sources.{label}: got {ports} ports in {columns} columns, expected one row of antennas, the "
                "same of all sources"
            )
        tell(f"making channels of {label}")
        held_out[label] = _channels(source, "validation", wanted.held_out, wanted.n_delay)
        if label in learnt:
            channels[label] = _channels(source, "train", wanted.samples, wanted.n_delay)
    curve: list[tuple[int, list[Gain]]] = []

    def note(reports: int, gains: list[Gain]) -> None:
        curve.append((reports, gains))
        tell(f"{reports} reports: {_words(gains)}")

    network, tables = GatedFilters(), shipped_tables()
    state_file = out.with_suffix(".state")
    gains = train_filters(network, tables, channels, held_out, Course(wanted.reports), wanted.seed, state_file, note)
    tell(f"gains in dB: {_words(gains)}")
    document = {
        "command": command,
        **wanted.model_dump(mode="json"),
        "sources": {label: learnt[label].model_dump(mode="json") for label in channels},
        "tables": tables.digest,
        "gains": [asdict(gain) for gain in gains],
        "curve": [{"reports": reports, "gain_db": _mean_gain(found)} for reports, found in curve],
    }
    save_filters(out, network, document)


def _channels(source: Source, split: Split, count: int, n_delay: int) -> NDArray[np.complex64]:
    """Matrices of unit power, those without energy left out."""
    parts = [
        source.read_truncated(split, start, min(start + BLOCK_SIZE, count), n_delay)
        for start in range(0, count, BLOCK_SIZE)
    ]
    csi: NDArray[np.complex64] = torch.cat(parts).numpy()
    size = amplitude(csi.astype(np.complex128))
    scaled: NDArray[np.complex64] = (csi[size > 0] / size[size > 0, None, None]).astype(np.complex64)
    return scaled


def _words(gains: list[Gain]) -> str:
    return ", ".join(f"{gain.source} at {gain.bits:.0f} bits {gain.after_db - gain.before_db:+.2f}" for gain in gains)


def _mean_gain(gains: list[Gain]) -> float:
    return round(sum(gain.before_db - gain.after_db for gain in gains) / len(gains), 4)
