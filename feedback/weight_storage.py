"""How tensors of trained weights are written: in full, in half precision, or in 8 bits with a scale for each row."""

from collections.abc import Mapping

import torch
from torch import Tensor

from feedback.checkpoint_info import Storage
from feedback.errors import FeedbackInputError

# What the scales of a tensor are called beside its levels.
_SCALES = "/scales"
_LARGEST_LEVEL = 127
# Kernels of fewer weights stay float32: they are a small part of a file, and rounding shows in their differences.
_LARGE_KERNEL = 2**14


def packed(state: Mapping[str, Tensor], storage: Storage) -> dict[str, Tensor]:
    r"""Tensors as they are written.

    In 8 bits, a row :math:`w` of weights, those of one output, becomes levels and a scale,

    .. math:: q = \mathrm{round}(w / s), \qquad s = \max |w| / 127,

    so that no weight is further than :math:`s / 2` from where it was.

    Args:
        state: float32 tensors by name.
        storage: how.
    """
    tensors: dict[str, Tensor] = {}
    for name, tensor in state.items():
        dtype = stored_dtype(tensor, storage)
        if dtype != torch.int8:
            tensors[name] = tensor.to(dtype).cpu().contiguous()
            continue
        rows = tensor.cpu().flatten(1)
        scales = rows.abs().amax(dim=1) / _LARGEST_LEVEL
        levels = (rows / torch.where(scales == 0, 1, scales)[:, None]).round()
        # What is not finite has no level, but shows in its scale.
        tensors[name] = levels.nan_to_num().clamp(-_LARGEST_LEVEL, _LARGEST_LEVEL).to(torch.int8).view(tensor.shape)
        tensors[name + _SCALES] = scales
    return tensors


def unpacked(tensors: Mapping[str, Tensor], storage: Storage) -> dict[str, Tensor]:
    """Tensors that were written, of real numbers again; names and shapes are checked where they are used.

    Raises:
        FeedbackInputError: if one is of another dtype than the storage has, or the scales of levels are missing or
            of another shape.
    """
    state: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name.removesuffix(_SCALES) != name and storage == "int8" and name.removesuffix(_SCALES) in tensors:
            continue
        dtype = stored_dtype(tensor, storage)
        if tensor.dtype != dtype:
            raise FeedbackInputError(f"{name}: got {tensor.dtype}, expected {dtype}")
        state[name] = tensor if dtype != torch.int8 else _numbers(name, tensor, tensors.get(name + _SCALES))
    return state


def stored_bytes(state: Mapping[str, Tensor], storage: Storage) -> int:
    """Bytes of tensors as they are written."""
    total = 0
    for tensor in state.values():
        dtype = stored_dtype(tensor, storage)
        total += tensor.numel() * dtype.itemsize + (len(tensor) * torch.float32.itemsize if dtype == torch.int8 else 0)
    return total


def stored_dtype(tensor: Tensor, storage: Storage) -> torch.dtype:
    """What the values of a tensor are written as."""
    is_matrix = tensor.dim() == 2
    if storage == "int8" and (is_matrix or (tensor.dim() > 2 and tensor.numel() >= _LARGE_KERNEL)):
        return torch.int8
    halved = (storage == "float16" and tensor.dim() > 1) or (storage == "float16_fc" and is_matrix)
    return torch.float16 if halved else torch.float32


def _numbers(name: str, levels: Tensor, scales: Tensor | None) -> Tensor:
    if scales is None:
        raise FeedbackInputError(f"{name}{_SCALES} is missing, expected the scales of {name}")
    if scales.dtype != torch.float32 or list(scales.shape) != [len(levels)]:
        raise FeedbackInputError(
            f"{name}{_SCALES}: got {scales.dtype} of shape {list(scales.shape)}, expected torch.float32 of "
            f"shape {[len(levels)]}"
        )
    return levels.to(torch.float32) * scales.view(-1, *[1] * (levels.dim() - 1))
