"""Public PyTorch checkpoints of the papers' repositories, as weights of the networks here.

A checkpoint is a state dict, or a mapping with one as ``state_dict``, written by ``torch.save``. It is read with
``weights_only``, so that nothing in it runs. Layer names are those of the repositories of CRNet, ACRNet and BCsiNet
(Lu and others, https://github.com/Kylin9511). Images lie ``[2, angle, delay]`` there.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from feedback.bounded_file import read_bounded
from feedback.errors import FeedbackInputError
from feedback.state import checked_state
from feedback.torch_file import torch_content

# ``profile`` of thop leaves counters in a checkpoint, batch norm counts its steps; neither is used in inference.
_UNUSED = ("total_ops", "total_params", "num_batches_tracked")
# Beside the weights: two moments of an optimiser, and everything else that training keeps.
_MOST_COPIES = 6
_SPARE_BYTES = 2**20

_NORM = ("weight", "bias", "running_mean", "running_var")


# From our layers to those of a repository, each a convolution with batch norm, a PReLU, or an FC layer.
Layers = Mapping[str, str]


def _inside(ours: str, theirs: str, parts: Layers) -> Layers:
    """Layers inside of a block."""
    return {f"{ours}.{own}": f"{theirs}.{other}" for own, other in parts.items()}


_CR_BLOCK = {
    "wide.0": "path1.conv3x3",
    "wide.1": "path1.conv1x9",
    "wide.2": "path1.conv9x1",
    "local.0": "path2.conv1x5",
    "local.1": "path2.conv5x1",
    "narrow": "conv1x1",
}
_ACR_ENCODER_BLOCK = {
    "path.0": "conv_bn1",
    "path.0.activation": "prelu1",
    "narrow": "conv_bn2",
    "activation": "prelu2",
}
_ACR_DECODER_BLOCK = {
    "path.0": "conv1_bn",
    "path.0.activation": "prelu1",
    "path.1": "conv2_bn",
    "path.1.activation": "prelu2",
    "narrow": "conv3_bn",
    "activation": "prelu3",
}


def crnet_layers() -> Layers:
    """Layers of CRNet (Lu, Wang, Song, 2020)."""
    layers = {
        "encoder.features.wide.0": "encoder1.conv3x3_bn",
        "encoder.features.wide.1": "encoder1.conv1x9_bn",
        "encoder.features.wide.2": "encoder1.conv9x1_bn",
        "encoder.features.local": "encoder2",
        "encoder.features.merge": "encoder_conv.conv1x1_bn",
        "encoder.fc": "encoder_fc",
        "decoder.fc": "decoder_fc",
        "decoder.refinement.0": "decoder_feature.conv5x5_bn",
    }
    for number in (1, 2):
        layers |= _inside(f"decoder.refinement.{number}", f"decoder_feature.CRBlock{number}", _CR_BLOCK)
    return layers


def acrnet_layers() -> Layers:
    """Layers of ACRNet of any expansion (Lu and others, 2022), with one learnt slope a channel."""
    layers = {"encoder.fc": "encoder_fc", "decoder.fc": "decoder_fc"}
    for ours, theirs, blocks, parts in (
        ("encoder.features", "encoder_feature", "ACREncoderBlock", _ACR_ENCODER_BLOCK),
        ("decoder.refinement", "decoder_feature", "ACRDecoderBlock", _ACR_DECODER_BLOCK),
    ):
        layers |= {f"{ours}.0": f"{theirs}.conv5x5_bn", f"{ours}.0.activation": f"{theirs}.prelu"}
        for number in (1, 2):
            layers |= _inside(f"{ours}.{number}", f"{theirs}.{blocks}{number}", parts)
    return layers


def bcsinet_layers(head: str, n_blocks: int) -> Layers:
    """Layers of BCsiNet (Lu, Wang, Song, 2021) of a head ``a``, ``b`` or ``c`` and a number of RefineNets."""
    first = "encoder_feature.conv3x3_bn" if head == "a" else "encoder_feature.conv3x3_bn1"
    layers = {"encoder.features.0": first, "encoder.fc": "encoder_binary_fc", "decoder.fc": "decoder_fc"}
    if head == "b":
        layers["encoder.features.1"] = "encoder_feature.conv3x3_bn2"
    if head == "c":
        layers |= {
            "encoder.features.1.widen": "encoder_feature.tiny_refine1.conv1_bn",
            "encoder.features.1.narrow": "encoder_feature.tiny_refine1.conv2_bn",
        }
    for number in range(n_blocks):
        for place, layer in enumerate(("widen", "mix", "narrow"), start=1):
            layers[f"decoder.refinement.{number}.{layer}"] = f"decoder_feature.refine{number}.conv{place}_bn"
    return layers | {f"decoder.refinement.{n_blocks}": "decoder_feature.conv3x3_bn"}


def read_public_checkpoint(path: Path, layers: Layers, wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of a network out of a public checkpoint.

    Args:
        path: file that ``torch.save`` wrote.
        layers: by our layer's name, the one it is in the checkpoint.
        wanted: the network's state, for names and shapes.

    Returns:
        Tensors of the names and shapes of ``wanted``, float32.

    Raises:
        FeedbackInputError: if it is no checkpoint, is larger than this network's can be, or of another network; one
            line names the file, what was found and what was expected.
    """
    n_bytes = sum(4 * tensor.numel() for tensor in wanted.values())
    found = _state_dict(path, _MOST_COPIES * n_bytes + _SPARE_BYTES)
    names = dict(_names(layers, wanted, found))
    centres = {name for name in wanted if name.endswith(".centre")}
    missing = [theirs for theirs in names.values() if theirs not in found]
    surplus = sorted(found.keys() - set(names.values()))
    if missing or surplus:
        lacks = f"no {missing[0]} ({len(missing)} missing)" if missing else f"{surplus[0]}, which this network has not"
        first = ", ".join(sorted(found)[:3])
        raise FeedbackInputError(
            f"{path}: got {lacks}, expected the {len(names)} tensors of the paper's repository; it begins with {first}"
        )
    state = {ours: found[theirs] for ours, theirs in names.items()}
    state |= {name: torch.zeros_like(wanted[name]) for name in centres}
    try:
        return checked_state(state, dict(wanted))
    except FeedbackInputError as error:
        raise FeedbackInputError(
            f"{path}: {error}, expected a checkpoint of this network and compression ratio"
        ) from None


