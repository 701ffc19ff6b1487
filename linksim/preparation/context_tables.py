"""Tables of the context codec, trained on a mixture of channel sources that one document names."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator

from channels.channel_batch import Snapshots
from channels.source import BLOCK_SIZE, Source, Split
from channels.source_parameters import SourceParameters
from feedback.beam_delay import BeamDelay
from feedback.context_codec.tables import ContextTables as Tables
from feedback.context_codec.training import EIGENVECTORS, MATRICES, save_tables, train_tables
from feedback.eigenvector_memory_training import VectorSequences, train_eigenvector_memory
from linksim.content_hash import content_hash
from linksim.files import kept_tensors, save_tensors
from linksim.preparation.output_room import keep_somewhere
from linksim.preparation.training_sources import TrainingSources, matrices_of, opened_source, read_training_sources
from linksim.scenario.identity import with_contents
from linksim.scenario.results_versions import source_versions
from linksim.subband_eigenvectors import subband_eigenvectors
from linksim.subbands import subbands

_LOGGER = logging.getLogger(__name__)


class ContextTables(TrainingSources):
    """What the tables of the context codec learn from."""

    csi: Literal["matrix", "eigenvectors"] = Field(
        default="matrix", description="what the reports are of: angular-delay matrices, or eigenvectors of subbands"
    )
    n_subbands: int = Field(default=13, ge=1, description="subbands of eigenvectors")
    rank: int = Field(default=1, ge=1, le=4, description="layers of eigenvectors, at most the UE's antennas")
    memory: Literal[0, 1] = Field(
        default=0, description="1: of eigenvectors' reports that build on the one before; sources are seen over time"
    )
    report_period_s: float = Field(default=0.005, gt=0, le=10, description="with memory: time between reports, s")
    n_reports: int = Field(default=5, ge=2, le=1000, description="with memory: reports of each UE")
    hidden_units: int = Field(default=5, ge=1, le=16, description="of the network that chooses the tables")
    network_steps: int = Field(default=6000, ge=1, description="steps of its training")

    @model_validator(mode="after")
    def _memory_of_eigenvectors(self) -> Self:
        if self.memory and self.csi == "matrix":
            raise ValueError("memory: got 1 with csi 'matrix', expected it with csi 'eigenvectors'")
        return self


def train_context_tables(
    file: Path,
    overrides: Sequence[str],
    out: Path,
    command: str,
    without: Sequence[str] = (),
    keep: Path | None = None,
) -> None:
    """Trains tables and writes them, a document beside them that says from what.

    Args:
        file: YAML document of ``ContextTables``.
        overrides: ``path.to.key=value`` settings, values in YAML.
        out: safetensors file to write.
        command: how it was started, for the document.
        without: labels of sources that are left out, to see how tables do on channels that they never saw.
        keep: folder of channels that were made before, for those made here too.

    Raises:
        InputError: one line with file, key, found and expected.
    """
    wanted, learnt = read_training_sources(ContextTables, file, overrides, out, without)
    if wanted.memory:
        tables = train_eigenvector_memory(
            [_kept_sequences(file, wanted, label, section, keep) for label, section in learnt.items()],
            seed=wanted.seed,
            hidden_units=wanted.hidden_units,
            network_steps=wanted.network_steps,
            tell=_LOGGER.info,
        )
    else:
        channels = {
            label: kept_channels(file, wanted, label, section, "train", wanted.samples, keep)
            for label, section in learnt.items()
        }
        tables = learn_tables(wanted, channels)
    sources = {label: section.model_dump(mode="json") for label, section in learnt.items()}
    document = {"command": command, **wanted.model_dump(mode="json"), "sources": sources}
    keep_somewhere(lambda place: save_tables(place, tables, document), out, key="--out")


def learn_tables(wanted: ContextTables, channels: Mapping[str, Sequence[NDArray[np.complex64]]]) -> Tables:
    """Tables of the channels of some sources.

    Args:
        wanted: how they learn.
        channels: of ``kept_channels``, by label.
    """
    layers: dict[str, NDArray[np.complex64]] = {}
    for label, each in channels.items():
        layers |= {f"{label}, layer {n + 1}" if len(each) > 1 else label: layer for n, layer in enumerate(each)}
    return train_tables(
        layers,
        seed=wanted.seed,
        hidden_units=wanted.hidden_units,
        network_steps=wanted.network_steps,
        tell=_LOGGER.info,
        plan=MATRICES if wanted.csi == "matrix" else EIGENVECTORS,
    )


def channels_key(wanted: ContextTables, section: SourceParameters, split: Split, count: int) -> str:
    """Names the channels of a source, by what its files hold."""
    said = wanted.model_dump(mode="json", include={"seed", "csi", "n_delay", "n_subbands", "rank"})
    channel = with_contents(section.model_dump(mode="json"), "channel")
    return content_hash([said, channel, source_versions(section), split, count])


def kept_channels(
    file: Path,
    wanted: ContextTables,
    label: str,
    section: SourceParameters,
    split: Split,
    count: int,
    folder: Path | None,
) -> list[NDArray[np.complex64]]:
    """Channels of a source in the axes of the codec, ``[n, rows, layers, tilts, columns]``; eigenvectors by layer.

    Args:
        file: the document, for messages.
        wanted: what it says.
        label: the source's in it.
        section: the source's section.
        split: train, or test.
        count: how many; those without energy are left out.
        folder: has them afterwards; ``None`` where they are not kept.

    Raises:
        InputError: if the source has fewer.
    """
    return _kept(
        folder,
        channels_key(wanted, section, split, count),
        lambda: _made(file, wanted, label, section, split, count),
    )


def _kept(
    folder: Path | None, key: str, make: Callable[[], list[NDArray[np.complex64]]]
) -> list[NDArray[np.complex64]]:
    """Arrays that a folder has under a key, and afterwards in any case; ``None``: they are made."""
    if folder is None:
        return make()
    kept_file = folder / f"channels-{key}.safetensors"
    kept = kept_tensors(kept_file)
    if kept is not None:
        layers = [kept.tensors[str(n)] for n in range(len(kept.tensors))]
        return [torch.view_as_complex(layer).numpy() for layer in layers]
    made = make()
    folder.mkdir(parents=True, exist_ok=True)
    save_tensors(kept_file, {str(n): torch.view_as_real(torch.from_numpy(layer)) for n, layer in enumerate(made)})
    return made


def _kept_sequences(
    file: Path, wanted: ContextTables, label: str, section: SourceParameters, folder: Path | None
) -> VectorSequences:
    """Eigenvectors of a source over time."""
    source = opened_source(file, label, section, wanted.seed, {"train": wanted.samples})
    times = Snapshots.every(wanted.report_period_s, wanted.n_reports)

    def make() -> list[NDArray[np.complex64]]:
        _LOGGER.info("making %d channels of %s at %d times", wanted.samples, label, times.n)
        return [eigenvector_sequences(source, wanted.samples, wanted.n_subbands, wanted.rank, times)]

    key = content_hash([channels_key(wanted, section, "train", wanted.samples), times.times_s])
    array = source.array
    form = BeamDelay(wanted.n_subbands, array.n_polarizations, array.n_rows, array.n_columns)
    return VectorSequences(form, _kept(folder, key, make)[0])


def eigenvector_sequences(
    source: Source, count: int, n_subbands: int, rank: int, times: Snapshots
) -> NDArray[np.complex64]:
    """True eigenvectors over time, ``[n, n_reports, n_layers, n_subbands, n_ports]``; UEs with none are left out."""
    array, bands = source.array, subbands(source.grid.n_subcarriers, n_subbands)
    parts = []
    for start in range(0, count, BLOCK_SIZE):
        response = source.read("train", start, min(start + BLOCK_SIZE, count), times).response
        matrices = response.flatten(0, 1).unflatten(-1, (array.n_rx, array.n_tx))
        vectors = subband_eigenvectors(matrices, bands, min(rank, array.n_rx)).transpose(1, 2)
        parts.append(vectors.unflatten(0, (-1, times.n)).to(torch.complex64).numpy())
    found: NDArray[np.complex64] = np.concatenate(parts)
    return found[np.abs(found).max(axis=-1).min(axis=(1, 2, 3)) > 0]


def _made(
    file: Path, wanted: ContextTables, label: str, section: SourceParameters, split: Split, count: int
) -> list[NDArray[np.complex64]]:
    of = "" if split == "train" else f"{split} "
    _LOGGER.info("making %d %schannels of %s", count, of, label)
    source = opened_source(file, label, section, wanted.seed, {split: count})
    if wanted.csi == "matrix":
        return [coding_axes(source, matrices_of(source, split, count, wanted.n_delay))]
    return eigenvector_coefficients(source, split, count, wanted.n_subbands, wanted.rank)


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
