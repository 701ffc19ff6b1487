"""The UE's CQI: what it expects of its own channel estimate and the precoder that its report stands for."""

from dataclasses import dataclass

from torch import Tensor

from channels.transforms.angular_delay import AngularDelayTransform
from linksim.chain.reporting import ReportSequence
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
        snr: per antenna at unit channel power, linear.
        data_share: share of resource elements that pilots leave for data.
    """

    scenario: Scenario
    transform: AngularDelayTransform
    precoder: Precoder
    snr: float
    data_share: float

    @property
    def needed(self) -> bool:
        """Whether a metric asks for it."""
        return not ADAPTED_METRICS.isdisjoint(self.scenario.metrics)

    def expectation(self, estimated: Tensor, truncated: Tensor) -> LinkOutcome:
        """The link as UEs expect it before they know the precoder: over the channel that they have estimated.

        Args:
            estimated: channel estimate, ``[batch, Nc, n_ports]``, complex.
            truncated: its truncated angular-delay matrix, ``[batch, Na, n_ports]``, complex.
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
        )

    def note(self, sequence: ReportSequence, expectation: LinkOutcome) -> None:
        """Hands the CQI of the newest report to the BS, which gets it if it gets the report."""
        assumed = sequence.assumed
        if sequence.codec.compressor.gives == "precoder":
            seen = expectation.with_report(None, bits=None, overhead=None, precoder_reported=assumed)
        else:
            seen = expectation.with_report(assumed, bits=None, overhead=None)
        sequence.note_cqi(seen.best_cqi)
