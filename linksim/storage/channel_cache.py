"""Channels generated once and shared by all points of a run.

What is kept is the paths, a few kilobytes a sample; the full-band response is made anew for each batch that needs it.
"""

from pathlib import Path

import torch

from channels.channel_batch import ChannelBatch, Paths, Snapshots
from channels.source import PathSource, Source, Split
from linksim.content_hash import content_hash
from linksim.files import DamagedFileError, load_tensors, save_tensors, set_aside


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
        times = content_hash(snapshots.times_s)
        file = self.folder / f"{split}-{start}-{stop}-{times}.safetensors"
        paths = _kept(file, self.source.device)
        if paths is None or (paths.path_gain_db is None and self.source.parameters.has_path_gain):
            paths = self.source.read_paths(split, start, stop, snapshots)
            self.folder.mkdir(parents=True, exist_ok=True)
            save_tensors(file, {name: tensor for name, tensor in vars(paths).items() if tensor is not None})
        return self.source.batch_of(paths)


def _kept(file: Path, device: torch.device) -> Paths | None:
    try:
        return Paths(**load_tensors(file, device).tensors)
    except FileNotFoundError:
        return None
    except (DamagedFileError, TypeError) as error:
        set_aside(file, error)
        return None
