"""Trained weights on disk: tensors in safetensors, and a JSON document beside them that says what they are.

Both are untrusted when they are read: nothing is executed, and everything is checked against the compressor that is
to take the weights.
"""

import hashlib
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import safetensors
import torch
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator
from safetensors.torch import load, save
from torch import Tensor

from feedback.compressor import Compressor, CompressorIdentity
from feedback.errors import FeedbackInputError
from feedback.file_digest import content_of
from feedback.files import write_whole
from feedback.number_text import number_text
from feedback.plugin_content import plugin_digest
from feedback.plugin_file import split_plugin
from feedback.training.disturbance import Disturbance
from feedback.training.options import TrainingOutcome
from feedback.training.recipe import TrainingRecipe

# ``float16_fc``: the matrices of fully connected layers in half precision; ``float16``: kernels as well, which is how
# many of the shipped weights are stored and which suits networks whose start is not bent into logits.
Storage = Literal["float16_fc", "float16", "float32"]

_MAX_DOCUMENT_BYTES = 2**20
_MAX_HEADER_BYTES = 2**20


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
    storage: Storage = Field(description="what is stored in half precision; the rest is float32")
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


def checkpoint_key(compressor: Compressor | CompressorIdentity, training: Mapping[str, Any]) -> str:
    """Short content hash of a compressor's parameters (defaults and run-time ones left out), shape, and training.

    Args:
        compressor: what is trained; its identity is enough.
        training: what it is trained for, as JSON-ready values.
    """
    content = [_parameters(compressor), list(compressor.shape), dict(training)]
    text = json.dumps(content, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def checkpoint_path(folder: Path, compressor: Compressor | CompressorIdentity, training: Mapping[str, Any]) -> Path:
    """Where a compressor's tensors lie: ``folder/NAME-crRATIO-KEY.safetensors``, the document beside it ``.json``."""
    ratio = number_text(compressor.settings.compression_ratio or 0)
    return folder / f"{compressor.settings.name}-cr{ratio}-{checkpoint_key(compressor, training)}.safetensors"


def save_checkpoint(
    path: Path,
    compressor: Compressor,
    training: Mapping[str, Any],
    *,
    recipe: TrainingRecipe,
    outcome: TrainingOutcome,
    seed: int,
    storage: Storage = "float16_fc",
    diagnostics: Mapping[str, float] | None = None,
    distinct_channels: int | None = None,
) -> CheckpointInfo:
    """Writes tensors and document, each whole or not at all.

    Args:
        path: from ``checkpoint_path``; its folder is made.
        compressor: the trained compressor.
        training: what it was trained for.
        recipe: how.
        outcome: what came of it.
        seed: the scenario's seed.
        diagnostics: other figures of the trained network, by name.
        distinct_channels: different training channels, those of the start among them.
        storage: ``float16_fc`` halves the file, as its matrices are nearly all of it; their rounding is 66 dB below
            the weights. Kernels are few, and where differences of large terms bend images into logits their rounding
            would show.

    Raises:
        FeedbackInputError: if a weight is not finite in the storage dtype.
    """
    tensors = {}
    for name, tensor in compressor.state().items():
        tensors[name] = tensor.to(_stored_dtype(tensor, storage)).cpu().contiguous()
        if not tensors[name].isfinite().all():
            raise FeedbackInputError(f"{path}: {name} is not finite in {storage}, expected finite weights")
    content = save(tensors)
    info = CheckpointInfo(
        compressor=_parameters(compressor),
        shape=compressor.shape,
        training=dict(training),
        recipe=recipe,
        seed=seed,
        samples_seen=outcome.samples_seen,
        distinct_channels=distinct_channels,
        best_epoch=outcome.best_epoch,
        start_nmse_db=outcome.start_nmse_db,
        validation_nmse_db=outcome.validation_nmse_db,
        storage=storage,
        sha256=hashlib.sha256(content).hexdigest(),
        versions={
            "python": platform.python_version(),
            "torch": torch.__version__,
            "safetensors": safetensors.__version__,
        },
        diagnostics=dict(diagnostics or {}),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)
    write_whole(path.with_suffix(".json"), (info.model_dump_json(indent=2) + "\n").encode())
    return info


def load_checkpoint(path: Path, compressor: Compressor) -> CheckpointInfo:
    """Gives a compressor its trained weights.

    Args:
        path: the tensors' file.
        compressor: one of the same parameters and shape that were saved.

    Raises:
        FeedbackInputError: if a file is missing, damaged, or made for another compressor; one line says which.
    """
    info = read_info(path)
    found = {"compressor": info.compressor, "shape": list(info.shape)}
    expected = {"compressor": _parameters(compressor), "shape": list(compressor.shape)}
    if found != expected:
        raise FeedbackInputError(f"{path}: made for {json.dumps(found)}, expected {json.dumps(expected)}")
    wanted = compressor.state()
    content = _read(path, _stored_bytes(wanted, info.storage) + _MAX_HEADER_BYTES)
    digest = hashlib.sha256(content).hexdigest()
    if digest != info.sha256:
        raise FeedbackInputError(f"{path}: got SHA-256 {digest}, expected {info.sha256} as its .json says")
    try:
        tensors = load(content)
        for name, tensor in tensors.items():
            dtype = _stored_dtype(tensor, info.storage)
            if tensor.dtype != dtype:
                raise FeedbackInputError(f"{name}: got {tensor.dtype}, expected {dtype}")
        compressor.load_state(tensors)
    except (FeedbackInputError, safetensors.SafetensorError) as error:
        raise FeedbackInputError(f"{path}: {error}") from error
    return info


def check_size(path: Path, info: CheckpointInfo, skeleton: Compressor) -> None:
    """Refuses a document that describes other weights than lie beside it, before any memory is taken for them.

    Args:
        path: the tensors' file.
        info: the document.
        skeleton: the compressor that the document describes, built on the device ``meta``.

    Raises:
        FeedbackInputError: if the file is of another size.
    """
    described, found = _stored_bytes(skeleton.state(), info.storage), path.stat().st_size
    if not described <= found <= described + _MAX_HEADER_BYTES:
        document = path.with_suffix(".json").name
        raise FeedbackInputError(
            f"{path}: got a file of {found} bytes, expected weights of {described} bytes as {document} describes them"
        )


def _stored_bytes(state: Mapping[str, Tensor], storage: Storage) -> int:
    return sum(tensor.numel() * _stored_dtype(tensor, storage).itemsize for tensor in state.values())


def read_info(path: Path) -> CheckpointInfo:
    """The document beside a tensors' file.

    Raises:
        FeedbackInputError: if it is missing, or not such a document.
    """
    document = path.with_suffix(".json")
    content = _read(document, _MAX_DOCUMENT_BYTES)
    try:
        return CheckpointInfo.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "document"
        reason = " ".join(first["msg"].removeprefix("Value error, ").replace("Input should be", "not").split())
        if first["type"] not in ("value_error", "missing", "json_invalid"):
            reason = f"got {repr(first['input'])[:60]}, {reason}"
        raise FeedbackInputError(f"{document}: {place}: {reason}, expected a checkpoint's document") from error


def _parameters(compressor: Compressor | CompressorIdentity) -> dict[str, Any]:
    parameters = compressor.settings
    given = parameters.model_dump(mode="json", exclude_defaults=True, exclude=set(parameters.run_time))
    for name, field in type(parameters).model_fields.items():
        common = _common_default(type(parameters), name)
        if name not in parameters.run_time and field.default != common:
            # What a network has a default of its own for is always stated: documents keep their meaning.
            value = getattr(parameters, name)
            stated = isinstance(value, BaseModel)
            given[name] = value.model_dump(mode="json", exclude_defaults=True) if stated else value
    code = {"code": compressor.code} if compressor.code else {}
    return {"name": parameters.name, **_by_content(given, type(parameters)), **code}


def _by_content(given: dict[str, Any], model: type[BaseModel] | None = None) -> dict[str, Any]:
    """A section with what files hold in place of their names, sections within it as well."""
    named = {name for name, field in model.model_fields.items() if _is_path(field.annotation)} if model else set()
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name == "plugin" and isinstance(value, str):
            file, class_name = split_plugin(value)
            found[name] = f"{class_name} {plugin_digest(file)}"
        elif name in named and value is not None:
            found[name] = f"sha256 {content_of(Path(value))}"
        else:
            found[name] = _by_content(value) if isinstance(value, dict) else value
    return found


def _is_path(annotation: Any) -> bool:
    return Path in (annotation, *get_args(annotation))


def _common_default(model: type[BaseModel], name: str) -> Any:
    """Default of a parameter in the most general class that has it."""
    bases = (base for base in reversed(model.__mro__) if issubclass(base, BaseModel) and name in base.model_fields)
    return next(bases).model_fields[name].default


def _stored_dtype(tensor: Tensor, storage: Storage) -> torch.dtype:
    halved = {"float16": tensor.dim() > 1, "float16_fc": tensor.dim() == 2, "float32": False}[storage]
    return torch.float16 if halved else torch.float32


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise FeedbackInputError(f"{path}: {error.strerror}, expected a readable checkpoint file") from error
    if len(content) > max_bytes:
        raise FeedbackInputError(f"{path}: got more than {max_bytes} bytes, expected fewer for this compressor")
    return content
