"""Tables of the context codec, trained on a mixture of channel sources that one document names."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from channels.source import BLOCK_SIZE, Source
from channels.source_parameters import SourceParameters
from feedback.context_codec.training import save_tables, train_tables
from linksim.errors import InputError
from linksim.scenario.document import validated
from linksim.scenario.file import read_overridden
from linksim.scenario.outlines import split_hint
from linksim.scenario.plugin_sections import ChannelSection
from linksim.scenario.section import Section
from linksim.scenario.sources import open_source


class ContextTables(Section):
    """What the tables of the context codec learn from."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    description: str = ""
    seed: int = Field(default=1, ge=0, lt=2**63, description="of channels and training; one that no test uses")
    samples: int = Field(default=2500, ge=1, description="training channels of each source")
    n_delay: int = Field(default=32, ge=1, description="delay rows Na")
    hidden_units: int = Field(default=5, ge=1, le=16, description="of the network that chooses the tables")
    network_steps: int = Field(default=6000, ge=1, description="steps of its training")
    sources: dict[str, ChannelSection] = Field(min_length=1, description="label -> channel section")


def train_context_tables(
    file: Path,
    overrides: Sequence[str],
    out: Path,
    command: str,
    tell: Callable[[str], None],
    without: Sequence[str] = (),
) -> None:
    """Trains tables and writes them, a document beside them that says from what.

    Args:
        file: YAML document of ``ContextTables``.
        overrides: ``path.to.key=value`` settings, values in YAML.
        out: safetensors file to write.
        command: how it was started, for the document.
        tell: called with one progress line.
        without: labels of sources that are left out, to see how tables do on channels that they never saw.

    Raises:
        InputError: one line with file, key, found and expected.
    """
    if out.suffix != ".safetensors":
        raise InputError(f"--out: got {out.name}, expected a name that ends in .safetensors")
    wanted = validated(ContextTables, read_overridden(file, overrides), lambda line: f"{file}: {line}")
    kept = checked_without(wanted.sources, without)
    channels = {}
    for label, section in kept.items():
        tell(f"making {wanted.samples} channels of {label}")
        source = open_source(section, wanted.seed, torch.device("cpu"))
        available = source.n_samples("train")
        if available is not None and available < wanted.samples:
            hint = split_hint(section, "train")
            raise InputError(
                f"{file}: sources.{label}: got {available} train channels, expected {wanted.samples} (samples){hint}"
            )
        channels[label] = coding_axes(source, _channels(source, wanted.samples, wanted.n_delay))
    tables = train_tables(
        channels,
        seed=wanted.seed,
        hidden_units=wanted.hidden_units,
        network_steps=wanted.network_steps,
        tell=tell,
    )
    sources = {label: section.model_dump(mode="json") for label, section in kept.items()}
    save_tables(out, tables, {"command": command, **wanted.model_dump(mode="json"), "sources": sources})


def checked_without(sources: Mapping[str, SourceParameters], without: Sequence[str]) -> dict[str, SourceParameters]:
    """Sources to learn from: all but those that are left out.

    Raises:
        InputError: if one is left out that there is not.
    """
    if unknown := [label for label in without if label not in sources]:
        raise InputError(f"--without: got {unknown[0]!r}, expected one of {', '.join(sources)}")
    return {label: section for label, section in sources.items() if label not in without}


def coding_axes(source: Source, csi: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Angular-delay matrices ``[n, Na, n_ports]`` of a source as delays, layers, tilts and columns."""
    array = source.array
    return csi.reshape(*csi.shape[:2], array.n_rx * array.n_polarizations, array.n_rows, array.n_columns)


def _channels(source: Source, count: int, n_delay: int) -> NDArray[np.complex64]:
    parts = [
        source.read_truncated("train", start, min(start + BLOCK_SIZE, count), n_delay)
        for start in range(0, count, BLOCK_SIZE)
    ]
    csi: NDArray[np.complex64] = torch.cat(parts).numpy()
    # A channel without energy teaches nothing.
    return csi[np.abs(csi).max(axis=(1, 2)) > 0]
