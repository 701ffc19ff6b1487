"""What UEs receive blocks with: the errors of their estimates, drawn for each block and transmission."""

import torch
from torch import Tensor

from channels.channel_batch import ArrayShape
from linksim.chain.random_streams import report_draw
from linksim.link_adaptation.adaptation import MOST_LAYERS
from linksim.link_adaptation.receiver import Receiver, sample_covariance
from linksim.scenario.model import Scenario


def receiver_of(
    scenario: Scenario, array: ArrayShape, n_subcarriers: int, start: int, count: int, age: int, device: torch.device
) -> Receiver | None:
    """Receivers of a batch of UEs for the block that comes with a report; ``None`` for those that know all.

    The interferer of a UE is the same at all times; all else is drawn anew for each report.

    Args:
        scenario: the point's.
        array: antennas.
        n_subcarriers: of the band.
        start: index of the first sample in its split.
        count: samples.
        age: reports before the newest.
        device: where to compute.
    """
    section, n_rx = scenario.link_adaptation.receiver, array.n_rx
    if section.is_ideal:
        return None

    def draw(purpose: str, shape: tuple[int, ...], at: int = age) -> Tensor:
        """Circular Gaussian of variance 1."""
        normal = report_draw(scenario.seed, purpose, start, count, at, device)((*shape, 2))
        return torch.view_as_complex(normal * 0.5**0.5)

    covariance = torch.eye(n_rx, dtype=torch.complex128, device=device).expand(count, -1, -1)
    if section.interferer_db is not None:
        fading = draw("interferer", (n_rx,), 0).to(torch.complex128)
        covariance = covariance + 10 ** (section.interferer_db / 10) * fading[:, :, None] @ fading[:, None].conj()
    known = covariance
    if section.covariance_samples is not None:
        known = sample_covariance(covariance, draw("covariance noise", (n_rx, section.covariance_samples)))
    if section.dmrs_error_db is None:
        return Receiver(covariance, known, 0.0)
    variance = 10 ** (section.dmrs_error_db / 10)
    shape = (n_subcarriers, n_rx, MOST_LAYERS)
    later = scenario.link_adaptation.retransmissions if scenario.link_adaptation.retransmission_delay_s > 0 else 0
    purposes = ["dmrs noise", *(f"dmrs noise {number}" for number in range(1, later + 1))]
    return Receiver(covariance, known, variance, tuple(draw(purpose, shape) * variance**0.5 for purpose in purposes))
