"""Trained weights on disk: tensors in safetensors, and a JSON document beside them that says what they are.

Both are untrusted when they are read: nothing is executed, and everything is checked against the compressor that is
to take the weights.
"""

import hashlib
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load, save

from feedback.bounded_file import read_bounded
from feedback.checkpoint_info import CheckpointInfo, read_info
from feedback.checkpoint_key import described
from feedback.compressor import Compressor
from feedback.errors import FeedbackInputError
from feedback.files import write_whole
from feedback.layers.binary import binary_weights
from feedback.training.options import TrainingOutcome
from feedback.training.recipe import TrainingRecipe
from feedback.weight_storage import StoredWeights, packed, stored_bytes, unpacked

_MAX_HEADER_BYTES = 2**20


def save_checkpoint(
    path: Path,
    compressor: Compressor,
    training: Mapping[str, Any],
    *,
    recipe: TrainingRecipe,
    outcome: TrainingOutcome,
    seed: int,
    stored: StoredWeights | None = None,
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
        stored: its weights as they are written; by default matrices in half precision, which halves the file, as they
            are nearly all of it: their rounding is 66 dB below the weights. Kernels are few, and where differences of
            large terms bend images into logits their rounding would show.

    Raises:
        FeedbackInputError: if a weight is not finite in the storage dtype.
    """
    stored = stored or StoredWeights(packed(compressor.state(), "float16_fc"), "float16_fc")
    info = CheckpointInfo(
        compressor=described(compressor),
        shape=compressor.shape,
        training=dict(training),
        recipe=recipe,
        seed=seed,
        samples_seen=outcome.samples_seen,
        distinct_channels=distinct_channels,
        best_epoch=outcome.best_epoch,
        start_nmse_db=outcome.start_nmse_db,
        validation_nmse_db=outcome.validation_nmse_db,
        storage=stored.storage,
        sha256="",
        versions={
            "python": platform.python_version(),
            "torch": torch.__version__,
            "safetensors": safetensors.__version__,
        },
        diagnostics=dict(diagnostics or {}),
    )
    return write_checkpoint(path, info, stored)


def write_checkpoint(path: Path, info: CheckpointInfo, stored: StoredWeights) -> CheckpointInfo:
    """Writes weights and the document beside them, each whole or not at all.

    Args:
        path: of the tensors; its folder is made.
        info: the document, but for what is said of the storage.
        stored: weights as they are written.

    Returns:
        The document that was written.

    Raises:
        FeedbackInputError: if a weight is not finite in the storage dtype.
    """
    for name, tensor in stored.tensors.items():
        if not tensor.isfinite().all():
            raise FeedbackInputError(f"{path}: {name} is not finite in {stored.storage}, expected finite weights")
    content = save(dict(stored.tensors))
    cost_db = None if stored.cost_db is None else round(stored.cost_db, 6)
    said = {
        "storage": stored.storage,
        "cost_of_storage_db": cost_db,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    info = info.model_copy(update=said)
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
    expected = {"compressor": described(compressor), "shape": list(compressor.shape)}
    if found != expected:
        raise FeedbackInputError(f"{path}: made for {json.dumps(found)}, expected {json.dumps(expected)}")
    wanted, binary = compressor.state(), binary_weights(compressor)
    most = stored_bytes(wanted, info.storage, binary)[1] + _MAX_HEADER_BYTES
    content = read_bounded(path, most, "a readable checkpoint file")
    digest = hashlib.sha256(content).hexdigest()
    if digest != info.sha256:
        raise FeedbackInputError(f"{path}: got SHA-256 {digest}, expected {info.sha256} as its .json says")
    try:
        compressor.load_state(unpacked(load(content), info.storage, wanted, binary))
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
    least, most = stored_bytes(skeleton.state(), info.storage, binary_weights(skeleton))
    found = path.stat().st_size
    if not least <= found <= most + _MAX_HEADER_BYTES:
        document, described = path.with_suffix(".json").name, f"{least}" if least == most else f"{least} to {most}"
        raise FeedbackInputError(
            f"{path}: got a file of {found} bytes, expected weights of {described} bytes as {document} describes them"
        )
