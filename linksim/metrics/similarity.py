"""Cosine similarities between true and rebuilt channel vectors: what a precoder needs, up to a phase."""

from typing import Final

import torch
from torch import Tensor

from linksim.metrics.metric import METRICS, MeanMetric
from linksim.outcome import LinkOutcome, inner, row_norm
from linksim.precoding import subband_vector
from linksim.subbands import subbands

# Frequency points of the public COST 2100 data, of which HF_all holds the first ones.
_LEGACY_POINTS: Final = 257


@METRICS.register("rho")
class Rho(MeanMetric):
    r"""Cosine similarity of true and rebuilt channel on each subcarrier (CsiNet).

    .. math:: |\hat h_n^H h_n| / (\lVert \hat h_n \rVert \lVert h_n \rVert)
    """

    name = "rho"
    label = "Cosine similarity \N{GREEK SMALL LETTER RHO}"
    stem = "rho"
    meaning = (
        "Cosine similarity of the true and the reported channel vector at the time of the report, averaged over "
        "the subcarriers, then over the samples; 1 is perfect."
    )
    better = "high"
    unit = "1"
    domain = "spatial-frequency, time of report"
    aggregation = "mean over subcarriers, then over samples"

    def per_sample(self, outcome: LinkOutcome) -> Tensor:
        """Mean over the subcarriers."""
        return outcome.cosine.mean(-1, dtype=torch.float64)


@METRICS.register("sgcs")
class Sgcs(MeanMetric):
    """Squared generalised cosine similarity of the first layer (TR 38.843).

    With one UE antenna the squared cosine of the channel vectors, averaged inside each subband; with several, that of
    the dominant right singular vectors of each subband's covariance.

    Args:
        n_subbands: subbands of nearly equal width, each of the same weight.
    """

    name = "sgcs"
    label = "SGCS"
    stem = "sgcs"
    meaning = (
        "Squared generalised cosine similarity at the time of the report, averaged over the subcarriers of each "
        "subband, over the subbands, then over the samples; 1 is perfect."
    )
    better = "high"
    unit = "1"
    domain = "spatial-frequency, time of report"
    aggregation = "mean over the subcarriers of each subband, over subbands, then over samples"

    def __init__(self, n_subbands: int = 13) -> None:
        self.n_subbands = n_subbands

    def per_sample(self, outcome: LinkOutcome) -> Tensor:
        """Mean over subbands of the mean squared cosine."""
        bands = subbands(outcome.response_report.shape[-2], self.n_subbands)
        if outcome.n_rx == 1:
            squared = outcome.cosine.double().square()
            return torch.stack([squared[:, band].mean(-1) for band in bands], -1).mean(-1)
        known, true = (outcome.matrices(h) for h in (outcome.response_reconstructed, outcome.response_report))
        cosines = [inner(subband_vector(known[:, band]), subband_vector(true[:, band])).abs() for band in bands]
        return torch.stack(cosines, -1).double().square().mean(-1)


@METRICS.register("rho_hf_all")
class RhoHfAll(MeanMetric):
    r"""Legacy cosine similarity of the public CsiNet code, against the untruncated ``HF_all`` of the data set.

    The delay rows are zero-padded to 257, transformed to frequency, and the bins of ``HF_all`` (the first 125)
    compared per bin over the angles, in which ``HF_all`` is given.
    """

    name = "rho_hf_all"
    label = "Cosine similarity \N{GREEK SMALL LETTER RHO}, HF_all"
    stem = "rho_hf_all"
    meaning = (
        "Cosine similarity with the untruncated HF_all of the public COST 2100 data, averaged over its frequency bins, "
        "then over the samples, as public CsiNet code has it."
    )
    better = "high"
    unit = "1"
    domain = "angular-frequency, untruncated reference"
    aggregation = "mean over 125 frequency bins, then over samples"
    on_request = True

    def per_sample(self, outcome: LinkOutcome) -> Tensor | None:
        """Mean over the bins; ``None`` where the data set has no ``HF_all``."""
        reference = outcome.hf_all
        if reference is None:
            return None
        rebuilt = torch.fft.fft(outcome.rebuilt, n=_LEGACY_POINTS, dim=-2)[:, : reference.shape[-2]]
        norms = row_norm(rebuilt) * row_norm(reference)
        cosine = torch.where(norms == 0, 0.0, inner(rebuilt, reference).abs() / norms).clamp(max=1)
        return cosine.mean(-1, dtype=torch.float64)
