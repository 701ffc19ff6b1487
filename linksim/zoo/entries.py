"""The zoo: what its documents say, and whether it is what they say.

The document beside each tensors' file is the one record of it; the table of the zoo is read off the documents.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from feedback.checkpoint import check_size, load_checkpoint
from feedback.checkpoint_info import CheckpointInfo, read_info
from feedback.compressor import Compressor
from feedback.layers.set_later import weights_set_later
from feedback.number_text import number_text
from feedback.plugin_file import build_compressor
from feedback.training.recipe_section import recipe_of_key
from linksim.errors import InputError
from linksim.preparation.scheme_spec import SchemeSpec, scheme_specs
from linksim.scenario.file import validate_scenario
from linksim.scenario.model import Scenario

_LOGGER = logging.getLogger(__name__)

TENSORS, DOCUMENT = ".safetensors", ".json"
# Angular-delay matrices of the papers' tables.
_PAPERS_SHAPE = (32, 32)
COLUMNS = (
    "name", "network", "cr", "scenario", "channel", "disturbance", "samples_seen", "seed", "start_nmse_db",
    "validation_nmse_db", "improved", "learnt_from", "measured_through", "bytes", "sha256",
    "command",
)  # fmt: skip


@dataclass(frozen=True)
class ZooEntry:
    """One network's weights.

    Attributes:
        file: tensors.
        info: the document beside them.
    """

    file: Path
    info: CheckpointInfo

    @property
    def name(self) -> str:
        """Name of the file, which is the entry's."""
        return self.file.stem

    @property
    def network(self) -> str:
        """Name of the compressor."""
        return str(self.info.compressor.get("name"))

    @property
    def ratio(self) -> float:
        """Compression ratio."""
        ratio = self.info.compressor.get("compression_ratio")
        return float("nan") if ratio is None else float(ratio)

    @property
    def plugin(self) -> str:
        """Class and hash of a user's own file, which is no part of the zoo; empty for what ships."""
        return str(self.info.compressor.get("code", ""))

    @property
    def reports_eigenvectors(self) -> bool:
        """Whether it is of eigenvectors, of which there is an SGCS and no NMSE."""
        return self.info.compressor.get("csi") == "eigenvectors" or "enhancer" in self.info.compressor

    @property
    def learns_over_time(self) -> bool:
        """Whether it is of reports that build on each other, of which one alone shows nothing."""
        return "motion" in self.info.training

    @property
    def papers_scenario(self) -> str:
        """``indoor`` or ``outdoor`` where its NMSE belongs beside the papers' tables; empty elsewhere.

        Their channel is COST 2100 with users placed as for CsiNet; codewords are float and arrive as they are.
        """
        channel = self.info.training.get("channel")
        if not isinstance(channel, dict) or "adapted_to" in self.info.training or self.learns_over_time:
            return ""
        place, environment = (channel.get("source"), channel.get("placement")), channel.get("environment")
        alike = place == ("cost2100", "csinet") and self.info.shape == _PAPERS_SHAPE and not self.info.measured_through
        return environment if alike and not self.plugin and environment in ("indoor", "outdoor") else ""

    def scenario(self) -> Scenario:
        """Perfect channel estimates of the channel that the weights were trained for, and the compressor.

        For a network that was adapted, the channel is that which it was adapted to.

        Raises:
            InputError: if the document does not describe one.
        """
        origin, training = self.file.with_suffix(DOCUMENT), self.info.training
        if "plugin" in self.info.compressor:
            raise InputError(f"{origin}: compressor.plugin: got a file to run, expected it in scenarios only")
        compressor, channel = _with_whole_recipes(self.info.compressor), training.get("channel")
        if "adapted_to" in training:
            compressor, channel = {**compressor, "trained_on": channel}, training["adapted_to"]
        ratio = self.info.compressor.get("compression_ratio")
        document = {
            "name": "zoo",
            "seed": self.info.seed,
            "device": "cpu",
            "channel": channel,
            "estimation": {"name": "perfect", "timing": training.get("timing", "perfect")},
            "transform": training.get("transform"),
            **({} if ratio is None else {"compression_ratio": ratio}),
            "compressors": [compressor],
            **({"sgcs": {"n_subbands": training["n_subbands"]}} if "n_subbands" in training else {}),
            **self._reports(),
            "zoo": str(self.file.parent),
        }
        return validate_scenario(document, str(origin))

    def _reports(self) -> dict[str, object]:
        """When UEs report, for networks that learn over time."""
        motion = self.info.training.get("motion")
        if motion is None:
            return {}
        if not isinstance(motion, dict) or "report_period_s" not in motion:
            origin = self.file.with_suffix(DOCUMENT)
            raise InputError(f"{origin}: training.motion: got {motion!r:.60}, expected a report_period_s in it")
        return {"feedback": {"report_period_s": motion["report_period_s"]}}

    def spec(self) -> SchemeSpec:
        """What the weights are for.

        Raises:
            InputError: if the document does not describe a compressor.
        """
        (spec,) = scheme_specs(self.scenario())
        return spec

    def load(self) -> Compressor:
        """The compressor with its weights.

        Raises:
            InputError: if the document does not describe a compressor.
            FeedbackInputError: if the tensors are not what the document says.
        """
        parameters = self.spec().parameters
        try:
            with torch.device("meta"), weights_set_later():
                skeleton = build_compressor(parameters, self.info.shape)
        except RuntimeError as error:
            # More than the numbers of bytes that PyTorch counts with.
            raise InputError(
                f"{self.file.with_suffix(DOCUMENT)}: shape: {' '.join(str(error).split())[:200]}"
            ) from None
        check_size(self.file, self.info, skeleton)
        with weights_set_later():
            compressor = build_compressor(parameters, self.info.shape)
        load_checkpoint(self.file, compressor)
        return compressor