def _names(layers: Layers, wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> Iterator[tuple[str, str]]:
    """Our tensors' names and theirs."""
    for name in wanted:
        if name.endswith(".centre"):
            continue
        layer, _, tensor = name.rpartition(".")
        outer, _, part = layer.rpartition(".")
        if layer in layers:
            yield name, f"{layers[layer]}.{tensor}"
        elif part in ("conv", "norm") and outer in layers:
            theirs = layers[outer]
            # In BCsiNet's repository a convolution is called after its kernel.
            inner = "bn" if part == "norm" else "conv"
            kernel = f"{theirs}.conv3x3.{tensor}"
            yield name, kernel if inner == "conv" and kernel in found else f"{theirs}.{inner}.{tensor}"
        else:
            yield name, name


def _state_dict(path: Path, max_bytes: int) -> dict[str, Tensor]:
    expected = "a checkpoint of tensors only, as torch.save writes a state dict of this network"
    stored = read_bounded(path, max_bytes, expected)
    try:
        content = torch_content(stored, max_bytes)
    except FeedbackInputError as error:
        raise FeedbackInputError(f"{path}: {error}, expected {expected}") from None
    inner = content.get("state_dict", content) if isinstance(content, dict) else content
    if not isinstance(inner, dict) or not all(isinstance(part, Tensor) for part in inner.values()):
        raise FeedbackInputError(f"{path}: got no state dict, expected names and tensors, or them as `state_dict`")
    named = {str(name).removeprefix("module."): tensor for name, tensor in inner.items()}
    return {
        name: tensor.to(torch.float32) if tensor.is_floating_point() else tensor
        for name, tensor in named.items()
        if name.rpartition(".")[2] not in _UNUSED
    }
