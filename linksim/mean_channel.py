"""What the BS takes for the channel where no report has arrived yet: the mean of the training channels."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from feedback.link import LINKS
from linksim.scenario import Scenario


@dataclass(frozen=True)
class MeanChannel:
    """The mean angular-delay matrix, as the BS may know it beforehand.

    Attributes:
        mean: ``[Na, n_ports]``, complex64, not normalised.
    """

    mean: Tensor


def needs_mean_channel(scenario: Scenario) -> bool:
    """Whether reports of a point may get lost."""
    return LINKS.get_class(scenario.feedback.link.name).loses_reports


def fit_mean_channel(training_csi: Callable[[], Tensor]) -> dict[str, Tensor]:
    """The mean over training channels ``[n, Na, n_ports]``, as tensors to be kept."""
    mean = training_csi().mean(dim=0, dtype=torch.complex128).to(torch.complex64)
    return {"mean": torch.view_as_real(mean)}


def load_mean_channel(file: Path) -> MeanChannel:
    """The mean channel from its file."""
    return MeanChannel(torch.view_as_complex(load_file(file)["mean"].contiguous()))
