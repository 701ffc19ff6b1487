"""What the BS takes for the channel where no report has arrived yet: the mean of the training channels."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from feedback.plugin_file import own_parameters
from linksim.scenario.model import Scenario


@dataclass(frozen=True)
class MeanChannel:
    """The mean angular-delay matrix, as the BS may know it beforehand.

    Attributes:
        mean: ``[Na, n_ports]``, complex64, not normalised.
    """

    mean: Tensor


def needs_mean_channel(scenario: Scenario) -> bool:
    """Whether the BS of a point may miss reports: the link loses them, or their bits turn out to mean nothing."""
    feedback, entries = scenario.feedback, scenario.compressors
    own_bits = any(entry.traits.sends != "analogue" for entry in entries)
    quantisers = (feedback.quantiser, *filter(None, (own_parameters(entry).own_quantiser for entry in entries)))
    return bool(feedback.link.may_lose(own_bits or any(quantiser.detects_errors for quantiser in quantisers)))


def fit_mean_channel(training_csi: Callable[[], Tensor]) -> dict[str, Tensor]:
    """The mean over training channels ``[n, Na, n_ports]``, as tensors to be kept."""
    # NumPy adds without a copy in double precision, ten times as fast.
    mean = torch.from_numpy(training_csi().cpu().numpy().mean(axis=0, dtype=np.complex128)).to(torch.complex64)
    return {"mean": torch.view_as_real(mean)}


def mean_channel(tensors: Mapping[str, Tensor]) -> MeanChannel:
    """The mean channel from what was kept of it."""
    return MeanChannel(torch.view_as_complex(tensors["mean"].contiguous()))
