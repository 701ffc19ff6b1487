"""When a UE reports, and when the BS uses what it has learnt."""

from dataclasses import dataclass

from torch import Tensor

from channels.channel_batch import Snapshots
from linksim.scenario.feedback_section import FeedbackSection


@dataclass(frozen=True)
class ReportTimes:
    """Times relative to the newest report, which is the first snapshot: so it is the same however many came before.

    Attributes:
        n_reports: reports that the BS has seen.
        period_s: time from report to report, s.
        delay_s: time from the newest report to the use of the precoder, s.
    """

    n_reports: int
    period_s: float
    delay_s: float

    @classmethod
    def of(cls, feedback: FeedbackSection) -> "ReportTimes":
        """Those of a scenario."""
        return cls(feedback.reports_seen, feedback.report_period_s, feedback.delay_s)

    @property
    def snapshots(self) -> Snapshots:
        """The channel at the newest report, when the precoder is used if that is later, and at the earlier reports."""
        use = [self.delay_s] if self.delay_s > 0 else []
        return Snapshots((0.0, *use, *(-age * self.period_s for age in range(1, self.n_reports))))

    def reports(self, response: Tensor) -> list[Tensor]:
        """Channels when the reports were made, ``[batch, ...]`` each, the newest first, of ``snapshots``' channels."""
        earlier = response.shape[1] - self.n_reports + 1
        return [response[:, 0], *response[:, earlier:].unbind(1)]

    def use(self, response: Tensor) -> Tensor:
        """The channel when the precoder is used, ``[batch, ...]``."""
        return response[:, 1 if self.delay_s > 0 else 0]
