"""The document beside trained weights: what they are, what they learnt from, and how well they did."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from feedback.bounded_file import read_bounded
from feedback.errors import FeedbackInputError
from feedback.training.disturbance import Disturbance
from feedback.training.recipe import TrainingRecipe

# ``coded``: the matrices of fully connected layers and large kernels as a code of their levels, those of binary layers
# as signs and a scale; ``int8``: matrices and large kernels in 8 bits, with a scale for each row; ``float16_fc``: the
# matrices in half precision; ``float16``: kernels as well, which is how many of the shipped weights are stored and
# which suits networks whose start is not bent into logits.
Storage = Literal["coded", "int8", "float16_fc", "float16", "float32"]

_MAX_DOCUMENT_BYTES = 2**20

_Size = Annotated[int, Field(ge=1, le=65536)]
_RATIO: TypeAdapter[float | None] = TypeAdapter(
    Annotated[float, Field(ge=0.01, le=1e6, allow_inf_nan=False, strict=True)] | None
)


class CheckpointInfo(BaseModel):
    """The document beside the tensors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    compressor: dict[str, Any] = Field(description="the compressor's parameters, defaults and run-time ones left out")
    shape: tuple[_Size, _Size] = Field(description="delay rows and transmit ports, (Na, Nt)")
    training: dict[str, Any] = Field(description="what the weights were trained for")
    recipe: TrainingRecipe
    seed: int
    samples_seen: int = Field(ge=0, description="training channels seen, over all epochs")
    distinct_channels: int | None = Field(
        default=None, ge=0, description="different ones among them and those of the start; by default as in training"
    )
    best_epoch: float = Field(ge=0, description="passes over the training channels that the weights are from")
    start_nmse_db: float = Field(description="validation NMSE before the first step, dB")
    validation_nmse_db: float = Field(description="validation NMSE of the weights before storage, dB")
    storage: Storage = Field(description="what is stored in fewer bits, and how; the rest is float32")
    cost_of_storage_db: float | None = Field(
        default=None,
        description="what the storage cost, where it was measured: validation NMSE of the weights as stored less that "
        "before, dB",
    )
    cost_of_8_bits_db: float | None = Field(
        default=None,
        description="what weights in 8 bits with a scale for each row cost, where it was measured, dB",
    )
    sha256: str = Field(description="hash of the tensors' file")
    versions: dict[str, str]
    diagnostics: dict[str, float] = Field(default={}, description="other figures of the trained network, by name")

    @field_validator("compressor")
    @classmethod
    def _readable(cls, section: dict[str, Any]) -> dict[str, Any]:
        """Refuses what no compressor's section holds; all of it is checked where the compressor is built."""
        if not isinstance(section.get("name", ""), str):
            raise ValueError(f"name: got {str(section['name'])[:60]}, expected the name of a compressor")
        try:
            _RATIO.validate_python(section.get("compression_ratio"))
        except ValidationError:
            found = repr(section["compression_ratio"])[:60]
            raise ValueError(f"compression_ratio: got {found}, expected a number from 0.01 to 1e6") from None
        if section.get("disturbance") is not None:
            try:
                Disturbance.model_validate(section["disturbance"])
            except ValidationError:
                found = repr(section["disturbance"])[:60]
                raise ValueError(f"disturbance: got {found}, expected the keys snr_db, bits and rate_weight") from None
        return section

    @property
    def learnt_from(self) -> int | None:
        """Distinct training channels; of documents without a count the pool, from which the start is taken as well."""
        if self.distinct_channels is not None:
            return self.distinct_channels
        pool = self.training.get("samples")
        if not isinstance(pool, int):
            return None
        return max(pool, self.samples_seen) if self.training.get("fresh") is True else pool

    @property
    def stored_nmse_db(self) -> float:
        """Validation NMSE of the weights as they are stored, dB."""
        return self.validation_nmse_db + (self.cost_of_storage_db or 0.0)

    @property
    def improved(self) -> bool:
        """Whether training improved on its start."""
        return self.best_epoch > 0 and self.validation_nmse_db < self.start_nmse_db

    @property
    def measured_through(self) -> str:
        """What codewords went through in training and validation, as ``-5 to 40 dB, 4 bits``; empty for nothing."""
        section = self.compressor.get("disturbance")
        if not isinstance(section, dict):
            return ""
        snr_db, bits = section.get("snr_db"), section.get("bits")
        noise = " to ".join(f"{end:g}" for end in snr_db) + " dB" if snr_db else ""
        return ", ".join(filter(None, (noise, f"{bits} bits" if bits else "")))


def read_info(path: Path) -> CheckpointInfo:
    """The document beside a tensors' file.

    Raises:
        FeedbackInputError: if it is missing, or not such a document.
    """
    document = path.with_suffix(".json")
    content = read_bounded(document, _MAX_DOCUMENT_BYTES, "a readable checkpoint file")
    try:
        return CheckpointInfo.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "document"
        reason = " ".join(first["msg"].removeprefix("Value error, ").replace("Input should be", "not").split())
        if first["type"] not in ("value_error", "missing", "json_invalid"):
            reason = f"got {repr(first['input'])[:60]}, {reason}"
        raise FeedbackInputError(f"{document}: {place}: {reason}, expected a checkpoint's document") from error