def _with_whole_recipes(section: Any) -> Any:
    """A compressor's section of a document as a scenario has it, that of its teacher as well."""
    if not isinstance(section, dict):
        return section
    changed = {name: _with_whole_recipes(value) for name, value in section.items()}
    recipe = section.get("recipe")
    return changed | {"recipe": recipe_of_key(recipe)} if isinstance(recipe, dict) else changed


def zoo_files(folder: Path) -> list[Path]:
    """Tensors' files of a zoo, in the order of their names.

    Raises:
        InputError: if there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder, expected a zoo of trained weights")
    return sorted(folder.glob(f"*{TENSORS}"))


def read_zoo(*folders: Path) -> list[ZooEntry]:
    """Every entry of a zoo, by network and compression ratio; of a name that several folders have, the first one's.

    Raises:
        InputError: if there is no such folder.
        FeedbackInputError: if a document is missing or damaged.
    """
    files: dict[str, Path] = {}
    for folder in folders:
        files = {file.name: file for file in zoo_files(folder)} | files
    entries = [ZooEntry(file, read_info(file)) for file in files.values()]
    return sorted(entries, key=lambda entry: (str(entry.info.training.get("scenario")), entry.network, entry.ratio))


def find_entries(folders: Sequence[Path], name: str | None) -> list[ZooEntry]:
    """Entries whose network is of that name, or whose file's name starts with it; all if there is none.

    Raises:
        InputError: if there is no such entry.
        FeedbackInputError: if a document is missing or damaged.
    """
    entries = read_zoo(*folders)
    found = [entry for entry in entries if name is None or entry.network == name or entry.name.startswith(name)]
    if not found:
        there = ", ".join(sorted({entry.network for entry in entries})) or "nothing"
        places = " and ".join(map(str, folders))
        raise InputError(f"{places}: got {name or 'no weights'}, expected a network or file there: it holds {there}")
    return found


def networks_that_ship(entries: Sequence[ZooEntry]) -> list[ZooEntry]:
    """Entries without those of users' own files, whose code is not at hand; a warning names these.

    Raises:
        InputError: if there are no others.
    """
    own = [entry for entry in entries if entry.plugin]
    line = f"{', '.join(entry.name for entry in own)}: weights of a file of one's own; run a scenario instead"
    if own and len(own) == len(entries):
        raise InputError(line)
    if own:
        _LOGGER.warning("%s", line)
    return [entry for entry in entries if not entry.plugin]


def zoo_table(entries: Sequence[ZooEntry]) -> pd.DataFrame:
    """The index of a zoo; columns ``COLUMNS``."""
    return pd.DataFrame(map(_row, entries), columns=list(COLUMNS))


def _row(entry: ZooEntry) -> tuple[object, ...]:
    info, training = entry.info, entry.info.training
    return (
        entry.name,
        entry.plugin.partition(" ")[0] or entry.network,
        number_text(entry.ratio),
        str(training.get("scenario", "")),
        " to ".join(filter(None, (_channel(training.get(key)) for key in ("channel", "adapted_to")))),
        info.measured_through,
        info.samples_seen,
        info.seed,
        round(info.start_nmse_db, 3),
        round(info.stored_nmse_db, 3),
        info.improved,
        info.learnt_from,
        measured_through(info),
        entry.file.stat().st_size,
        info.sha256,
        str(training.get("command", "")),
    )


def measured_through(info: CheckpointInfo) -> str:
    """What an entry's figures were measured through: noise, bits, and how matrices are scaled."""
    transform = info.training.get("transform")
    scale = transform.get("normalisation", "per_sample") if isinstance(transform, dict) else "per_sample"
    return ", ".join([info.measured_through or "perfect link", f"scaled {str(scale).replace('_', ' ')}"])


def _channel(section: object) -> str:
    """The channel in a few words: what tells one model from another, and the carrier."""
    if not isinstance(section, dict):
        return ""
    words = [str(section[key]) for key in ("source", "model", "environment", "los", "file") if section.get(key)]
    carrier = section.get("carrier_hz")
    # Of a document of others, which may hold an integer beyond all floats.
    if isinstance(carrier, (int, float)) and abs(carrier) < 1e15:
        words.append(f"{carrier / 1e9:g} GHz")
    return " ".join(words)
