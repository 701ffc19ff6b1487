"""What the metrics see of one batch: true channels, what the BS rebuilt, and quantities that several metrics share."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from channels.transforms.angular_delay import AngularDelayTransform
from linksim.metrics.delivered import PLAIN, Delivery
from linksim.metrics.layers import best_layers, layer_counts, matched_layers, sum_rate
from linksim.metrics.matrix_norms import energy, inner, row_norm
from linksim.precoding import Precoder, right_singular_vector
from linksim.subband_eigenvectors import subband_eigenvectors
from linksim.subbands import subbands


@dataclass(frozen=True)
class LinkOutcome:
    r"""One batch at the end of the chain.

    Written ``H`` for responses with rows :math:`h_n`, ``X`` for angular-delay matrices, a hat for what the BS holds.

    Responses and matrices have one column for each port, ``n_ports = n_rx n_tx``, UE antennas first.

    Attributes:
        transform: angular-delay transform that the report was made with.
        csi_true: truncated angular-delay matrix of the true channel when the report was made,
            ``[batch, Na, n_ports]``, complex.
        csi_rebuilt: what the BS rebuilt of the newest report, ``[batch, Na, n_ports]``, complex; ``None`` for
            metrics that no compressor influences, and where a precoder is reported.
        response_report: true channel when the report was made, ``[batch, Nc, n_ports]``, complex.
        response_use: true channel when the precoder is used, ``[batch, Nc, n_ports]``, complex.
        response_estimated: the UE's estimate of ``response_report``, ``[batch, Nc, n_ports]``, complex.
        precoder: precoder of the BS.
        snr: downlink SNR per antenna at unit channel power, linear.
        bits: bits per report, one number or ``[batch]``, ``None`` for an analogue report.
        overhead: codeword length over the real entries of the truncated matrix; ``None`` for reports that are bits.
        delivery: what became of the reports on the feedback link.
        data_share: share of the downlink's resource elements that pilots leave for data.
        hf_all: public ``HF_all`` reference, ``[batch, 125, Nt]``, complex, where the data set has one.
        first_index: index of the batch's first sample in its split.
        left_out: places of samples that were left out of the batch, ascending; empty where none was.
        csi_predicted: what the BS takes for the channel when the precoder is used, ``[batch, Na, n_ports]``, complex;
            ``None`` for the rebuilt report itself.
        precoder_reported: precoder of the newest report, ``[batch, n_layers, n_subbands, n_tx]``, complex, of unit
            norm, zero in layers that a report has not; the BS uses it as it is. ``None`` where the report is a channel.
        n_subbands: subbands of the SGCS, ``None`` for 13, or as many as there are subcarriers if these are fewer.
    """

    transform: AngularDelayTransform
    csi_true: Tensor
    csi_rebuilt: Tensor | None
    response_report: Tensor
    response_use: Tensor
    response_estimated: Tensor
    precoder: Precoder
    snr: float
    bits: int | Tensor | None = None
    overhead: float | None = 0.0
    delivery: Delivery = PLAIN
    data_share: float = 1.0
    hf_all: Tensor | None = None
    first_index: int = 0
    left_out: tuple[int, ...] = ()
    csi_predicted: Tensor | None = None
    precoder_reported: Tensor | None = None
    n_subbands: int | None = None

    def with_report(
        self,
        csi_rebuilt: Tensor | None,
        *,
        bits: int | Tensor | None,
        overhead: float | None,
        delivery: Delivery = PLAIN,
        csi_predicted: Tensor | None = None,
        precoder_reported: Tensor | None = None,
    ) -> Self:
        """The same channels with another compressor's report; what was computed of the channels is kept."""
        # Computed here at the latest, as every report's end-to-end error needs them.
        _ = self.csi_use, self.energy_use, self._layers_true, self._layers_use
        other = replace(
            self,
            csi_rebuilt=csi_rebuilt,
            csi_predicted=csi_predicted,
            precoder_reported=precoder_reported,
            bits=bits,
            overhead=overhead,
            delivery=delivery,
        )
        shared = {name: value for name, value in self.__dict__.items() if name in _CHANNEL_ONLY}
        other.__dict__.update(shared)
        return other

    def only(self, kept: Tensor) -> Self:
        """Some of the samples, ``kept`` ``[batch]``, bool; nothing computed before is kept."""

        def of(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor[kept]

        report = self.response_report[kept]
        return replace(
            self,
            csi_true=self.csi_true[kept],
            response_report=report,
            response_use=report if self.static else self.response_use[kept],
            response_estimated=self.response_estimated[kept],
            bits=self.bits[kept] if isinstance(self.bits, Tensor) else self.bits,
            delivery=self.delivery.only(kept),
            left_out=tuple(kept.logical_not().nonzero()[:, 0].tolist()),
            csi_rebuilt=of(self.csi_rebuilt),
            csi_predicted=of(self.csi_predicted),
            precoder_reported=of(self.precoder_reported),
            hf_all=of(self.hf_all),
        )

    @property
    def indices(self) -> NDArray[np.int64]:
        """Index of each sample in its split, ``[batch]``."""
        places = np.arange(len(self.csi_true) + len(self.left_out))
        return self.first_index + np.delete(places, self.left_out)

    @property
    def rebuilt(self) -> Tensor:
        """``csi_rebuilt``, for metrics that need one.

        Raises:
            ValueError: if there is none.
        """
        if self.csi_rebuilt is None:
            raise ValueError("csi_rebuilt: got None, expected the matrix that the BS rebuilt")
        return self.csi_rebuilt

    @property
    def predicted(self) -> Tensor:
        """``csi_predicted``, or ``rebuilt`` where that is held."""
        return self.rebuilt if self.csi_predicted is None else self.csi_predicted

    @cached_property
    def held(self) -> bool:
        """Whether the BS uses the report as it is."""
        return self.predicted is self.rebuilt

    @cached_property
    def static(self) -> bool:
        """Whether the channel is the same when the precoder is used as when the report was made."""
        report, use = self.response_report, self.response_use
        return report is use or (
            report.data_ptr() == use.data_ptr() and report.shape == use.shape and report.stride() == use.stride()
        )

    @cached_property
    def energy_true(self) -> Tensor:
        r""":math:`\lVert X \rVert^2` of the truncated true matrix, ``[batch]``, float64."""
        return energy(self.csi_true)

    @cached_property
    def norm_report(self) -> Tensor:
        r""":math:`\lVert h_n \rVert` when the report was made, ``[batch, Nc]``, real."""
        return row_norm(self.response_report)

    @cached_property
    def norm_use(self) -> Tensor:
        r""":math:`\lVert h_n \rVert` when the precoder is used, ``[batch, Nc]``, real."""
        return self.norm_report if self.static else row_norm(self.response_use)

    @cached_property
    def energy_report(self) -> Tensor:
        r""":math:`\lVert H \rVert^2` when the report was made, ``[batch]``, float64."""
        return self.norm_report.double().square().sum(-1)

    @cached_property
    def energy_use(self) -> Tensor:
        r""":math:`\lVert H \rVert^2` when the precoder is used, ``[batch]``, float64."""
        return self.norm_use.double().square().sum(-1)

    @cached_property
    def csi_use(self) -> Tensor:
        """Truncated true angular-delay matrix when the precoder is used, ``[batch, Na, n_ports]``."""
        return self.csi_true if self.static else self.transform.truncate(self.response_use)

    @cached_property
    def gain_perfect(self) -> Tensor:
        r"""Channel gain :math:`\lVert H_n w_n \rVert^2` of the precoder from the true channel, ``[batch, Nc]``."""
        if self._by_inner_product:
            return self.norm_use.square()
        return self._gain_of(self.precoder.weights(self.matrices(self.response_use)))

    @cached_property
    def rate_perfect(self) -> Tensor:
        """Rate with perfect CSI, mean over the subcarriers, ``[batch]``, float64, bit/s/Hz."""
        return self._rate(self.gain_perfect)

    @cached_property
    def response_reconstructed(self) -> Tensor:
        """Spatial-frequency channel of the matrix that the BS rebuilt, ``[batch, Nc, n_ports]``."""
        return self.transform.inverse(self.rebuilt)

    @cached_property
    def response_predicted(self) -> Tensor:
        """Spatial-frequency channel that the BS computes its precoder from, ``[batch, Nc, n_ports]``."""
        return self.response_reconstructed if self.held else self.transform.inverse(self.predicted)

    @cached_property
    def norm_reconstructed(self) -> Tensor:
        r""":math:`\lVert \hat h_n \rVert`, ``[batch, Nc]``, real."""
        return row_norm(self.response_reconstructed)

    @cached_property
    def norm_predicted(self) -> Tensor:
        r""":math:`\lVert \hat h_n \rVert` of the predicted channel, ``[batch, Nc]``, real."""
        return self.norm_reconstructed if self.held else row_norm(self.response_predicted)

    @cached_property
    def inner_report(self) -> Tensor:
        r""":math:`h_n \hat h_n^H` with the channel when the report was made, ``[batch, Nc]``, complex."""
        return inner(self.response_reconstructed, self.response_report)

    @cached_property
    def inner_use(self) -> Tensor:
        r""":math:`h_n \hat h_n^H` of the channel at the time of use and its prediction, ``[batch, Nc]``, complex."""
        if self.static and self.held:
            return self.inner_report
        return inner(self.response_predicted, self.response_use)

    @cached_property
    def cosine(self) -> Tensor:
        r"""Cosine of channel and reconstruction when the report was made, ``[batch, Nc]``, real.

        .. math:: |h_n \hat h_n^H| / (\lVert h_n \rVert \lVert \hat h_n \rVert)

        It is 0 where either vector is zero. With several UE antennas the vectors are the dominant right singular
        vectors.
        """
        if self.n_rx > 1:
            known, true = (self.matrices(h) for h in (self.response_reconstructed, self.response_report))
            cosine = inner(right_singular_vector(known), right_singular_vector(true)).abs().clamp(max=1)
            return cosine.masked_fill((self.norm_reconstructed == 0) | (self.norm_report == 0), 0)
        norms = self.norm_reconstructed * self.norm_report
        return torch.where(norms == 0, 0.0, self.inner_report.abs() / norms).clamp(max=1)

    def directions_report(self, layer: int = 1) -> Tensor:
        """Eigenvector of the true channel's covariance in each subband, ``[batch, n_subbands, n_tx]``.

        Args:
            layer: 1 for the dominant one, and so on.
        """
        return self._eigenvectors(self._layers_true, self.response_report, layer)

    def directions_reconstructed(self, layer: int = 1) -> Tensor | None:
        """The same of the rebuilt channel, or of the reported precoder the layer that belongs to that eigenvector.

        ``None`` if no report has so many layers, zero in those that have fewer.
        """
        if self.precoder_reported is None:
            return self._eigenvectors(self._layers_rebuilt, self.response_reconstructed, layer)
        return self._layers_matched[:, layer - 1] if layer <= self.precoder_reported.shape[1] else None

    @cached_property
    def direction_use(self) -> Tensor:
        """Dominant eigenvector of the true channel in each subband when it is used, ``[batch, n_subbands, n_tx]``."""
        return self.directions_report() if self.static else self._eigenvectors(self._layers_use, self.response_use, 1)

    @cached_property
    def direction_sent(self) -> Tensor:
        """The same of the channel that the BS takes it for, or the reported layer that is the nearest to the true."""
        reported = self.precoder_reported
        if reported is not None:
            last = reported.shape[1]
            if last == 1:
                return reported[:, 0]
            true = subband_eigenvectors(self.matrices(self.response_use), self._bands, last).transpose(1, 2)
            return matched_layers(reported, true)[:, 0]
        if self.held:
            return self._eigenvectors(self._layers_rebuilt, self.response_reconstructed, 1)
        return subband_eigenvectors(self.matrices(self.response_predicted), self._bands)[:, :, 0]

    @cached_property
    def ranks_reported(self) -> Tensor | None:
        """Layers of each reported precoder, ``[batch]``, int64; ``None`` where channels are reported."""
        return None if self.precoder_reported is None else layer_counts(self.precoder_reported)

    @cached_property
    def _layers_matched(self) -> Tensor:
        reported = self.precoder_reported
        assert reported is not None
        if reported.shape[1] == 1:
            return reported
        last = reported.shape[1]
        self.directions_report(last)
        return matched_layers(reported, torch.stack([self.directions_report(n + 1) for n in range(last)], dim=1))

    @cached_property
    def layers(self) -> Tensor:
        """Layers that the BS sends, ``[batch, n_layers, n_subbands, n_tx]``, zero beyond the rank.

        Those reported, or as many eigenvectors of the channel that it holds as it expects the largest sum rate of.
        """
        if self.precoder_reported is not None:
            return self.precoder_reported
        return best_layers(self.matrices(self.response_predicted), self._bands, self.snr)

    @cached_property
    def sum_rate(self) -> Tensor:
        """Rate of all layers of the BS's precoder when it is used, mean over the subcarriers, ``[batch]``, float64."""
        return sum_rate(self.matrices(self.response_use), self.layers, self._bands, self.snr)

    @cached_property
    def sum_rate_perfect(self) -> Tensor:
        """The same with the eigenvectors of the true channel, ``[batch]``, float64."""
        response = self.matrices(self.response_use)
        return sum_rate(response, best_layers(response, self._bands, self.snr), self._bands, self.snr)

    @cached_property
    def weights(self) -> Tensor:
        """Precoder weights of the first layer from what the BS holds, ``[batch, Nc, n_tx]``."""
        if self.precoder_reported is None:
            return self.precoder.weights(self.matrices(self.response_predicted))
        widths = torch.tensor([band.stop - band.start for band in self._bands], device=self.precoder_reported.device)
        return self.precoder_reported[:, 0].repeat_interleave(widths, dim=1)

    @cached_property
    def gain(self) -> Tensor:
        r"""Channel gain :math:`\lVert H_n w_n \rVert^2` of the BS's precoder when it is used, ``[batch, Nc]``."""
        if not self._by_inner_product or self.precoder_reported is not None:
            return self._gain_of(self.weights)
        norm = self.norm_predicted
        # The weights of a zero channel are the first unit vector.
        return torch.where(norm == 0, self.response_use[..., 0].abs(), self.inner_use.abs() / norm).square()

    @cached_property
    def rate(self) -> Tensor:
        """Rate with the BS's precoder, mean over the subcarriers, ``[batch]``, float64, bit/s/Hz."""
        return self._rate(self.gain)

    @property
    def n_rx(self) -> int:
        """UE antennas."""
        return self.transform.array.n_rx

    def matrices(self, response: Tensor) -> Tensor:
        """Responses ``[batch, Nc, n_ports]`` as one channel matrix a subcarrier, ``[batch, Nc, n_rx, n_tx]``."""
        return response.unflatten(-1, (self.n_rx, self.transform.array.n_tx))

    @property
    def _by_inner_product(self) -> bool:
        return self.precoder.matched and self.n_rx == 1

    @cached_property
    def _layers_true(self) -> dict[int, Tensor]:
        # Eigenvectors by the number of layers that were asked for; those of all reports of the same channels are one.
        return {}

    @cached_property
    def _layers_use(self) -> dict[int, Tensor]:
        return {}

    @cached_property
    def _layers_rebuilt(self) -> dict[int, Tensor]:
        return {}

    @property
    def _bands(self) -> list[slice]:
        return subbands(self.response_report.shape[-2], self.n_subbands, "sgcs.n_subbands")

    def _eigenvectors(self, known: dict[int, Tensor], response: Tensor, layer: int) -> Tensor:
        if layer not in known:
            found = subband_eigenvectors(self.matrices(response), self._bands, layer).unbind(2)
            known.update(enumerate(found, start=1))
        return known[layer]

    def _gain_of(self, weights: Tensor) -> Tensor:
        received = inner(weights.conj()[..., None, :], self.matrices(self.response_use))
        return received.abs().square().sum(-1)

    def _rate(self, gain: Tensor) -> Tensor:
        return torch.log1p(self.snr * gain).mean(-1, dtype=torch.float64) / math.log(2)


# Cached properties that no report influences.
_CHANNEL_ONLY = (
    "static",
    "energy_true",
    "norm_report",
    "norm_use",
    "energy_report",
    "energy_use",
    "csi_use",
    "gain_perfect",
    "rate_perfect",
    "sum_rate_perfect",
    "_layers_true",
    "_layers_use",
)
