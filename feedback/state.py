"""Checks of learnt tensors that come from outside."""

from collections.abc import Mapping

import torch
from torch import Tensor

from feedback.errors import FeedbackInputError


def checked_state(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of a state as float32, once names, shapes, dtypes and values have been found usable.

    Args:
        state: tensors by name, of any real floating dtype.
        expected: tensors of the names and shapes that are wanted; their values do not matter.

    Raises:
        FeedbackInputError: if a name is missing or unknown, a shape differs, or a value is not real or not finite.
    """
    if missing := sorted(set(expected) - set(state)):
        raise FeedbackInputError(f"learnt tensors: {missing[0]} is missing, expected {len(expected)} tensors")
    if unknown := sorted(set(state) - set(expected)):
        raise FeedbackInputError(f"learnt tensors: got {unknown[0]}, expected only {_some(sorted(expected))}")
    checked = {}
    for name, want in expected.items():
        tensor = state[name]
        if tensor.shape != want.shape:
            raise FeedbackInputError(
                f"learnt tensor {name}: got shape {list(tensor.shape)}, expected {list(want.shape)}"
            )
        if not tensor.dtype.is_floating_point:
            raise FeedbackInputError(f"learnt tensor {name}: got {tensor.dtype}, expected floating point")
        checked[name] = tensor.to(torch.float32)
        if not all_finite(checked[name]):
            raise FeedbackInputError(f"learnt tensor {name}: got NaN or infinity, expected finite values")
    return checked


def all_finite(tensor: Tensor) -> bool:
    """Whether all real values are finite: the least and the largest tell, in a twentieth of the time."""
    return tensor.numel() == 0 or all(bool(bound.isfinite()) for bound in tensor.aminmax())


def state_length(state: Mapping[str, Tensor], name: str) -> int:
    """Length of a tensor whose length the state itself decides; 1 where it is missing or a scalar."""
    return len(state[name]) if name in state and state[name].dim() else 1


def _some(names: list[str], limit: int = 4) -> str:
    return ", ".join(names[:limit]) + (", ..." if len(names) > limit else "")
