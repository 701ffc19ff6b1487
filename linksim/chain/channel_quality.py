"""The UE's CQI, which it expects of its own channel estimate and of its report, and how the BS corrects it."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from channels.transforms.angular_delay import AngularDelayTransform
from feedback.link import NormalDraw
from linksim.chain.base_station import Known
from linksim.chain.reporting import ReportSequence
from linksim.link_adaptation.outer_loop import next_offset
from linksim.link_adaptation.receiver import Receiver
from linksim.link_budget.ue_snr import beside
from linksim.metrics.multi_user import MULTI_USER_METRICS
from linksim.metrics.outcome import LinkOutcome
from linksim.metrics.throughput import ADAPTED_METRICS
from linksim.precoding import Precoder
from linksim.scenario.model import Scenario


@dataclass(frozen=True)
class CqiChoice:
    """How UEs choose their CQI.

    Attributes:
        scenario: the point's.
        transform: angular-delay transform of the reports.
        precoder: that the BS will use, as the UE assumes.
        snr: per antenna at unit channel power, linear, of all UEs or of each, ``[batch]``.
        data_share: share of resource elements that pilots leave for data.
    """

    scenario: Scenario
    transform: AngularDelayTransform
    precoder: Precoder
    snr: float | Tensor
    data_share: float

    @property
    def needed(self) -> bool:
        """Whether a metric asks for it, or the BS takes users' strengths from it."""
        of_users = self.scenario.multi_user.strengths == "cqi"
        asking = ADAPTED_METRICS | MULTI_USER_METRICS if of_users else ADAPTED_METRICS
        return not asking.isdisjoint(self.scenario.metrics)

    @property
    def adapts(self) -> bool:
        """Whether the BS corrects CQIs by acknowledgements."""
        return self.needed and self.scenario.link_adaptation.outer_loop.step_db > 0

    def expectation(self, estimated: Tensor, truncated: Tensor, receiver: Receiver | None = None) -> LinkOutcome:
        """The link as UEs expect it before they know the precoder: over the channel that they have estimated.

        Args:
            estimated: channel estimate without its noise, ``[batch, Nc, n_ports]``, complex.
            truncated: its truncated angular-delay matrix, ``[batch, Na, n_ports]``, complex.
            receiver: of the UEs, as they expect it to be; ``None`` for one that knows its channel.
        """
        return LinkOutcome(
            transform=self.transform,
            csi_true=truncated,
            csi_rebuilt=None,
            response_report=estimated,
            response_use=estimated,
            response_estimated=estimated,
            precoder=self.precoder,
            snr=self.snr,
            data_share=self.data_share,
            n_subbands=self.scenario.sgcs.n_subbands,
            link_adaptation=self.scenario.link_adaptation,
            receiver=receiver,
        )

    def over(self, response: Tensor, receiver: Receiver | None = None) -> LinkOutcome:
        """The link over a channel ``[batch, Nc, n_ports]`` before the BS has chosen its precoder."""
        return self.expectation(response, self.transform.truncate(response), receiver)

    def note(self, sequence: ReportSequence, expectation: LinkOutcome) -> None:
        """Hands the CQI of the newest report to the BS, which gets it if it gets the report."""
        assumed, change = sequence.assumed, sequence.expected_change
        if change is not None:
            amplitude = math.sqrt(self.snr) if isinstance(self.snr, float) else beside(self.snr.sqrt(), change.ndim)
            scale = amplitude if sequence.codec.compressor.takes == "whitened" else 1.0
            expected = expectation.response_use + (change / scale).transpose(1, 2).flatten(2)
            expectation = self.over(expected, expectation.receiver)
        if sequence.codec.compressor.gives == "precoder":
            seen = expectation.with_report(None, bits=None, overhead=None, precoder_reported=assumed)
        else:
            seen = expectation.with_report(assumed, bits=None, overhead=None)
        sequence.note_cqi(seen.best_cqi)

    def acknowledge(self, sequence: ReportSequence, used: LinkOutcome, known: Known, draw: NormalDraw) -> None:
        """Moves the BS's offset by the block that it sends with what it knows, over the channel of ``used``.

        Args:
            sequence: the reports so far.
            used: the link when the precoder of the newest of them comes into use.
            known: what the BS knows then.
            draw: of the noise that the block meets.
        """
        loop, target = self.scenario.link_adaptation.outer_loop, self.scenario.link_adaptation.target_bler
        assert sequence.cqi is not None
        if sequence.offset_db is None:
            sequence.offset_db = torch.zeros(len(sequence.cqi), dtype=torch.float64, device=sequence.cqi.device)
        seen = used.with_report(
            known.rebuilt,
            bits=None,
            overhead=None,
            csi_predicted=known.predicted,
            precoder_reported=known.precoder,
            cqi=sequence.cqi,
            offset_db=sequence.offset_db,
        )
        chance = torch.special.ndtr(draw((1,))[:, 0].to(torch.float64))
        sequence.offset_db = next_offset(sequence.offset_db, chance < seen.block_error_rate, loop, target)
