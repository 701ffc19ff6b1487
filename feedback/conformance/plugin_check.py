"""What a user's own compressor does wrong, in one line that names the user's file and line."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from feedback.compressor import Compressor
from feedback.conformance.candidate import csi_for, delivered
from feedback.conformance.reports import given_shape
from feedback.csi_report.codeword import Codeword
from feedback.csi_report.reconstruction import Reconstructed
from feedback.errors import FeedbackInputError
from feedback.layers.images import to_unit_interval
from feedback.neural import NeuralCompressor
from feedback.training_set import TrainingSet
from feedback.user_error import one_line, user_line

# Channels of the check: enough for a fit to do something, few enough to take no time.
_FITTED = 64
_SHOWN = 2
# Matrices of more entries are not fitted to here: an eigendecomposition of theirs takes seconds.
_MOST_ENTRIES = 1024
_GIVEN: dict[Reconstructed, str] = {
    "channel": "matrices [batch, Na, n_ports]",
    "precoder": "precoders [batch, n_layers, n_subbands, n_tx]",
}


def check_plugin_shapes(compressor: Compressor, plugin: str) -> None:
    """Sends a few channels through a new compressor and compares every shape with the contract's.

    Args:
        compressor: as built for a scenario.
        plugin: ``FILE.py:CLASS``.

    Raises:
        FeedbackInputError: if a step fails, or gives something else than the contract says; the line names the user's
            file and line, what came, and what was expected.
    """
    csi = csi_for(compressor, _SHOWN)
    fits = type(compressor).fit is not Compressor.fit and not isinstance(compressor, NeuralCompressor)
    if fits and compressor.shape[0] * compressor.shape[1] > _MOST_ENTRIES:
        return
    if fits:
        training = TrainingSet(csi_for(compressor, _FITTED), csi_for(compressor, _SHOWN, seed=1))
        _step(compressor, plugin, "fit", lambda: compressor.fit(training, torch.Generator().manual_seed(0)))
    if isinstance(compressor, NeuralCompressor) and type(compressor).encode is NeuralCompressor.encode:
        _check_networks(compressor, plugin, to_unit_interval(csi))
    codeword = _step(compressor, plugin, "encode", lambda: compressor.encode(csi))
    if not isinstance(codeword, Codeword):
        raise _wrong(compressor, plugin, "encode", f"got {type(codeword).__name__}, expected a Codeword")
    if compressor.sends == "bitstream":
        wanted, what = [_SHOWN, *codeword.values.shape[1:2]], "bits [batch, longest]"
    else:
        wanted, what = [_SHOWN, compressor.length], "codewords [batch, length]"
    _compare(compressor, plugin, "encode", codeword.values, wanted, torch.float32, what)
    rebuilt = _step(compressor, plugin, "decode", lambda: compressor.decode(delivered(codeword)))
    wanted, what = [_SHOWN, *given_shape(compressor)], _GIVEN[compressor.gives]
    _compare(compressor, plugin, "decode", rebuilt, wanted, torch.complex64, what)
    # What an encoder leaves behind for its decoder, the link has not delivered.
    compressor.encode(csi_for(compressor, _SHOWN, seed=1))
    if not torch.equal(compressor.decode(delivered(codeword)), rebuilt):
        message = "got other matrices once another channel was encoded, expected what the codeword alone says"
        raise _wrong(compressor, plugin, "decode", message)
    if not torch.equal(compressor.encode(csi).values, codeword.values):
        message = "got another codeword once another channel was encoded, expected what the channel alone says"
        raise _wrong(compressor, plugin, "encode", message)


@torch.no_grad()
def _check_networks(network: NeuralCompressor, plugin: str, images: Tensor) -> None:
    """The same of encoder and decoder as they are, images to codewords and back."""
    values = _step(network, plugin, "encode", lambda: network.encoder(images))
    wanted = [_SHOWN, network.length]
    _compare(network, plugin, "encode", values, wanted, torch.float32, "codewords [batch, length]")
    rebuilt = _step(network, plugin, "decode", lambda: network.decoder(values))
    _compare(network, plugin, "decode", rebuilt, list(images.shape), torch.float32, "images [batch, 2, Na, n_ports]")


def place_of(compressor_class: type, file: Path, step: str) -> str:
    """``FILE, line N, in NAME`` of the method of a user's class that makes a step, or of the class."""
    built = {"encode": "build_encoder", "decode": "build_decoder"}.get(step, step)
    for name in (step, built, "build_features" if step == "encode" else "build_refinement"):
        method = vars(compressor_class).get(name)
        if inspect.isfunction(method):
            return f"{file}, line {method.__code__.co_firstlineno}, in {name}"
    return str(file)


def _step(compressor: Compressor, plugin: str, step: str, action: Callable[[], Any]) -> Any:
    try:
        return action()
    except Exception as error:
        file = _file(plugin)
        line = user_line(error, file.parent)
        place = f"{line}: {step}" if line else f"{place_of(type(compressor), file, step)}: {step}"
        taken = f"codewords [{_SHOWN}, {compressor.length}]" if step == "decode" else "channels"
        raise FeedbackInputError(f"plugin: {place}: got {one_line(error)}, expected it to take {taken}") from error


def _compare(
    compressor: Compressor, plugin: str, step: str, found: Any, shape: list[int], dtype: torch.dtype, what: str
) -> None:
    if not isinstance(found, Tensor):
        raise _wrong(compressor, plugin, step, f"got {type(found).__name__}, expected {what}, {shape}")
    if list(found.shape) != shape:
        raise _wrong(compressor, plugin, step, f"got shape {list(found.shape)}, expected {what}, {shape}")
    if found.dtype != dtype:
        raise _wrong(compressor, plugin, step, f"got {found.dtype}, expected {what} of {dtype}")
    if not found.isfinite().all():
        raise _wrong(compressor, plugin, step, f"got values that are NaN or infinite, expected finite {what}")


def _wrong(compressor: Compressor, plugin: str, step: str, message: str) -> FeedbackInputError:
    return FeedbackInputError(f"plugin: {place_of(type(compressor), _file(plugin), step)}: {step}: {message}")


def _file(plugin: str) -> Path:
    return Path(plugin.rpartition(":")[0])
