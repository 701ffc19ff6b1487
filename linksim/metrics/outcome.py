"""What the metrics see of one batch: true channels, what the BS rebuilt, and quantities that several metrics share."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from linksim.link_adaptation.adaptation import Transmission
from linksim.metrics.block_sinr import block_sinr, weights_on_subcarriers
from linksim.metrics.channel_outcome import ChannelOutcome
from linksim.metrics.channel_property import share_channel
from linksim.metrics.delivered import PLAIN, Delivery
from linksim.metrics.directions import Directions
from linksim.metrics.layers import best_layers, layer_counts, matched_layers, sum_rate
from linksim.metrics.matrix_norms import inner
from linksim.metrics.response import Response
from linksim.precoding import right_singular_vector

_SEEN = "what is computed of the report and the channel when it was made"


@dataclass(frozen=True)
class LinkOutcome(ChannelOutcome):
    """One batch at the end of the chain, and what follows from the report that the BS has of it."""

    def with_report(
        self,
        csi_rebuilt: Tensor | None,
        *,
        bits: int | Tensor | None,
        overhead: float | None,
        delivery: Delivery = PLAIN,
        csi_predicted: Tensor | None = None,
        precoder_reported: Tensor | None = None,
        cqi: Tensor | None = None,
        offset_db: Tensor | None = None,
        seen: dict[str, Tensor] | None = None,
    ) -> Self:
        """The same channels with another compressor's report; what is computed of the channels is computed once.

        ``seen`` has what was computed before of this report and the channel when it was made, and gets what will be.
        """
        other = replace(
            self,
            csi_rebuilt=csi_rebuilt,
            csi_predicted=csi_predicted,
            precoder_reported=precoder_reported,
            bits=bits,
            overhead=overhead,
            delivery=delivery,
            cqi=cqi,
            offset_db=offset_db,
        )
        share_channel(self, other)
        if seen is not None:
            # No field, so that outcomes with another report do not take it over.
            vars(other)[_SEEN] = seen
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
            cqi=of(self.cqi),
            offset_db=of(self.offset_db),
            response_later=tuple(response[kept] for response in self.response_later),
            receiver=None if self.receiver is None else self.receiver.only(kept),
            snr=self.snr[kept] if isinstance(self.snr, Tensor) else self.snr,
        )

    @property
    def rebuilt(self) -> Tensor:
        """``csi_rebuilt``, ``[batch, Na, n_ports]``, for metrics that need one.

        Raises:
            ValueError: if there is none.
        """
        if self.csi_rebuilt is None:
            raise ValueError("csi_rebuilt: got None, expected the matrix that the BS rebuilt")
        return self.csi_rebuilt

    @property
    def predicted(self) -> Tensor:
        """``csi_predicted``, or ``rebuilt`` where that is held, ``[batch, Na, n_ports]``."""
        return self.rebuilt if self.csi_predicted is None else self.csi_predicted

    @cached_property
    def held(self) -> bool:
        """Whether the BS uses the report as it is."""
        return self.predicted is self.rebuilt

    @cached_property
    def known_report(self) -> Response:
        """The channel of the matrix that the BS rebuilt."""
        return self._response(self.transform.inverse(self.rebuilt))

    @cached_property
    def known_use(self) -> Response:
        """The channel that the BS computes its precoder from."""
        return self.known_report if self.held else self._response(self.transform.inverse(self.predicted))

    @cached_property
    def inner_report(self) -> Tensor:
        r""":math:`h_n \hat h_n^H` with the channel when the report was made, ``[batch, Nc]``, complex."""
        return self.true_report.inner(self.known_report.ports)

    @cached_property
    def inner_use(self) -> Tensor:
        r""":math:`h_n \hat h_n^H` of the channel at the time of use and its prediction, ``[batch, Nc]``, complex."""
        if self.static and self.held:
            return self.inner_report
        return self.true_use.inner(self.known_use.ports)

    @property
    def cosine(self) -> Tensor:
        r"""Cosine of channel and reconstruction when the report was made, ``[batch, Nc]``, real.

        .. math:: |h_n \hat h_n^H| / (\lVert h_n \rVert \lVert \hat h_n \rVert)

        It is 0 where either vector is zero. With several UE antennas the vectors are the dominant right singular
        vectors.
        """
        return self._seen_once("cosine", self._cosine)

    def _cosine(self) -> Tensor:
        known, true = self.known_report, self.true_report
        if self.n_rx > 1:
            vectors = right_singular_vector(known.matrices), right_singular_vector(true.matrices)
            return inner(*vectors).abs().clamp(max=1).masked_fill((known.norm == 0) | (true.norm == 0), 0)
        norms = known.norm * true.norm
        return torch.where(norms == 0, 0.0, self.inner_report.abs() / norms).clamp(max=1)

    def direction_reconstructed(self, layer: int = 1) -> Tensor | None:
        """What the BS knows of an eigenvector when the report was made, ``[batch, n_subbands, n_tx]``, unit norm.

        That of the rebuilt channel's covariance in each subband, or the reported layer that belongs to it: ``None`` if
        no report has so many layers, zero in those that have fewer.

        Args:
            layer: 1 for the strongest eigenvector, and so on.
        """
        if self.precoder_reported is None:
            return self._seen_once(f"direction {layer}", lambda: self.known_report.directions.layer(layer))
        return self._layers_matched[:, layer - 1] if layer <= self.precoder_reported.shape[1] else None

    @cached_property
    def direction_sent(self) -> Tensor:
        """Dominant eigenvector of the channel that the BS takes for that in use, or the reported layer nearest to it.

        ``[batch, n_subbands, n_tx]``, complex, unit norm.
        """
        if self.precoder_reported is not None:
            return _matched(self.precoder_reported, self.true_use.directions)[:, 0]
        return self._direction_known

    @cached_property
    def ranks_reported(self) -> Tensor | None:
        """Layers of each reported precoder, ``[batch]``, int64; ``None`` where channels are reported."""
        return None if self.precoder_reported is None else layer_counts(self.precoder_reported)

    @cached_property
    def layers(self) -> Tensor:
        """Layers that the BS sends, ``[batch, n_layers, n_subbands, n_tx]``, zero beyond the rank.

        Those reported, or as many eigenvectors of the channel that it holds as it expects the largest sum rate of.
        """
        if self.precoder_reported is not None:
            return self.precoder_reported
        return best_layers(self.known_use.directions, self.snr, self.link_adaptation.rank)

    @cached_property
    def sum_rate(self) -> Tensor:
        """Rate of all layers of the BS's precoder when it is used, mean over the subcarriers, ``[batch]``, float64."""
        return sum_rate(self.true_use.matrices, self.layers, self.true_use.bands, self.snr)

    @cached_property
    def weights(self) -> Tensor:
        """Precoder weights of the first layer from what the BS holds, ``[batch, Nc, n_tx]``."""
        if self.precoder_reported is None:
            return self._weights(lambda: self.known_use, lambda: self._direction_known)
        widths = torch.tensor(
            [band.stop - band.start for band in self.true_use.bands], device=self.precoder_reported.device
        )
        return self.precoder_reported[:, 0].repeat_interleave(widths, dim=1)

    @cached_property
    def user_rates(self) -> Tensor:
        """Rates of the users of each cell with the BS's precoder, ``[n_cells, users]``, float64, bit/s/Hz."""
        return self._user_rates(self.weights, self.cqi)

    @cached_property
    def sinr(self) -> tuple[Tensor, Tensor]:
        """SINRs of the layers that the BS sends, when they are, and which of them it sends.

        ``[batch, Nc, n_layers]``, float64, linear; ``[batch, n_layers]``, bool.
        """
        several = self.link_adaptation.layers == "all"
        if self.receiver is not None:
            return block_sinr(self.receiver, self.true_use, self._weights_sent, self.snr)
        return self._sinr_of_layers(self.layers) if several else self._sinr_of_gain(self.gain)

    @property
    def _weights_sent(self) -> Tensor:
        """Precoders of the layers of a block on each subcarrier, ``[batch, n_layers, Nc, n_tx]``."""
        if self.link_adaptation.layers == "all":
            return weights_on_subcarriers(self.layers, self.true_use)
        return self.weights[:, None]

    @cached_property
    def best_cqi(self) -> Tensor:
        """CQI index that suits the BS's precoder on the channel that it is used on, ``[batch]``, int64."""
        return self.adaptation.cqi(*self.sinr)

    @cached_property
    def transmission(self) -> Transmission:
        """A block with the BS's precoder and the MCS that it takes for the CQI of the report.

        Raises:
            ValueError: if there is no CQI.
        """
        sinr, sent = self.sinr
        later: list[Tensor] = []
        if self.response_later and self.receiver is not None:
            later = self._sinr_of_weights(self._weights_sent)[1:]
        elif self.response_later:
            several = self.link_adaptation.layers == "all"
            later = self._later_of_layers(self.layers) if several else self._later_of_weights(self.weights)
        return self.adaptation.transmission(sinr, sent, self.mcs, later)

    @property
    def mcs(self) -> Tensor:
        """MCS index that the BS takes for the CQI of the report, ``[batch]``, int64.

        Raises:
            ValueError: if there is no CQI.
        """
        if self.cqi is None:
            raise ValueError("cqi: got None, expected that of the newest report")
        return self.adaptation.mcs(self.cqi, self.sinr[1], self.offset_db)

    @property
    def block_error_rate(self) -> Tensor:
        """Of the first transmission of ``transmission``, ``[batch]``, float64, without the work of the others."""
        return self.adaptation.block_error_rate(*self.sinr, self.mcs)

    @cached_property
    def gain(self) -> Tensor:
        r"""Channel gain :math:`\lVert H_n w_n \rVert^2` of the BS's precoder when it is used, ``[batch, Nc]``."""
        if not self._by_inner_product or self.precoder_reported is not None:
            return self._gain_of(self.weights)
        norm = self.known_use.norm
        # The weights of a zero channel are the first unit vector.
        return torch.where(norm == 0, self.response_use[..., 0].abs(), self.inner_use.abs() / norm).square()

    @cached_property
    def rate(self) -> Tensor:
        """Rate with the BS's precoder, mean over the subcarriers, ``[batch]``, float64, bit/s/Hz."""
        return self._rate(self.gain)

    @property
    def _direction_known(self) -> Tensor:
        """Dominant eigenvector of the channel that the BS takes for that in use, ``[batch, n_subbands, n_tx]``."""
        known = self.direction_reconstructed() if self.held else None
        return self.known_use.directions.layer(1) if known is None else known

    def _seen_once(self, name: str, compute: Callable[[], Tensor]) -> Tensor:
        seen: dict[str, Tensor] = vars(self).setdefault(_SEEN, {})
        if name not in seen:
            seen[name] = compute()
        return seen[name]

    @cached_property
    def _layers_matched(self) -> Tensor:
        assert self.precoder_reported is not None
        return _matched(self.precoder_reported, self.true_report.directions)


def _matched(reported: Tensor, true: Directions) -> Tensor:
    """Reported layers ``[batch, n_layers, n_subbands, n_tx]`` in the order of the true channel's eigenvectors."""
    count = reported.shape[1]
    return reported if count == 1 else matched_layers(reported, true.first(count))
