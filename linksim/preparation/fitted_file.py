"""A file of what was learnt, as workers get it: with the checksum that it had when a run was prepared."""

from dataclasses import dataclass
from pathlib import Path

from linksim.errors import InputError
from linksim.files import KeptTensors, needed_file


@dataclass(frozen=True)
class FittedFile:
    """What a scheme, or an estimator, has learnt.

    Attributes:
        file: of tensors.
        sha256: their checksum.
        n_bytes: size of the file.
        checkpoint: hash of the trained weights that it is from, empty where there are none.
    """

    file: Path
    sha256: str
    n_bytes: int
    checkpoint: str

    def needed(self) -> KeptTensors:
        """What it holds.

        Raises:
            InputError: if it is missing, damaged, or not what it was when the run was prepared.
        """
        kept = needed_file(self.file)
        if kept.sha256 != self.sha256:
            raise InputError(f"{self.file}: fitted anew since the run began; run it again")
        return kept
