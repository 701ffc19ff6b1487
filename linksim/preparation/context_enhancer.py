"""Filters that refine the context codec's reports at the BS, trained on the channel sources that one document names."""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from channels.source import Split
from feedback.context_codec.codec import amplitude
from feedback.context_codec.tables import shipped_tables
from feedback.enhancement.gated_filters import GatedFilters
from feedback.enhancement.training import Course, Gain, save_filters, train_filters
from linksim.errors import InputError
from linksim.preparation.output_room import keep_somewhere
from linksim.preparation.training_sources import TrainingSources, matrices_of, opened_source, read_training_sources

_LOGGER = logging.getLogger(__name__)


class ContextEnhancer(TrainingSources):
    """What the filters learn from."""

    samples: int = Field(default=10000, ge=1, le=10**7, description="training channels of each source")
    held_out: int = Field(default=250, ge=1, le=10**7, description="channels of each source that gains are told of")
    reports: int = Field(default=200000, ge=1, description="reports to learn from, each seen once")


def train_context_enhancer(
    file: Path,
    overrides: Sequence[str],
    out: Path,
    command: str,
    without: Sequence[str] = (),
) -> None:
    """Trains filters and writes them, a document beside them that says from what and with what gain.

    The state of the training is kept beside the file until it is finished: the same call goes on after a kill.

    Args:
        file: YAML document of ``ContextEnhancer``.
        overrides: ``path.to.key=value`` settings, values in YAML.
        out: safetensors file to write.
        command: how it was started, for the document.
        without: labels of sources that are not learnt from; gains are told of them all the same.

    Raises:
        InputError: one line with file, key, found and expected.
    """
    wanted, learnt = read_training_sources(ContextEnhancer, file, overrides, out, without)
    channels, held_out, sizes = {}, {}, set()
    for label, section in wanted.sources.items():
        counts: dict[Split, int] = {"validation": wanted.held_out}
        if label in learnt:
            counts["train"] = wanted.samples
        source = opened_source(file, label, section, wanted.seed, counts)
        ports, columns = source.array.n_ports, source.array.n_columns
        sizes.add((ports, columns))
        if len(sizes) > 1 or ports != columns:
            raise InputError(
                f"{file}: sources.{label}: got {ports} ports in {columns} columns, expected one row of antennas, the "
                "same of all sources"
            )
        _LOGGER.info("making channels of %s", label)
        made = {split: _unit_power(matrices_of(source, split, n, wanted.n_delay)) for split, n in counts.items()}
        held_out[label] = made["validation"]
        if label in learnt:
            channels[label] = made["train"]
    curve: list[tuple[int, list[Gain]]] = []

    def note(reports: int, gains: list[Gain]) -> None:
        curve.append((reports, gains))
        _LOGGER.info("%d reports: %s", reports, _words(gains))

    network, tables = GatedFilters(), shipped_tables()
    state_file = out.with_suffix(".state")
    gains = train_filters(network, tables, channels, held_out, Course(wanted.reports), wanted.seed, state_file, note)
    _LOGGER.info("gains in dB: %s", _words(gains))
    document = {
        "command": command,
        **wanted.model_dump(mode="json"),
        "sources": {label: learnt[label].model_dump(mode="json") for label in channels},
        "tables": tables.digest,
        "gains": [asdict(gain) for gain in gains],
        "curve": [{"reports": reports, "gain_db": _mean_gain(found)} for reports, found in curve],
    }
    keep_somewhere(lambda place: save_filters(place, network, document), out, key="--out")
    state_file.unlink(missing_ok=True)


def _unit_power(csi: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Matrices ``[n, Na, n_ports]`` whose entries have a root mean square of 1 each."""
    size = amplitude(csi.astype(np.complex128))
    return (csi / size[:, None, None]).astype(np.complex64)


def _words(gains: list[Gain]) -> str:
    return ", ".join(f"{gain.source} at {gain.bits:.0f} bits {gain.after_db - gain.before_db:+.2f}" for gain in gains)


def _mean_gain(gains: list[Gain]) -> float:
    return round(sum(gain.before_db - gain.after_db for gain in gains) / len(gains), 4)
