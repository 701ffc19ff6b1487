"""How tensors of trained weights are written: in full, in half precision, in 8 bits, or as a code of their levels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from feedback.checkpoint_info import Storage
from feedback.coded_weights import code_bytes, coded, decoded, sign_bits, signed
from feedback.errors import FeedbackInputError

# What the scales of a tensor are called beside its levels, and one scale beside a code or signs.
_SCALES, _SCALE = "/scales", "/scale"
_LARGEST_LEVEL = 127
# Kernels of fewer weights stay float32: they are a small part of a file, and rounding shows in their differences.
_LARGE_KERNEL = 2**14
# Distance of coded levels over the root mean square of the weights, where nobody has measured what it costs.
DEFAULT_STEP = 1 / 64

_Form = Literal["float32", "float16", "rows", "code", "signs"]
_DTYPES: dict[_Form, torch.dtype] = {
    "float32": torch.float32,
    "float16": torch.float16,
    "rows": torch.int8,
    "code": torch.uint8,
    "signs": torch.uint8,
}


@dataclass(frozen=True)
class StoredWeights:
    """Weights as they are written.

    Attributes:
        tensors: of the file, by name.
        storage: how they are written.
        cost_db: what they lose by it, as measured: validation NMSE with them less that without.
    """

    tensors: Mapping[str, Tensor]
    storage: Storage
    cost_db: float | None = None


def packed(
    state: Mapping[str, Tensor],
    storage: Storage,
    binary: frozenset[str] = frozenset(),
    step: float = DEFAULT_STEP,
) -> dict[str, Tensor]:
    r"""Tensors as they are written.

    In 8 bits, a row :math:`w` of weights, those of one output, becomes levels and a scale,

    .. math:: q = \mathrm{round}(w / s), \qquad s = \max |w| / 127,

    so that no weight is further than :math:`s / 2` from where it was. Coded levels are those of
    ``feedback.coded_weights``.

    Args:
        state: float32 tensors by name.
        storage: how.
        binary: those of which only signs and one scale work.
        step: of coded levels, over the root mean square of a tensor.
    """
    tensors: dict[str, Tensor] = {}
    for name, tensor in state.items():
        form = _form(name, tensor, storage, binary)
        if form == "rows":
            tensors[name], tensors[name + _SCALES] = _rows(tensor.cpu())
        elif form == "code":
            tensors[name], tensors[name + _SCALE] = coded(tensor, step)
        elif form == "signs":
            tensors[name], tensors[name + _SCALE] = sign_bits(tensor)
        else:
            tensors[name] = tensor.to(_DTYPES[form]).cpu().contiguous()
    return tensors


def unpacked(
    tensors: Mapping[str, Tensor],
    storage: Storage,
    expected: Mapping[str, Tensor],
    binary: frozenset[str] = frozenset(),
) -> dict[str, Tensor]:
    """Tensors that were written, of real numbers again; what is not expected is handed on as it is.

    Args:
        tensors: by name.
        storage: how they are written.
        expected: tensors of the names and shapes that are wanted; their values do not matter.
        binary: those of which only signs and one scale work.

    Raises:
        FeedbackInputError: if one is of another dtype than the storage has, the scales of levels are missing or of
            another shape, or a code is not one of the weights that are expected.
    """
    state = {name: tensor for name, tensor in tensors.items() if name not in expected}
    for name, wanted in expected.items():
        if name not in tensors:
            continue
        tensor, form = tensors[name], _form(name, wanted, storage, binary)
        if tensor.dtype != _DTYPES[form]:
            raise FeedbackInputError(f"{name}: got {tensor.dtype}, expected {_DTYPES[form]}")
        if form == "rows":
            if tensor.shape != wanted.shape:
                raise FeedbackInputError(f"{name}: got shape {list(tensor.shape)}, expected {list(wanted.shape)}")
            scales = _scales(state.pop(name + _SCALES, None), name + _SCALES, [len(tensor)])
            state[name] = tensor.to(torch.float32) * scales.view(-1, *[1] * (tensor.dim() - 1))
        elif form == "code":
            distance = _scales(state.pop(name + _SCALE, None), name + _SCALE, [])
            state[name] = decoded(name, tensor, distance, wanted)
        elif form == "signs":
            scale = _scales(state.pop(name + _SCALE, None), name + _SCALE, [])
            if list(tensor.shape) != [-(-wanted.numel() // 8)]:
                raise FeedbackInputError(
                    f"{name}: got {tensor.numel()} bytes of signs, expected {-(-wanted.numel() // 8)}"
                )
            state[name] = signed(tensor, scale, wanted)
        else:
            state[name] = tensor
    return state


def stored_bytes(
    state: Mapping[str, Tensor], storage: Storage, binary: frozenset[str] = frozenset()
) -> tuple[int, int]:
    """Fewest and most bytes of tensors as they are written; one number where nothing is coded."""
    fewest = most = 0
    for name, tensor in state.items():
        form = _form(name, tensor, storage, binary)
        if form == "code":
            least, largest = code_bytes(tensor)
        elif form == "signs":
            least = largest = -(-tensor.numel() // 8)
        else:
            least = largest = tensor.numel() * _DTYPES[form].itemsize
        scales = {"rows": tensor.shape[0] if tensor.dim() else 1, "code": 1, "signs": 1}.get(form, 0)
        fewest += least + scales * torch.float32.itemsize
        most += largest + scales * torch.float32.itemsize
    return fewest, most


def is_coded(name: str, tensor: Tensor, binary: frozenset[str] = frozenset()) -> bool:
    """Whether a tensor is written as a code of its levels where weights are coded."""
    return _form(name, tensor, "coded", binary) == "code"


def _form(name: str, tensor: Tensor, storage: Storage, binary: frozenset[str]) -> _Form:
    """What the values of a tensor are written as."""
    is_matrix = tensor.dim() == 2
    if storage in ("int8", "coded") and (is_matrix or (tensor.dim() > 2 and tensor.numel() >= _LARGE_KERNEL)):
        if storage == "int8":
            return "rows"
        return "signs" if name in binary else "code"
    halved = (storage == "float16" and tensor.dim() > 1) or (storage == "float16_fc" and is_matrix)
    return "float16" if halved else "float32"


def _rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    rows = weight.flatten(1)
    scales = rows.abs().amax(dim=1) / _LARGEST_LEVEL
    levels = (rows / torch.where(scales == 0, 1, scales)[:, None]).round()
    # What is not finite has no level, but shows in its scale.
    return levels.nan_to_num().clamp(-_LARGEST_LEVEL, _LARGEST_LEVEL).to(torch.int8).view(weight.shape), scales


def _scales(found: Tensor | None, name: str, shape: list[int]) -> Tensor:
    if found is None:
        weight = name.rpartition("/")[0]
        raise FeedbackInputError(f"{name} is missing, expected the {name.rpartition('/')[2]} of {weight}")
    if found.dtype != torch.float32 or list(found.shape) != shape:
        raise FeedbackInputError(
            f"{name}: got {found.dtype} of shape {list(found.shape)}, expected torch.float32 of shape {shape}"
        )
    return found
