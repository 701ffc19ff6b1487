"""The UE up to its channel estimate: symbol timing and estimation from pilots, each UE at the SNR of its own pilots."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from channels.estimator import Estimator, NormalDraw
from channels.estimators.symbol_timing import advance, tracked_start, uniform_offset
from channels.transforms.angular_delay import AngularDelayTransform
from linksim.chain.random_streams import report_draw
from linksim.scenario.model import Scenario


@dataclass(frozen=True)
class FrontEnd:
    """Receivers of UEs.

    Attributes:
        scenario: the point's.
        transform: angular-delay transform of the reports.
        estimator: of the channel from pilots.
        device: where to compute.
    """

    scenario: Scenario
    transform: AngularDelayTransform
    estimator: Estimator
    device: torch.device

    def timed(self, response: Tensor, oldest: Callable[[Tensor], Tensor], snr: float | Tensor, start: int) -> Tensor:
        """Channels on the delay axis that a UE's timing sets.

        Timing by pilots begins somewhere within a sampling interval, is found at the oldest report, and held.

        Args:
            response: at all times of a batch, ``[batch, n_snapshots, Nc, n_ports]``, complex.
            oldest: gives the channel of the oldest report of such a tensor, ``[batch, Nc, n_ports]``.
            snr: of the downlink, linear, of all UEs or of each, ``[batch]``.
            start: index of the first sample in its split.
        """
        if self.scenario.estimation.timing == "perfect":
            return response
        grid, n_delay = self.transform.grid, self.scenario.transform.n_delay
        offset = report_draw(self.scenario.seed, "clock offset", start, len(response), 0, self.device)
        response = advance(response, uniform_offset(offset((1,))[:, 0], grid), grid)
        pilot_snr = self._pilot_snr(snr) if self.estimator.n_pilot_elements else math.inf
        begins = self._each(
            lambda seen, own_snr, noise: tracked_start(seen, own_snr, noise, grid, n_delay),
            *(oldest(response), pilot_snr, "tracking noise", start, 0),
        )
        return advance(response, begins, grid, in_place=True)

    def estimate(self, response: Tensor, snr: float | Tensor, start: int, age: int) -> Tensor:
        """Channels as their pilots show them, ``[batch, Nc, n_ports]``, complex.

        Args:
            response: true channels, likewise.
            snr: of the downlink, linear, of all UEs or of each, ``[batch]``.
            start: index of the first sample in its split.
            age: reports before the newest.
        """
        return self._each(self.estimator.estimate, response, self._pilot_snr(snr), "pilot noise", start, age)

    def noise_in_estimate(self, snr: float | Tensor) -> float | Tensor:
        """Mean power that noise adds to an entry of what ``estimate`` gives, of all UEs or of each, ``[batch]``.

        Args:
            snr: of the downlink, linear, of all UEs or of each, ``[batch]``.
        """
        pilot_snr = self._pilot_snr(snr)
        if not isinstance(pilot_snr, Tensor):
            return self.estimator.noise_in_estimate(pilot_snr)
        powers = [self.estimator.noise_in_estimate(own_snr) for own_snr in pilot_snr.tolist()]
        return torch.tensor(powers, dtype=torch.float64, device=self.device)

    def _pilot_snr(self, snr: float | Tensor) -> float | Tensor:
        """That of the scenario, or the downlink's."""
        pilot_snr_db = self.scenario.estimation.snr_db
        return snr if pilot_snr_db is None else float(10 ** (pilot_snr_db / 10))

    def _each(
        self,
        of: Callable[[Tensor, float, NormalDraw], Tensor],
        response: Tensor,
        snr: float | Tensor,
        purpose: str,
        start: int,
        age: int,
    ) -> Tensor:
        """Of a batch at once, or of one UE at a time where each has an SNR of its own."""
        seed, device = self.scenario.seed, self.device
        if not isinstance(snr, Tensor):
            return of(response, snr, report_draw(seed, purpose, start, len(response), age, device))
        parts = [
            of(response[place, None], own_snr, report_draw(seed, purpose, start + place, 1, age, device))
            for place, own_snr in enumerate(snr.tolist())
        ]
        return torch.cat(parts)
