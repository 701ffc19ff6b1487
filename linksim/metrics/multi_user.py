"""Rates of users that share the resources of a cell: where the accuracy of CSI counts most.

Consecutive test channels are the users of a cell, each with the SNR of the scenario, or of its link budget. The
BS points a beam of equal power at each user that it serves, from the directions of their reports, so that the users do
not disturb each other as far as it knows; users hear of the others what it does not know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from linksim.metrics.cell_edge import UserRateAtTheEdge, UserRatePerfectAtTheEdge
from linksim.metrics.metric import METRICS, Metric

if TYPE_CHECKING:
    from torch import Tensor

    from linksim.metrics.outcome import LinkOutcome
    from linksim.statistics.accumulators import PresentMeanAccumulator


class MultiUserRate(Metric["PresentMeanAccumulator"]):
    """Mean of a rate of cells or of their users.

    Attributes:
        of_cells: whether a cell is what has a value, or each of its users.
    """

    of_cells: ClassVar[bool] = True

    least = 0.0
    digits = 3
    unit = "bit/s/Hz"
    domain = "spatial-frequency, time of use"
    aggregation = "mean over subcarriers, then over cells"
    on_request = True
    # The CQI of `multi_user.strengths` is one of link adaptation.
    reads = frozenset({"multi_user", "link_adaptation", "overhead"})
    without_report: ClassVar[float | None] = 0.0

    def accumulator(self) -> PresentMeanAccumulator:
        """An empty mean."""
        from linksim.statistics.accumulators import PresentMeanAccumulator

        return PresentMeanAccumulator(self.name, without_report=self.without_report)

    def update(self, accumulator: PresentMeanAccumulator, outcome: LinkOutcome) -> tuple[Tensor, ...]:
        """Adds a value of each cell, which stands at its first user, or of each user of a cell."""
        rates, places = self.rates(outcome), outcome.cells
        lost = outcome.delivery.lost
        lost_users = None if lost is None else lost[places]
        if self.of_cells:
            rates, places = rates.sum(1), places[:, 0]
            lost_users = None if lost_users is None else lost_users.any(1)
        values = rates.new_zeros(len(outcome.csi_true))
        present = values.clone()
        values[places], present[places] = rates, 1.0
        accumulator.update(values, present)
        if self.needs_reconstruction:
            accumulator.note_losses(lost_users)
        return values, present

    def rates(self, outcome: LinkOutcome) -> Tensor:
        """Rate of each user, ``[n_cells, users]``, float64, bit/s/Hz."""
        return outcome.user_rates


_SERVED = (
    "consecutive test channels are the users of a cell (`multi_user.users`), the BS serves those that "
    "`multi_user.selection` takes at equal power with zero-forcing beams, each user has its SNR and a "
    "receiver that knows the interference."
)


@METRICS.register("cell_rate_bps_hz")
class CellRate(MultiUserRate):
    """Sum of the rates of the users of a cell, with beams from what they reported."""

    name = stem = "cell_rate_bps_hz"
    label = "Sum rate of a cell"
    meaning = f"Sum of the rates of users that share all resources: {_SERVED}"
    better = "high"


@METRICS.register("cell_rate_perfect_bps_hz")
class CellRatePerfect(MultiUserRate):
    """Sum of the rates of the users of a cell, with beams from the true channels when they are used."""

    name = stem = "cell_rate_perfect_bps_hz"
    label = "Sum rate of a cell with perfect CSI"
    meaning = f"Sum of the rates of users that share all resources, with directions of the true channels: {_SERVED}"
    needs_reconstruction = False
    without_report = None

    def rates(self, outcome: LinkOutcome) -> Tensor:
        """Rate of each user with perfect CSI."""
        return outcome.user_rates_perfect


@METRICS.register("user_rate_bps_hz")
class UserRate(MultiUserRate):
    """Rate of each user of a cell, 0 for those that are not served; the 5th percentile is that of the cell's edge."""

    of_cells = False

    name = stem = "user_rate_bps_hz"
    label = "Rate of a user in a cell"
    meaning = (
        f"Rate of each user among those that share all resources, 0 where it is not served: {_SERVED} The interval "
        "takes the users of a cell for independent."
    )
    better = "high"
    aggregation = "mean over subcarriers, then over users"


MULTI_USER_METRICS = frozenset(
    {CellRate.name, CellRatePerfect.name, UserRate.name, UserRateAtTheEdge.name, UserRatePerfectAtTheEdge.name}
)
