"""Channels generated once and shared by all points of a run.

What is kept is the paths, a few kilobytes a sample; the full-band response is made anew for each batch that needs it.
"""

import uuid
from pathlib import Path

from safetensors.torch import load_file, save_file

from channels.channel_batch import ChannelBatch, Paths, Snapshots
from channels.frequency_response import frequency_response
from channels.source import PathSource, Source, Split
from linksim.sweep import content_hash


class ChannelCache:
    """Reads a source through a folder of path files.

    Args:
        source: a source; only those that make paths are cached, the others read fast enough.
        folder: where the files of this source, seed and device lie.
    """

    def __init__(self, source: Source, folder: Path) -> None:
        self.source = source
        self.folder = folder

    def read(self, split: Split, start: int, stop: int, snapshots: Snapshots) -> ChannelBatch:
        """As ``Source.read``."""
        if not isinstance(self.source, PathSource):
            return self.source.read(split, start, stop, snapshots)
        times = f"{snapshots.interval_s:g}s" if not snapshots.uneven_s else content_hash(snapshots.uneven_s)
        file = self.folder / f"{split}-{start}-{stop}-{snapshots.n}x{times}.safetensors"
        if file.exists():
            paths = Paths(**load_file(file, device=str(self.source.device)))
        else:
            paths = self.source.read_paths(split, start, stop, snapshots)
            self._keep(paths, file)
        return ChannelBatch(frequency_response(paths, self.source.grid))

    def _keep(self, paths: Paths, file: Path) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
        save_file({name: tensor.contiguous() for name, tensor in vars(paths).items() if tensor is not None}, temporary)
        temporary.replace(file)
