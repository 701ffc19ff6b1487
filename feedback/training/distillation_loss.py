"""The loss of a student that learns from a teacher."""

import torch
from torch import Tensor, nn

from feedback.errors import FeedbackInputError
from feedback.training.distillation import Distillation
from feedback.training.options import Pass, reconstruction_error


class DistillationLoss:
    """The loss of a student.

    Args:
        distillation: how it learns.
        encoder: the teacher's; it does not learn.
        decoder: the teacher's.
    """

    def __init__(self, distillation: Distillation, encoder: nn.Module, decoder: nn.Module) -> None:
        self.distillation = distillation
        self.encoder = encoder.eval()
        self.decoder = decoder.eval()

    def __call__(self, step: Pass) -> Tensor:
        """Scalar loss of one step.

        Raises:
            FeedbackInputError: if the codewords differ in length.
        """
        plain = reconstruction_error(step)
        weight = self.distillation.weight(step.spent)
        if self.distillation.method == "mimic" and weight == 0:
            return plain
        with torch.no_grad():
            codeword = self.encoder(step.image)
        if codeword.shape != step.codeword.shape:
            raise FeedbackInputError(
                f"distillation: got a teacher with codewords of {codeword.shape[1]} values, expected the student's "
                f"{step.codeword.shape[1]}"
            )
        if self.distillation.method == "mimic":
            return weight * nn.functional.mse_loss(step.codeword, codeword) + (1 - weight) * plain
        with torch.no_grad():
            taught = self.decoder(codeword)
        return plain + self.distillation.kd_weight * nn.functional.mse_loss(step.reconstruction, taught)
