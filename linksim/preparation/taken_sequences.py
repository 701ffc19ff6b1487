"""What UEs report over time, as networks that learn from it take it; made as tasks for workers."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from channels.source import Split
from feedback.csi_report.normalisation import Normalisation
from feedback.over_time_parameters import OverTimeParameters
from feedback.plugin_file import own_parameters
from linksim.chain.samples_without_energy import require_energy
from linksim.preparation.scheme_spec import SchemeSpec
from linksim.scenario.model import Scenario
from linksim.scenario.true_channels import truncated_sequences


@dataclass(frozen=True)
class SequenceForm:
    """What a network that learns over time takes, apart from it.

    Attributes:
        n_reports: matrices of a sequence.
        own_scale: whether it takes them as they are; each is divided by a scale of its own elsewhere.
    """

    n_reports: int
    own_scale: bool

    @classmethod
    def of(cls, spec: SchemeSpec) -> Self:
        """What the network of a scheme takes."""
        parameters = own_parameters(spec.parameters)
        assert isinstance(parameters, OverTimeParameters)
        return cls(parameters.training_reports, spec.parameters.traits.own_scale)


def taken_sequences(
    scenario: Scenario, form: SequenceForm, normalisation: Normalisation, split: Split, start: int, stop: int
) -> NDArray[np.complex64]:
    """Sequences of a split as an encoder gets them, ``[n, T, Na, n_ports]``; without energy: left out, or refused."""
    csi = truncated_sequences(scenario, split, form.n_reports, start, stop)
    kept = (np.abs(csi).max(axis=(2, 3)) > 0).all(axis=1)
    require_energy(torch.from_numpy(kept), scenario, split, start)
    csi = csi[kept]
    if form.own_scale:
        return csi
    matrices = torch.from_numpy(csi)
    scaled: NDArray[np.complex64] = normalisation.apply(matrices, normalisation.scale(matrices)).numpy()
    return scaled
