"""When a UE reports, and when the BS uses what it has learnt."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from torch import Tensor

from channels.channel_batch import Snapshots
from linksim.metrics.throughput import THROUGHPUT_METRICS
from linksim.scenario.feedback_section import FeedbackSection
from linksim.scenario.model import Scenario

# Times closer than this are the same: no channel changes in a nanosecond, and periods are no exact numbers.
_SAME_TIME_S = 1e-9


@dataclass(frozen=True)
class ReportTimes:
    """Times relative to the newest report, which is the first snapshot: so it is the same however many came before.

    Attributes:
        n_reports: reports that the BS has seen.
        period_s: time from report to report, s.
        delay_s: time from each report to the use of its precoder, s.
        uses_each: whether what is sent with earlier reports matters, and not with the newest alone.
        retransmissions: of what is sent with the newest report, over channels of their own.
        retransmission_delay_s: time from a transmission to the next of the same block, s.
    """

    n_reports: int
    period_s: float
    delay_s: float
    uses_each: bool = False
    retransmissions: int = 0
    retransmission_delay_s: float = 0.0

    @classmethod
    def of(cls, feedback: FeedbackSection) -> Self:
        """Those of a scenario's reports."""
        return cls(feedback.reports_seen, feedback.report_period_s, feedback.delay_s)

    @classmethod
    def of_point(cls, scenario: Scenario) -> Self:
        """Those of a scenario's reports, and of the blocks that its metrics look at."""
        reports, link = cls.of(scenario.feedback), scenario.link_adaptation
        if THROUGHPUT_METRICS.isdisjoint(scenario.metrics):
            return reports
        return cls(
            reports.n_reports,
            reports.period_s,
            reports.delay_s,
            link.outer_loop.step_db > 0,
            link.retransmissions if link.retransmission_delay_s > 0 else 0,
            link.retransmission_delay_s,
        )

    @cached_property
    def snapshots(self) -> Snapshots:
        """The channel at the newest report, when the precoder is used if that is later, at the earlier reports, ...

        ... and, where they matter, when the precoders of earlier reports are used, and at retransmissions.
        """
        times = [0.0, self._use_s(0), *(-age * self.period_s for age in range(1, self.n_reports))]
        times += [self._use_s(age) for age in range(1, self.n_reports) if self.uses_each]
        times += self._later_s
        kept: list[float] = []
        for time_s in times:
            if not any(abs(time_s - other) <= _SAME_TIME_S for other in kept):
                kept.append(time_s)
        return Snapshots(tuple(kept))

    def reports(self, response: Tensor) -> list[Tensor]:
        """Channels when the reports were made, ``[batch, ...]`` each, the newest first, of ``snapshots``' channels."""
        return self._at(response, [-age * self.period_s for age in range(self.n_reports)])

    def use(self, response: Tensor, age: int = 0) -> Tensor:
        """The channel when a report's precoder comes into use, ``[batch, ...]``.

        Args:
            response: ``snapshots``' channels.
            age: reports before the newest; others than 0 only with ``uses_each``.
        """
        return self._at(response, [self._use_s(age)])[0]

    def later(self, response: Tensor) -> tuple[Tensor, ...]:
        """Channels at the retransmissions of the newest use, ``[batch, ...]`` each."""
        return tuple(self._at(response, self._later_s))

    def _use_s(self, age: int) -> float:
        return self.delay_s - age * self.period_s

    @property
    def _later_s(self) -> list[float]:
        counts = range(1, self.retransmissions + 1)
        return [self.delay_s + count * self.retransmission_delay_s for count in counts]

    def _at(self, response: Tensor, times_s: Sequence[float]) -> list[Tensor]:
        every = self.snapshots.times_s
        return [
            response[:, next(place for place, other in enumerate(every) if abs(time_s - other) <= _SAME_TIME_S)]
            for time_s in times_s
        ]
