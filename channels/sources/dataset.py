"""Channels from a data set that ``linksim dataset build`` made."""

from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from channels.channel_batch import ChannelBatch, Snapshots
from channels.dataset.file import DatasetFile
from channels.dataset.manifest import DatasetManifest, differences, summary
from channels.errors import ChannelInputError
from channels.formats.hdf5 import one_line
from channels.source import SOURCES, Source, Split
from channels.sources.parameters.dataset import DatasetParameters, Expectation
from channels.transforms.angular_delay import AngularDelayTransform


@SOURCES.register("dataset")
class DatasetSource(Source):
    """The splits of a data set, delays beyond its rows taken as zero. It holds no motion.

    Opening checks the manifest and the layout, reading checks for NaN; the hashes of the channels are for
    ``linksim dataset verify``.

    Raises:
        ChannelInputError: if the file is missing, damaged, or was made with other parameters than expected.
    """

    Parameters = DatasetParameters

    def __init__(self, parameters: DatasetParameters, *, seed: int, device: torch.device) -> None:
        self.parameters = parameters
        self.device = device
        self._dataset = DatasetFile(parameters.file)
        self.manifest = self._dataset.manifest
        if parameters.expect is not None:
            _require(parameters.expect, self.manifest, parameters.file)
        self.grid = self.manifest.grid
        self.array = self.manifest.array
        self._transform = AngularDelayTransform(self.grid, self.array, self.manifest.n_delay)

    def n_samples(self, split: Split) -> int | None:
        """Samples of the split."""
        return self.manifest.samples[split]

    def stored_delays(self) -> int:
        """Delay rows of the stored matrices."""
        return self.manifest.n_delay

    def read(self, split: Split, start: int, stop: int, snapshots: Snapshots) -> ChannelBatch:
        """Responses ``[stop - start, 1, n_subcarriers, n_ports]``; with ``hf_all`` for the test split, if it has it.

        Raises:
            ChannelInputError: if the file is damaged, holds NaN, or lacks the samples asked for.
        """
        if snapshots.n != 1:
            raise ChannelInputError(
                f"{self.parameters.file}: got {snapshots.n} snapshots, expected 1: it holds no motion"
            )
        response = self._transform.inverse(self._matrices(split, start, stop)).unsqueeze(1)
        return ChannelBatch(response, self.read_hf_all(split, start, stop))

    def read_truncated(self, split: Split, start: int, stop: int, n_delay: int) -> Tensor:
        """First ``n_delay`` rows of the stored matrices, ``[batch, n_delay, n_ports]``, complex64.

        Raises:
            ChannelInputError: as ``read``; also if the grid has fewer subcarriers.
        """
        if not 1 <= n_delay <= self.grid.n_subcarriers:
            raise ChannelInputError(f"n_delay: got {n_delay}, expected 1 to {self.grid.n_subcarriers} (n_subcarriers)")
        kept = self._matrices(split, start, stop)[:, :n_delay]
        return torch.nn.functional.pad(kept, (0, 0, 0, n_delay - kept.shape[1])).contiguous()

    def read_hf_all(self, split: Split, start: int, stop: int) -> Tensor | None:
        """The public ``HF_all`` reference of the test split, ``[batch, 125, n_ports]``, if the data set has it."""
        if split != "test" or not self.manifest.hf_all:
            return None
        return torch.from_numpy(self._dataset.read("hf_all", start, stop)).to(self.device)

    def _check_stored(self, split: Split, start: int, stop: int) -> None:
        self._dataset.read(split, start, stop)
        if split == "test" and self.manifest.hf_all:
            self._dataset.read("hf_all", start, stop)

    def _matrices(self, split: Split, start: int, stop: int) -> Tensor:
        csi = torch.from_numpy(self._dataset.read(split, start, stop)).to(self.device)
        if not self.parameters.normalise:
            return csi
        entries = self.grid.n_subcarriers * self.array.n_ports
        power = torch.view_as_real(csi).to(torch.float64).square().sum(dim=(1, 2, 3)) / entries
        return csi * torch.where(power > 0, power, 1.0).rsqrt().to(torch.float32)[:, None, None]


def _require(expected: Expectation, manifest: DatasetManifest, path: Path) -> None:
    if expected.source not in SOURCES:
        names = ", ".join(sorted(map(str, SOURCES.keys())))
        raise ChannelInputError(f"channel.expect.source: got {expected.source!r}, expected one of {names}")
    model = SOURCES.get_class(expected.source).Parameters
    try:
        parameters = model.model_validate({"source": expected.source, **expected.parameters}).model_dump(mode="json")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, ("channel.expect.parameters", *first["loc"])))
        raise ChannelInputError(f"{key}: {one_line(first['msg'])}") from None
    wanted: dict[str, Any] = {"source": expected.source, "parameters": parameters}
    for name in ("seed", "content_hash"):
        if getattr(expected, name) is not None:
            wanted[name] = getattr(expected, name)
    made_with = manifest.model_dump(mode="json", include=set(wanted))
    found = differences(made_with, wanted)
    if found:
        raise ChannelInputError(f"{path}: made with other parameters: {summary(found)}")
