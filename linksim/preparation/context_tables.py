"""Tables of the context codec, trained on a mixture of channel sources that one document names."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from channels.channel_batch import Snapshots
from channels.source import BLOCK_SIZE, Source, Split
from channels.source_parameters import SourceParameters
from feedback.beam_delay import BeamDelay
from feedback.context_codec.training import EIGENVECTORS, MATRICES, save_tables, train_tables
from feedback.files import write_whole
from linksim.content_hash import content_hash
from linksim.errors import InputError
from linksim.scenario.document import validated
from linksim.scenario.file import read_overridden
from linksim.scenario.outlines import split_hint
from linksim.scenario.plugin_sections import ChannelSection
from linksim.scenario.results_versions import source_versions
from linksim.scenario.section import Section
from linksim.scenario.sources import open_source
from linksim.subband_eigenvectors import subband_eigenvectors
from linksim.subbands import subbands


class ContextTables(Section):
    """What the tables of the context codec learn from."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    description: str = ""
    seed: int = Field(default=1, ge=0, lt=2**63, description="of channels and training; one that no test uses")
    samples: int = Field(default=2500, ge=1, description="training channels of each source")
    csi: Literal["matrix", "eigenvectors"] = Field(
        default="matrix", description="what the reports are of: angular-delay matrices, or eigenvectors of subbands"
    )
    n_delay: int = Field(default=32, ge=1, description="delay rows Na of matrices")
    n_subbands: int = Field(default=13, ge=1, description="subbands of eigenvectors")
    rank: int = Field(default=1, ge=1, le=4, description="layers of eigenvectors, at most the UE's antennas")
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
    keep: Path | None = None,
) -> None:
    """Trains tables and writes them, a document beside them that says from what.

    Args:
        file: YAML document of ``ContextTables``.
        overrides: ``path.to.key=value`` settings, values in YAML.
        out: safetensors file to write.
        command: how it was started, for the document.
        tell: called with one progress line.
        without: labels of sources that are left out, to see how tables do on channels that they never saw.
        keep: folder of channels that were made before, for those made here too.

    Raises:
        InputError: one line with file, key, found and expected.
    """
    if out.suffix != ".safetensors":
        raise InputError(f"--out: got {out.name}, expected a name that ends in .safetensors")
    wanted = validated(ContextTables, read_overridden(file, overrides), lambda line: f"{file}: {line}")
    kept = checked_without(wanted.sources, without)
    channels: dict[str, NDArray[np.complex64]] = {}
    for label, section in kept.items():
        channels |= _kept(keep, wanted, section, partial(_made, file, wanted, label, section, tell), label)
    tables = train_tables(
        channels,
        seed=wanted.seed,
        hidden_units=wanted.hidden_units,
        network_steps=wanted.network_steps,
        tell=tell,
        plan=MATRICES if wanted.csi == "matrix" else EIGENVECTORS,
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


def _made(
    file: Path, wanted: ContextTables, label: str, section: SourceParameters, tell: Callable[[str], None]
) -> list[NDArray[np.complex64]]:
    """Training channels of a source in the axes of the codec, layer by layer."""
    tell(f"making {wanted.samples} channels of {label}")
    source = open_source(section, wanted.seed, torch.device("cpu"))
    available = source.n_samples("train")
    if available is not None and available < wanted.samples:
        hint = split_hint(section, "train")
        raise InputError(
            f"{file}: sources.{label}: got {available} train channels, expected {wanted.samples} (samples){hint}"
        )
    if wanted.csi == "matrix":
        return [coding_axes(source, _channels(source, wanted.samples, wanted.n_delay))]
    return eigenvector_coefficients(source, "train", wanted.samples, wanted.n_subbands, wanted.rank)


def _kept(
    folder: Path | None,
    wanted: ContextTables,
    section: SourceParameters,
    make: Callable[[], list[NDArray[np.complex64]]],
    label: str,
) -> dict[str, NDArray[np.complex64]]:
    """Channels that a folder has of a source, or that it has afterwards; by label, layers apart."""
    told = wanted.model_dump(mode="json", include={"seed", "samples", "csi", "n_delay", "n_subbands", "rank"})
    key = content_hash([told, section.model_dump(mode="json"), source_versions(section)])
    file = None if folder is None else folder / f"channels-{key}.npz"
    if file is not None and file.exists():
        with np.load(file, allow_pickle=False) as opened:
            found = [opened[name] for name in opened.files]
    else:
        found = make()
        if file is not None:
            content = BytesIO()
            np.savez(content, *found)
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, content.getvalue())
    return {f"{label}, layer {n + 1}" if len(found) > 1 else label: layer for n, layer in enumerate(found)}


def coding_axes(source: Source, csi: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Angular-delay matrices ``[n, Na, n_ports]`` of a source as delays, layers, tilts and columns."""
    array = source.array
    return csi.reshape(*csi.shape[:2], array.n_rx * array.n_polarizations, array.n_rows, array.n_columns)


def eigenvector_coefficients(
    source: Source, split: Split, count: int, n_subbands: int, rank: int
) -> list[NDArray[np.complex64]]:
    """True eigenvectors as the codec gets them, ``[n, n_subbands, polarisations, rows, columns]``, layer by layer."""
    array, bands = source.array, subbands(source.grid.n_subcarriers, n_subbands)
    form = BeamDelay(n_subbands, array.n_polarizations, array.n_rows, array.n_columns)
    parts = []
    for start in range(0, count, BLOCK_SIZE):
        response = source.read(split, start, min(start + BLOCK_SIZE, count), Snapshots()).response[:, 0]
        matrices = response.unflatten(-1, (array.n_rx, array.n_tx))
        vectors = subband_eigenvectors(matrices, bands, min(rank, array.n_rx)).transpose(1, 2)
        parts.append(form.compact(vectors)[0].numpy())
    found = np.concatenate(parts)
    # Vectors of zeros teach nothing.
    return [layer[np.abs(layer).max(axis=(1, 2, 3, 4)) > 0] for layer in found.swapaxes(0, 1)]


def _channels(source: Source, count: int, n_delay: int) -> NDArray[np.complex64]:
    parts = [
        source.read_truncated("train", start, min(start + BLOCK_SIZE, count), n_delay)
        for start in range(0, count, BLOCK_SIZE)
    ]
    csi: NDArray[np.complex64] = torch.cat(parts).numpy()
    # A channel without energy teaches nothing.
    return csi[np.abs(csi).max(axis=(1, 2)) > 0]
