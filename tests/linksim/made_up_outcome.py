"""A made-up batch of links and reports, and figures of merit of it, for tests of metrics."""

import math

import numpy as np
import torch

from channels.channel_batch import ArrayShape, OfdmGrid
from channels.transforms.angular_delay import AngularDelayTransform
from linksim.metrics import METRICS
from linksim.metrics.delivered import Delivery
from linksim.metrics.outcome import LinkOutcome
from linksim.precoding import PRECODERS
from linksim.statistics.accumulator import Estimate
from linksim.subbands import subbands

N, NT, NA, BATCH = 52, 8, 6, 7
TRANSFORM = AngularDelayTransform(OfdmGrid(N, 20e6, 28e9), ArrayShape(1, 1, NT), NA)
SNR = 10.0


def random_tensor(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))


def made_up_outcome(precoder: str = "mrt", *, moving: bool = True) -> LinkOutcome:
    plugin = PRECODERS.get_class(precoder)
    report = random_tensor(BATCH, N, NT, seed=0)
    csi = TRANSFORM.truncate(report)
    return LinkOutcome(
        transform=TRANSFORM,
        csi_true=csi,
        csi_rebuilt=0.8 * csi + 0.3 * random_tensor(BATCH, NA, NT, seed=1),
        response_report=report,
        response_use=report + 0.2 * random_tensor(BATCH, N, NT, seed=2) if moving else report,
        response_estimated=report + 0.1 * random_tensor(BATCH, N, NT, seed=3),
        precoder=plugin(plugin.Parameters()),
        snr=SNR,
        data_share=0.8,
        bits=640,
        overhead=0.25,
        delivery=Delivery(
            erased=torch.arange(BATCH) == 1,
            wrong=(torch.arange(BATCH) + 1) % 3 == 0,
            resource_elements=330,
            scale_saturated=torch.arange(BATCH) == 0,
            carried_as_data=True,
        ),
        first_index=0,
        cqi=torch.arange(BATCH) + 5,
    )


def estimate_of(name: str, outcome: LinkOutcome) -> Estimate:
    metric = METRICS.get_class(name)()
    accumulator = metric.accumulator()
    metric.update(accumulator, outcome)
    estimate = accumulator.estimate()
    assert estimate is not None
    return estimate


def value_of(name: str, outcome: LinkOutcome) -> float:
    return estimate_of(name, outcome).value


def decibels(value: float) -> float:
    return 10 * math.log10(value)


def direct_sgcs(true: np.ndarray, rebuilt: np.ndarray, n_subbands: int, layer: int = 1) -> np.ndarray:
    """SGCS of each sample by eigendecompositions, for channels ``[batch, n, n_rx, n_tx]``, ``[batch]``."""
    cosines = []
    for band in subbands(true.shape[1], n_subbands):
        pair = [
            np.linalg.eigh(np.einsum("bnrt,bnru->btu", h[:, band].conj(), h[:, band]))[1][..., -layer]
            for h in (true.astype(complex), rebuilt.astype(complex))
        ]
        cosines.append(np.abs(np.einsum("bt,bt->b", pair[0].conj(), pair[1])) ** 2)
    return np.mean(cosines, axis=0)
