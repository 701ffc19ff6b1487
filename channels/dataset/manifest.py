"""What a data set says of itself: what it was made from, its layout, and hashes of what it holds."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from channels.channel_batch import ArrayShape, OfdmGrid
from channels.errors import ChannelInputError
from channels.formats.hdf5 import one_line
from channels.source import SourceParameters, Split
from channels.transforms.sizes import HF_BINS

LAYOUT: Final = "linksim-dataset-1"
SPLITS: Final[tuple[Split, ...]] = ("train", "validation", "test")

_CHUNK_BYTES = 1 << 20
# What cannot change the channels, or (the versions) what they are compared across.
_NOT_HASHED = frozenset({"command", "versions"})


class DatasetPlan(BaseModel):
    """Everything that determines a data set, known before its first channel is made."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    layout: Literal["linksim-dataset-1"] = LAYOUT
    source: str = Field(description="name of the channel source")
    parameters: dict[str, Any] = Field(description="all parameters of the source, defaults spelt out")
    inputs: dict[str, str] = Field(description="SHA-256 of each file that a parameter names, by parameter")
    seed: int = Field(description="seed; each split has random streams of its own")
    device: Literal["cpu", "cuda"] = Field(description="device of the draws, each kind has its own")
    n_delay: int = Field(ge=1, description="delay rows Na")
    samples: dict[Split, int] = Field(description="samples of each split")
    grid: OfdmGrid = Field(description="subcarriers that the matrices were transformed from")
    array: ArrayShape = Field(description="transmit array")
    hf_all: bool = Field(description="whether the test split has the public HF_all reference")
    command: str = Field(description="command that makes the same data set")
    versions: dict[str, str] = Field(description="versions of the packages it was made with")

    @model_validator(mode="after")
    def _check(self) -> Self:
        sizes = (*vars(self.array).values(), self.grid.n_subcarriers)
        if min(sizes) < 1 or self.n_delay > self.grid.n_subcarriers:
            raise ValueError(f"array, grid, n_delay: got {self.array}, {self.grid}, {self.n_delay}")
        if min(self.grid.bandwidth_hz, self.grid.carrier_hz) <= 0:
            raise ValueError(f"grid: got {self.grid}, expected a positive bandwidth and carrier")
        if set(self.samples) != set(SPLITS) or min(self.samples.values()) < 0:
            raise ValueError(f"samples: got {self.samples}, expected a count for each of {', '.join(SPLITS)}")
        return self

    @property
    def shapes(self) -> dict[str, tuple[int, int, int]]:
        """Shape of each matrix array: the splits ``[N, Na, Nt]``, and ``hf_all`` of ``[N_test, 125, Nt]``."""
        shapes = {str(split): (self.samples[split], self.n_delay, self.array.n_ports) for split in SPLITS}
        if self.hf_all:
            shapes["hf_all"] = (self.samples["test"], HF_BINS, self.array.n_ports)
        return shapes

    def rows_per_chunk(self, name: str) -> int:
        """Samples in a chunk of an array, about 1 MiB."""
        count, *matrix = self.shapes[name]
        return max(1, min(count, _CHUNK_BYTES // (8 * matrix[0] * matrix[1])))

    def hash_content(self, sha256: Mapping[str, str]) -> str:
        """Hash over what determines the channels and over the channels themselves.

        Args:
            sha256: hash of each array.
        """
        plan = DatasetPlan.model_dump(self, mode="json", include=set(DatasetPlan.model_fields) - _NOT_HASHED)
        return sha256_of(canonical_json({**plan, "sha256": dict(sha256)}))


class DatasetManifest(DatasetPlan):
    """A plan, and the hashes of the finished data set."""

    sha256: dict[str, str] = Field(description="SHA-256 of each array: little-endian complex64, row-major")
    content_hash: str = Field(description="hash over these and all that determines them")

    def to_json(self) -> str:
        """The text that is stored."""
        return canonical_json(self.model_dump(mode="json"))


def parse(model: type[DatasetPlan], text: str | bytes, origin: str) -> Any:
    """A plan or manifest from its JSON text.

    Raises:
        ChannelInputError: in one line, if the text is something else.
    """
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise ChannelInputError(f"{origin}: manifest: {key}: {one_line(first['msg'])}") from None


def input_hashes(parameters: SourceParameters) -> dict[str, str]:
    """SHA-256 of each file that a parameter names."""
    hashes = {}
    for name, value in parameters:
        named = isinstance(value, Path) or (isinstance(value, str) and value.endswith((".yaml", ".yml")))
        if named and Path(value).is_file():
            with Path(value).open("rb") as file:
                hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes


def differences(found: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    """What two plans, or parts of plans, do not agree on, ``key: got ..., expected ...`` each.

    Parameters of different sources are not compared.
    """
    ours, theirs = _flat(found), _flat(expected)
    other_source = ours.get("source") != theirs.get("source")
    return [
        f"{key}: got {ours.get(key, 'nothing')!r}, expected {theirs.get(key, 'nothing')!r}"
        for key in {**ours, **theirs}
        if ours.get(key, _ABSENT) != theirs.get(key, _ABSENT) and not (other_source and key.startswith("parameters."))
    ]


def summary(lines: Sequence[str]) -> str:
    """The first few differences on one line."""
    return "; ".join(lines[:3]) + (f" (and {len(lines) - 3} more)" if len(lines) > 3 else "")


def canonical_json(document: Any) -> str:
    """JSON text with sorted keys and no spaces."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha256_of(text: str) -> str:
    """Hexadecimal SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


_ABSENT: Final = object()


def _flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in document.items():
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
