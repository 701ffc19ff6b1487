"""The public weights of CsiNet, Keras files in HDF5: what layers they need, and how they are read without TensorFlow.

They differ from ``csinet`` in batch norm, which there works over the last axis of the images, the delay, and in
convolutions with biases. The images lie ``[2, angle, delay]`` there and ``[2, delay, angle]`` here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import torch
from torch import Tensor, nn

from feedback.errors import FeedbackInputError
from feedback.layers.basic import ConvBn, RefineNet, leaky_relu
from feedback.layers.delay_norm import DelayNorm
from feedback.state import checked_state

_MOST_VALUES = 2**24
_CONVOLUTIONS = (
    "encoder.features",
    *(f"decoder.refinement.{block}.{layer}" for block in (0, 1) for layer in ("widen", "mix", "narrow")),
)
_NORM_NAMES = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


def keras_features(n_delay: int) -> nn.Module:
    """Conv 3x3 2->2 with biases, batch norm by delay row, leaky ReLU."""
    return _by_delay(ConvBn(2, 2, 3, leaky_relu(), bias=True), n_delay)


def keras_refinement(n_delay: int) -> nn.Module:
    """Two RefineNets with biases and batch norm by delay row, conv 3x3 2->2, sigmoid."""
    blocks = [_by_delay(RefineNet(bias=True), n_delay) for _ in range(2)]
    return nn.Sequential(*blocks, nn.Conv2d(2, 2, 3, padding="same"), nn.Sigmoid())


def _by_delay(network: nn.Module, n_delay: int) -> nn.Module:
    for layer in network.modules():
        if isinstance(layer, ConvBn):
            layer.norm = DelayNorm(n_delay)
    return network


def read_keras_state(path: Path, shape: tuple[int, int], wanted: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state of such a network out of a public weights file.

    Args:
        path: the file.
        shape: ``(Na, Nt)``.
        wanted: the network's state, for names and shapes.

    Raises:
        FeedbackInputError: if it cannot be read, or holds another network or one of another codeword length.
    """
    n_values, length, expected = 2 * shape[0] * shape[1], _codeword_length(path), len(wanted["encoder.fc.bias"])
    if length != expected:
        raise FeedbackInputError(f"{path}: got weights of {length} codeword values, expected {expected}")
    state = {name: torch.zeros_like(tensor) for name, tensor in wanted.items() if name.endswith(".centre")}
    with _opened(path) as file:
        for number, layer in enumerate(_CONVOLUTIONS, start=1):
            state |= _convolution(file, number, f"{layer}.conv")
            for ours, theirs in _NORM_NAMES.items():
                state[f"{layer}.norm.{ours}"] = _read(file, f"batch_normalization_{number}", theirs, (shape[0],))
        state |= _convolution(file, len(_CONVOLUTIONS) + 1, "decoder.refinement.2")
        image = (2, shape[1], shape[0])
        kernel = _read(file, "dense_1", "kernel", (n_values, length)).view(*image, length)
        state["encoder.fc.weight"] = kernel.permute(3, 0, 2, 1).flatten(1)
        state["encoder.fc.bias"] = _read(file, "dense_1", "bias", (length,))
        kernel = _read(file, "dense_2", "kernel", (length, n_values)).view(length, *image)
        state["decoder.fc.weight"] = kernel.permute(1, 3, 2, 0).flatten(0, 2)
        state["decoder.fc.bias"] = _read(file, "dense_2", "bias", (n_values,)).view(image).mT.flatten()
        return checked_state(state, wanted)


def _codeword_length(path: Path) -> int:
    with _opened(path) as file:
        return int(_dataset(file, "dense_1", "bias").shape[0])


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """The file; what is wrong with it names it."""
    try:
        with h5py.File(path, "r") as file:
            yield file
    except FeedbackInputError as error:
        raise FeedbackInputError(f"{path}: {error}") from error
    except OSError as error:
        raise FeedbackInputError(f"{path}: cannot be read, expected Keras weights in HDF5 ({error})") from error


def _convolution(file: h5py.File, number: int, target: str) -> dict[str, Tensor]:
    dataset = _dataset(file, f"conv2d_{number}", "kernel")
    if dataset.ndim != 4:
        raise FeedbackInputError(f"conv2d_{number} kernel: got {dataset.ndim} axes, expected 4")
    kernel = torch.from_numpy(dataset[()])
    # Keras: rows (angle), columns (delay), in, out. Here: out, in, delay, angle.
    return {
        f"{target}.weight": kernel.permute(3, 2, 1, 0),
        f"{target}.bias": _read(file, f"conv2d_{number}", "bias", (kernel.shape[3],)),
    }


def _read(file: h5py.File, layer: str, name: str, shape: tuple[int, ...]) -> Tensor:
    dataset = _dataset(file, layer, name)
    if dataset.shape != shape:
        raise FeedbackInputError(f"{layer} {name}: got shape {list(dataset.shape)}, expected {list(shape)}")
    return torch.from_numpy(dataset[()])


def _dataset(file: h5py.File, layer: str, name: str) -> h5py.Dataset:
    key = f"{layer}/{layer}/{name}:0"
    dataset = file.get(key)
    n_axes = {"kernel": (2, 4)}.get(name, (1,))
    if (
        not isinstance(dataset, h5py.Dataset)
        or dataset.dtype != "float32"
        or dataset.ndim not in n_axes
        or dataset.size > _MOST_VALUES
        or dataset.external
        or dataset.is_virtual
    ):
        raise FeedbackInputError(f"{key}: got no float32 weights of this file, expected those of CsiNet's {layer}")
    return dataset
