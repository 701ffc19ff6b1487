"""Whether two networks can learn from channels and be kept: found out before the first step, not after the last."""

import torch
from torch import nn

from feedback.errors import FeedbackInputError
from feedback.training_set import TrainingSet

# Weights are kept as float32.
_KEPT = (torch.float32, torch.float64)


def check_learnable(encoder: nn.Module, decoder: nn.Module) -> None:
    """Refuses networks without parameters that learn, with such as cannot be kept, and those that share some.

    Args:
        encoder: at the UE.
        decoder: at the BS.

    Raises:
        FeedbackInputError: one line names the side and the parameter.
    """
    sides = {"encoder": encoder, "decoder": decoder}
    for side, network in sides.items():
        for name, parameter in network.named_parameters():
            if parameter.dtype not in _KEPT:
                found = str(parameter.dtype).removeprefix("torch.")
                raise FeedbackInputError(f"{side}: got the parameter {name} of {found}, expected float32")
    at_ue = {id(parameter) for parameter in encoder.parameters()}
    for name, parameter in decoder.named_parameters():
        if id(parameter) in at_ue:
            raise FeedbackInputError(
                f"decoder: got the parameter {name}, which is the encoder's too, expected one of its own: UE and "
                "BS learn together, but work apart"
            )
    if not any(parameter.requires_grad for network in sides.values() for parameter in network.parameters()):
        raise FeedbackInputError(
            "encoder and decoder: got no parameter that learns, expected some; `untrained: true` trains none"
        )


def check_channels(training: TrainingSet) -> None:
    """Refuses a split without channels, and one with a channel that is not finite or all zero.

    Args:
        training: both splits.

    Raises:
        FeedbackInputError: one line names the split.
    """
    for name, csi in (("training", training.train), ("validation", training.validation)):
        if len(csi) == 0:
            raise FeedbackInputError(f"{name} channels: got none, expected at least 1")
        power = torch.view_as_real(csi).square().flatten(1).sum(1)
        if not (power.isfinite() & (power > 0)).all():
            raise FeedbackInputError(f"{name} channels: got NaN, infinity or an all-zero matrix, expected channels")
