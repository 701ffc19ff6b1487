"""Sources that a codec or its reconstruction learns from: their document, and their channels."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from channels.source import BLOCK_SIZE, Source, Split
from channels.source_parameters import SourceParameters
from linksim.errors import InputError
from linksim.preparation.output_room import require_room
from linksim.scenario.document import validated
from linksim.scenario.file import read_overridden
from linksim.scenario.outlines import split_hint
from linksim.scenario.plugin_sections import ChannelSection
from linksim.scenario.section import Section
from linksim.scenario.sources import open_source

# Of a file of tables or filters, at most.
_MAX_BYTES = 2**22


class TrainingSources(Section):
    """What every document of sources to learn from says."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    description: str = ""
    seed: int = Field(default=1, ge=0, lt=2**63, description="of channels and training; one that no test uses")
    samples: int = Field(default=2500, ge=1, le=10**7, description="training channels of each source")
    n_delay: int = Field(default=32, ge=1, description="delay rows Na of matrices")
    sources: dict[str, ChannelSection] = Field(min_length=1, description="label -> channel section")


Document = TypeVar("Document", bound=TrainingSources)


def read_training_sources(
    model: type[Document], file: Path, overrides: Sequence[str], out: Path, without: Sequence[str]
) -> tuple[Document, dict[str, SourceParameters]]:
    """A document of sources, and those of them to learn from.

    Args:
        model: what the document should be.
        file: YAML document.
        overrides: ``path.to.key=value`` settings, values in YAML.
        out: file that what is learnt goes to.
        without: labels of sources that are not learnt from.

    Raises:
        InputError: one line with file, key, found and expected.
    """
    if out.suffix != ".safetensors":
        raise InputError(f"--out: got {out.name}, expected a name that ends in .safetensors")
    wanted = validated(model, read_overridden(file, overrides), lambda line: f"{file}: {line}")
    if unknown := [label for label in without if label not in wanted.sources]:
        raise InputError(f"--without: got {unknown[0]!r}, expected one of {', '.join(wanted.sources)}")
    learnt = {label: section for label, section in wanted.sources.items() if label not in without}
    if not learnt:
        raise InputError("--without: got all sources, expected one to be left")
    require_room({out: _MAX_BYTES}, "--out")
    return wanted, learnt


def opened_source(file: Path, label: str, section: SourceParameters, seed: int, counts: Mapping[Split, int]) -> Source:
    """A source that has as many channels of each split as are wanted.

    Raises:
        InputError: if it has fewer.
    """
    source = open_source(section, seed, torch.device("cpu"))
    for split, count in counts.items():
        available = source.n_samples(split)
        if available is not None and available < count:
            hint = split_hint(section, split)
            raise InputError(f"{file}: sources.{label}: got {available} {split} channels, expected {count}{hint}")
    return source


def matrices_of(source: Source, split: Split, count: int, n_delay: int) -> NDArray[np.complex64]:
    """Angular-delay matrices ``[n, Na, n_ports]``; those without energy, which teach nothing, are left out."""
    parts = [
        source.read_truncated(split, start, min(start + BLOCK_SIZE, count), n_delay)
        for start in range(0, count, BLOCK_SIZE)
    ]
    csi: NDArray[np.complex64] = torch.cat(parts).numpy()
    return csi[np.abs(csi).max(axis=(1, 2)) > 0]
