"""True channels in the form in which a compressor takes them, as tasks for workers make them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from channels.source import BLOCK_SIZE, Split
from channels.transforms.angular_delay import AngularDelayTransform
from feedback.codec import taken
from feedback.compressor import Compressor
from feedback.csi_report.normalisation import Normalisation
from feedback.observation import CsiForm
from linksim.chain.observing import observation_of
from linksim.chain.samples_without_energy import has_energy, require_energy
from linksim.scenario.model import Scenario
from linksim.scenario.outlines import csi_dimensions
from linksim.scenario.sources import source_of
from linksim.scenario.true_channels import true_response


@dataclass(frozen=True)
class TakenForm:
    """What a compressor takes, apart from it.

    Attributes:
        takes: the form.
        n_layers: layers of eigenvectors.
        own_scale: whether it takes the channel as it is.
    """

    takes: CsiForm
    n_layers: int
    own_scale: bool

    @classmethod
    def of(cls, compressor: Compressor) -> Self:
        """What a compressor takes."""
        return cls(compressor.takes, compressor.n_layers, compressor.own_scale)


def truncated_and_eigenvectors(
    scenario: Scenario, wanted: Sequence[tuple[Scenario, TakenForm]], split: Split, start: int, stop: int
) -> tuple[NDArray[np.complex64], ...]:
    """Truncated channels of a split, and eigenvectors of the same, in one pass.

    Args:
        scenario: whose channels.
        wanted: eigenvectors, each as a form, and a scenario of the same channel with its subbands.
        split: which split.
        start: first channel.
        stop: after the last channel.

    Returns:
        What ``truncated_channels`` gives, and for each of ``wanted`` what ``taken_channels`` gives.
    """
    source = source_of(scenario)
    transform = AngularDelayTransform(source.grid, source.array, scenario.transform.n_delay)
    parts: tuple[list[Tensor], ...] = ([], *([] for _ in wanted))
    for first in range(start, stop, BLOCK_SIZE):
        response = true_response(scenario, source, split, first, min(first + BLOCK_SIZE, stop))
        truncated = transform.truncate(response)
        parts[0].append(truncated.cpu())
        kept = has_energy(response) & has_energy(truncated)
        require_energy(kept, scenario, split, first)
        for (own, form), made in zip(wanted, parts[1:], strict=True):
            observation = observation_of(response[kept], transform, csi_dimensions(own).slices, 1.0)
            made.append(observation.form(form.takes, form.n_layers).cpu())
    return tuple(torch.cat(each).numpy() for each in parts)


def taken_channels(
    scenario: Scenario, form: TakenForm, normalisation: Normalisation, split: Split, start: int, stop: int
) -> NDArray[np.complex64]:
    """Channels of a split as an encoder gets them, ``[n, ...]``; those without energy are left out, or refused."""
    source, slices = source_of(scenario), csi_dimensions(scenario).slices
    transform = AngularDelayTransform(source.grid, source.array, scenario.transform.n_delay)
    parts = []
    for first in range(start, stop, BLOCK_SIZE):
        response = true_response(scenario, source, split, first, min(first + BLOCK_SIZE, stop))
        kept = has_energy(response) & has_energy(transform.truncate(response))
        require_energy(kept, scenario, split, first)
        observation = observation_of(response[kept], transform, slices, 10 ** (scenario.snr_db / 10))
        csi, _ = taken(observation, form, normalisation)
        parts.append(csi.cpu())
    channels: NDArray[np.complex64] = torch.cat(parts).numpy()
    return channels
