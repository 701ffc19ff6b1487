"""What UEs do before they report, shared by all points at which it is the same: points differ in what comes after."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from channels.transforms.angular_delay import AngularDelayTransform
from feedback.observation import Observation
from linksim.chain.reporting import FirstReports
from linksim.content_hash import content_hash
from linksim.execution.worker_context import WorkerContext
from linksim.scenario.model import Scenario

# Bytes that a process keeps of estimates at most; the newest stay in any case.
_MOST_BYTES = 2**28
# Forms of an observation that are as large as the estimate: that itself, without noise, over the noise's deviation.
_LARGE_FORMS = 3


@dataclass(frozen=True)
class UeWork:
    """Of a batch of UEs and one report.

    Attributes:
        estimated: channel estimates, ``[batch, Nc, n_ports]``, complex.
        known: makes what a UE takes for its channel where it weighs it against noise, ``[batch, Nc, n_rx, n_tx]``.
        observation: the estimate in the forms that compressors take.
        reports: what codecs have made of it.
    """

    estimated: Tensor
    known: Callable[[], Tensor]
    observation: Observation
    reports: FirstReports = field(default_factory=FirstReports)


class KeptWork:
    """Work of UEs that a process has done, those used last."""

    def __init__(self) -> None:
        self._context = WorkerContext(most_bytes=_MOST_BYTES)

    def of(self, key: str, response: Tensor, make: Callable[[], UeWork]) -> UeWork:
        """The work on the estimate of a response, done if it is not at hand."""
        return self._context.kept(key, make, _LARGE_FORMS * response.nbytes)


def work_key(
    scenario: Scenario, transform: AngularDelayTransform, learnt: str, response: Tensor, truncated: Tensor, start: int
) -> str:
    """Names what the estimate of a response and all its forms depend on.

    Args:
        scenario: the point's; all UEs have its SNR.
        transform: of the reports.
        learnt: names what the estimator has learnt.
        response: true channels when the report is made, ``[batch, Nc, n_ports]``.
        truncated: truncated matrices of these.
        start: index of the first sample in its split.
    """
    digest = hashlib.sha256()
    for part in (response, truncated):
        digest.update(part.resolve_conj().contiguous().cpu().numpy().data)
    dimensions = [str(transform.grid), str(transform.array), tuple(response.shape), str(response.device)]
    section = scenario.estimation.model_dump(mode="json")
    settings = [scenario.seed, scenario.snr_db, scenario.transform.n_delay, scenario.sgcs.n_subbands]
    return content_hash([section, learnt, settings, dimensions, start, digest.hexdigest()])
