"""Cosine similarities between true and rebuilt channel vectors: what a precoder needs, up to a phase."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from channels.transforms.sizes import HF_POINTS
from linksim.metrics.matrix_norms import inner, mean_in_double, row_norm
from linksim.metrics.metric import METRICS, MeanMetric, Metric

if TYPE_CHECKING:
    from torch import Tensor

    from linksim.metrics.outcome import LinkOutcome
    from linksim.statistics.accumulators import PresentMeanAccumulator


class CosineSimilarity(MeanMetric):
    """Mean over the samples of a similarity from 0, that of a BS that knows nothing, to 1."""

    better = "high"
    least = 0.0
    most = 1.0
    unit = "1"
    domain = "spatial-frequency, time of report"
    without_report = 0.0


@METRICS.register("rho")
class Rho(CosineSimilarity):
    r"""Cosine similarity of true and rebuilt channel on each subcarrier (CsiNet).

    .. math:: |\hat h_n^H h_n| / (\lVert \hat h_n \rVert \lVert h_n \rVert)
    """

    name = "rho"
    needs_channel = True
    label = "Cosine similarity \N{GREEK SMALL LETTER RHO}"
    stem = "rho"
    meaning = (
        "Cosine similarity of the true and the reported channel vector at the time of the report, averaged over "
        "the subcarriers, then over the samples; 1 is perfect."
    )
    aggregation = "mean over subcarriers, then over samples"

    def per_sample(self, outcome: LinkOutcome) -> Tensor:
        """Mean over the subcarriers."""
        return mean_in_double(outcome.cosine)


@METRICS.register("rho_squared")
class RhoSquared(CosineSimilarity):
    r"""Squared cosine similarity of true and rebuilt channel on each subcarrier.

    .. math:: |\hat h_n^H h_n|^2 / (\lVert \hat h_n \rVert^2 \lVert h_n \rVert^2)
    """

    name = "rho_squared"
    needs_channel = True
    label = "Squared cosine similarity \N{GREEK SMALL LETTER RHO}\N{SUPERSCRIPT TWO}"
    stem = "rho_squared"
    meaning = (
        "Squared cosine similarity of the true and the reported channel vector on each subcarrier at the time of the "
        "report, averaged over the subcarriers, then over the samples; 1 is perfect."
    )
    aggregation = "mean over subcarriers, then over samples"

    def per_sample(self, outcome: LinkOutcome) -> Tensor:
        """Mean over the subcarriers."""
        return outcome.cosine.double().square().mean(-1)


_SGCS = (
    "Squared generalised cosine similarity at the time of {time}: squared cosine between the {which} eigenvectors of "
    "the true and {known} covariance in each subband, averaged over the subbands, then over the {samples}; 1 is "
    "perfect."
)


@METRICS.register("sgcs")
class Sgcs(CosineSimilarity):
    r"""Squared generalised cosine similarity of the first layer (TR 38.843), for any number of UE antennas.

    .. math:: \frac{1}{T} \sum_t |\hat v_t^H v_t|^2

    with :math:`v_t` the dominant eigenvector of the true channel's covariance in subband ``t``, the mean of
    :math:`H_n^H H_n` over the subband's subcarriers, and :math:`\hat v_t` that of the rebuilt channel, or the reported
    precoder. A subband of which nothing is reported counts 0.

    A precoder of several layers comes with its columns in any order, as in Type I codebooks: each eigenvector is
    compared with one of them, the pairs being those of the largest sum over the layers, the same in all subbands.
    """

    name = "sgcs"
    label = "SGCS"
    stem = "sgcs"
    meaning = _SGCS.format(time="the report", which="dominant", known="the reported channel's", samples="samples")
    aggregation = "mean over subbands, then over samples"
    results_version = 2

    def per_sample(self, outcome: LinkOutcome) -> Tensor:
        """Mean over the subbands."""
        similarity = layer_similarity(outcome, 1)
        assert similarity is not None
        return similarity


def layer_similarity(outcome: LinkOutcome, layer: int) -> Tensor | None:
    """SGCS of one layer, mean over the subbands, ``[batch]``, float64; ``None`` where no report has so many layers."""
    reported = outcome.direction_reconstructed(layer)
    if reported is None:
        return None
    return _mean_squared_cosine(reported, outcome.true_report.directions.layer(layer))


def _mean_squared_cosine(known: Tensor, true: Tensor) -> Tensor:
    """Squared cosine of unit vectors ``[batch, n_subbands, n_tx]``, mean over the subbands, ``[batch]``, float64."""
    return inner(known, true).abs().clamp(max=1).double().square().mean(-1)


@METRICS.register("sgcs_e2e")
class SgcsEndToEnd(CosineSimilarity):
    r"""SGCS of the first layer when the precoder is used, on the moving channel.

    That of :class:`Sgcs` between the true channel's eigenvectors at the time of use and those of the channel that the
    BS takes it for then, or the precoder that it sends.
    """

    name = "sgcs_e2e"
    label = "SGCS end to end"
    stem = "sgcs_e2e"
    meaning = _SGCS.format(time="use", which="dominant", known="the BS's channel's", samples="samples")
    domain = "spatial-frequency, time of use"
    aggregation = "mean over subbands, then over samples"
    on_request = True

    def per_sample(self, outcome: LinkOutcome) -> Tensor:
        """Mean over the subbands."""
        return _mean_squared_cosine(outcome.direction_sent, outcome.true_use.directions.layer(1))


class SgcsOfLayer(Metric["PresentMeanAccumulator"]):
    """SGCS of a layer beyond the first: mean over the samples whose report has that layer.

    Where UEs choose their rank, those are the samples of a channel with that many strong directions, so that layers
    are of different samples; the mean rank says how many.

    Attributes:
        layer: which eigenvector.
    """

    layer: ClassVar[int]

    better = "high"
    least = 0.0
    most = 1.0
    unit = "1"
    domain = "spatial-frequency, time of report"
    aggregation = "mean over subbands, then over the samples that have the layer"
    without_report = 0.0
    on_request = partial = True
    results_version = 2

    def accumulator(self) -> PresentMeanAccumulator:
        """An empty mean."""
        from linksim.statistics.accumulators import PresentMeanAccumulator

        return PresentMeanAccumulator(self.name, without_report=self.without_report)

    def update(self, accumulator: PresentMeanAccumulator, outcome: LinkOutcome) -> tuple[Tensor, ...]:
        """Adds the samples that have the layer; nothing where no report can have it."""
        similarity = layer_similarity(outcome, self.layer)
        if similarity is None:
            return ()
        ranks = outcome.ranks_reported
        present = similarity.new_ones(similarity.shape) if ranks is None else (ranks >= self.layer).to(similarity.dtype)
        accumulator.update(similarity, present)
        lost = outcome.delivery.lost
        accumulator.note_losses(None if lost is None else lost & (present > 0))
        return similarity * present, present


def _meaning_of_layer(which: str) -> str:
    samples = "samples whose report has that layer"
    return _SGCS.format(time="the report", which=which, known="the reported channel's", samples=samples)


@METRICS.register("sgcs_layer2")
class SgcsLayer2(SgcsOfLayer):
    """SGCS of layer 2: of the second eigenvector of each subband."""

    layer = 2
    name = stem = "sgcs_layer2"
    label = "SGCS, layer 2"
    meaning = _meaning_of_layer("second")


@METRICS.register("sgcs_layer3")
class SgcsLayer3(SgcsOfLayer):
    """SGCS of layer 3: of the third eigenvector of each subband."""

    layer = 3
    name = stem = "sgcs_layer3"
    label = "SGCS, layer 3"
    meaning = _meaning_of_layer("third")


@METRICS.register("sgcs_layer4")
class SgcsLayer4(SgcsOfLayer):
    """SGCS of layer 4: of the fourth eigenvector of each subband."""

    layer = 4
    name = stem = "sgcs_layer4"
    label = "SGCS, layer 4"
    meaning = _meaning_of_layer("fourth")


SGCS_LAYERS: dict[int, type[SgcsOfLayer]] = {2: SgcsLayer2, 3: SgcsLayer3, 4: SgcsLayer4}


@METRICS.register("rho_hf_all")
class RhoHfAll(CosineSimilarity):
    r"""Legacy cosine similarity of the public CsiNet code, against the untruncated ``HF_all`` of the data set.

    The delay rows are zero-padded to 257, transformed to frequency, and the bins of ``HF_all`` (the first 125)
    compared per bin over the angles, in which ``HF_all`` is given.
    """

    name = "rho_hf_all"
    needs_channel = True
    label = "Cosine similarity \N{GREEK SMALL LETTER RHO}, HF_all"
    stem = "rho_hf_all"
    meaning = (
        "Cosine similarity with the untruncated HF_all of the public COST 2100 data, averaged over its frequency bins, "
        "then over the samples, as public CsiNet code has it."
    )
    domain = "angular-frequency, untruncated reference"
    aggregation = "mean over 125 frequency bins, then over samples"
    on_request = True

    def per_sample(self, outcome: LinkOutcome) -> Tensor | None:
        """Mean over the bins; ``None`` where the data set has no ``HF_all``."""
        reference = outcome.hf_all
        if reference is None:
            return None
        import torch

        rebuilt = torch.fft.fft(outcome.rebuilt, n=HF_POINTS, dim=-2)[:, : reference.shape[-2]]
        norms = row_norm(rebuilt) * row_norm(reference)
        cosine = torch.where(norms == 0, 0.0, inner(rebuilt, reference).abs() / norms).clamp(max=1)
        return mean_in_double(cosine)
