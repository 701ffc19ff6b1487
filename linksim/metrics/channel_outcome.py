"""One batch at the end of the chain: its tensors, and quantities that no report influences."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from channels.transforms.angular_delay import AngularDelayTransform
from linksim.link_adaptation.adaptation import LinkAdaptation, Transmission
from linksim.link_adaptation.parameters import LinkAdaptationParameters
from linksim.link_adaptation.receiver import Receiver
from linksim.link_budget.ue_snr import beside
from linksim.metrics.block_sinr import block_sinr, weights_on_subcarriers
from linksim.metrics.channel_property import channel_property
from linksim.metrics.delivered import PLAIN, Delivery
from linksim.metrics.layers import best_layers, layer_sinr, layers_sent, sum_rate
from linksim.metrics.matrix_norms import energy, inner
from linksim.metrics.response import Response
from linksim.multi_user.cells import cells
from linksim.multi_user.parameters import MultiUserParameters
from linksim.multi_user.user_rates import user_rates
from linksim.precoding import Precoder
from linksim.subbands import subbands


@dataclass(frozen=True)
class ChannelOutcome:
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
        snr: downlink SNR per antenna at unit channel power, linear: of all samples, or of each, ``[batch]``, float32.
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
        multi_user: how many users share a cell, and how the BS serves them.
        link_adaptation: modulation, coding and retransmissions.
        cqi: CQI index of the newest report that arrived, ``[batch]``, int64, 0 where none did; ``None`` for metrics
            that no compressor influences, and where no metric asks for it.
        offset_db: of the outer loop, ``[batch]``, float64, dB; ``None`` where the BS has none.
        response_later: true channels at the retransmissions of a block, ``[batch, Nc, n_ports]`` each; empty where they
            see that of the first transmission.
        receiver: what UEs receive blocks with; ``None`` for an MMSE receiver that knows its channel, in white noise.
    """

    transform: AngularDelayTransform
    csi_true: Tensor
    csi_rebuilt: Tensor | None
    response_report: Tensor
    response_use: Tensor
    response_estimated: Tensor
    precoder: Precoder
    snr: float | Tensor
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
    multi_user: MultiUserParameters = field(default_factory=MultiUserParameters)
    link_adaptation: LinkAdaptationParameters = field(default_factory=LinkAdaptationParameters)
    cqi: Tensor | None = None
    offset_db: Tensor | None = None
    response_later: tuple[Tensor, ...] = ()
    receiver: Receiver | None = None

    @property
    def indices(self) -> NDArray[np.int64]:
        """Index of each sample in its split, ``[batch]``."""
        places = np.arange(len(self.csi_true) + len(self.left_out))
        return self.first_index + np.delete(places, self.left_out)

    @channel_property
    def static(self) -> bool:
        """Whether the channel is the same when the precoder is used as when the report was made."""
        report, use = self.response_report, self.response_use
        return report is use or (
            report.data_ptr() == use.data_ptr() and report.shape == use.shape and report.stride() == use.stride()
        )

    @channel_property
    def energy_true(self) -> Tensor:
        r""":math:`\lVert X \rVert^2` of the truncated true matrix, ``[batch]``, float64."""
        return energy(self.csi_true)

    @channel_property
    def true_report(self) -> Response:
        """The true channel when the report was made."""
        return self._response(self.response_report)

    @channel_property
    def true_use(self) -> Response:
        """The true channel when the precoder is used."""
        return self.true_report if self.static else self._response(self.response_use)

    @channel_property
    def csi_use(self) -> Tensor:
        """Truncated true angular-delay matrix when the precoder is used, ``[batch, Na, n_ports]``."""
        return self.csi_true if self.static else self.transform.truncate(self.response_use)

    @channel_property
    def gain_perfect(self) -> Tensor:
        r"""Channel gain :math:`\lVert H_n w_n \rVert^2` of the precoder from the true channel, ``[batch, Nc]``."""
        if self._by_inner_product:
            return self.true_use.norm.square()
        return self._gain_of(self.weights_perfect)

    @channel_property
    def weights_perfect(self) -> Tensor:
        """Precoder weights of the first layer from the true channel when it is used, ``[batch, Nc, n_tx]``."""
        return self._weights(lambda: self.true_use, lambda: self.true_use.directions.layer(1))

    @channel_property
    def rate_perfect(self) -> Tensor:
        """Rate with perfect CSI, mean over the subcarriers, ``[batch]``, float64, bit/s/Hz."""
        return self._rate(self.gain_perfect)

    @channel_property
    def sum_rate_perfect(self) -> Tensor:
        """Rate of all layers with perfect CSI, mean over the subcarriers, ``[batch]``, float64, bit/s/Hz."""
        layers = best_layers(self.true_use.directions, self.snr, self.link_adaptation.rank)
        return sum_rate(self.true_use.matrices, layers, self.true_use.bands, self.snr)

    @channel_property
    def adaptation(self) -> LinkAdaptation:
        """Modulation and coding of a slot."""
        return LinkAdaptation(self.link_adaptation, self.response_use.shape[-2], self.data_share)

    @channel_property
    def transmission_perfect(self) -> Transmission:
        """A block with precoder, CQI and MCS of the true channel when it is sent."""
        true = self.true_use
        if self.receiver is not None:
            layers = best_layers(true.directions, self.snr, self.link_adaptation.rank)
            several = self.link_adaptation.layers == "all"
            weights = weights_on_subcarriers(layers, true) if several else self.weights_perfect[:, None]
            expected, sent = block_sinr(self.receiver.expected, true, weights, self.snr)
            mcs = self.adaptation.mcs(self.adaptation.cqi(expected, sent), sent)
            sinr, *later = self._sinr_of_weights(weights)
            return self.adaptation.transmission(sinr, sent, mcs, later)
        if self.link_adaptation.layers == "all":
            layers = best_layers(true.directions, self.snr, self.link_adaptation.rank)
            sinr, sent = self._sinr_of_layers(layers)
            later = self._later_of_layers(layers)
        else:
            sinr, sent = self._sinr_of_gain(self.gain_perfect)
            later = self._later_of_weights(self.weights_perfect) if self.response_later else []
        mcs = self.adaptation.mcs(self.adaptation.cqi(sinr, sent), sent)
        return self.adaptation.transmission(sinr, sent, mcs, later)

    @channel_property
    def cells(self) -> Tensor:
        """Samples that share a cell, by their place in the batch, ``[n_cells, users]``, int64."""
        return cells(self.indices, self.multi_user.users).to(self.csi_true.device)

    @property
    def snr_of_users(self) -> Tensor:
        """SNR of the users of each cell, ``[n_cells, users]``, float64, linear."""
        places = self.cells
        if isinstance(self.snr, Tensor):
            return self.snr.to(torch.float64)[places]
        return torch.full(places.shape, self.snr, dtype=torch.float64, device=places.device)

    @channel_property
    def user_rates_perfect(self) -> Tensor:
        """Rates of the users of each cell with perfect CSI, ``[n_cells, users]``, float64, bit/s/Hz."""
        cqi = None
        if self.multi_user.strengths == "cqi":
            cqi = self.adaptation.cqi(*self._sinr_of_gain(self.gain_perfect))
        return self._user_rates(self.weights_perfect, cqi)

    @property
    def n_rx(self) -> int:
        """UE antennas."""
        return self.transform.array.n_rx

    @property
    def _by_inner_product(self) -> bool:
        return self.precoder.matched and self.n_rx == 1

    def _response(self, ports: Tensor) -> Response:
        bands = subbands(ports.shape[-2], self.n_subbands, "sgcs.n_subbands")
        return Response(ports, self.n_rx, bands)

    def _weights(self, known: Callable[[], Response], direction: Callable[[], Tensor]) -> Tensor:
        """Precoder weights of the first layer for a known channel, ``[batch, Nc, n_tx]``.

        A precoder of the eigenvectors that the similarity is made of takes those, as they take longest to compute.

        Args:
            known: gives the channel.
            direction: gives its dominant eigenvectors, ``[batch, n_subbands, n_tx]``.
        """
        n_subcarriers = self.response_use.shape[-2]
        bands = subbands(n_subcarriers, self.n_subbands, "sgcs.n_subbands")
        if self.precoder.bands(n_subcarriers) == bands:
            return self.precoder.weights_of_bands(direction(), bands)
        return self.precoder.weights(known().matrices)

    def _user_rates(self, weights: Tensor, cqi: Tensor | None) -> Tensor:
        """Rates of the users of each cell, ``[n_cells, users]``.

        Args:
            weights: that would suit each alone, ``[batch, Nc, n_tx]``, complex.
            cqi: of their reports, ``[batch]``, int64; ``None`` where the BS does not look at it.

        Raises:
            ValueError: if it looks at it, and there is none.
        """
        true, places, strengths = self.true_use, self.cells, None
        if self.multi_user.strengths == "cqi":
            if cqi is None:
                raise ValueError("cqi: got None, expected that of the newest report")
            one_layer = torch.ones(len(cqi), 1, dtype=torch.bool, device=cqi.device)
            strengths = self.adaptation.promised_sinr(cqi, one_layer)[places]
        return user_rates(
            *(true.matrices[places], weights[places], true.bands, self.snr_of_users, self.multi_user, strengths)
        )

    def _gain_of(self, weights: Tensor, true: Response | None = None) -> Tensor:
        """Channel gain of weights ``[batch, Nc, n_tx]`` when the precoder is used, or ever, ``[batch, Nc]``, real."""
        matrices = (self.true_use if true is None else true).matrices
        return inner(weights.conj()[..., None, :], matrices).abs().square().sum(-1)

    def _sinr_of_layers(self, layers: Tensor) -> tuple[Tensor, Tensor]:
        """SINRs ``[batch, Nc, n_layers]`` when layers are used, and which are sent, ``[batch, n_layers]``, bool."""
        true = self.true_use
        return layer_sinr(true.matrices, layers, true.bands, self.snr), layers_sent(layers)

    @channel_property
    def true_later(self) -> tuple[Response, ...]:
        """The true channels at the retransmissions of a block."""
        return tuple(map(self._response, self.response_later))

    def _later_of_layers(self, layers: Tensor) -> list[Tensor]:
        """SINRs of the layers of a block's retransmissions, ``[batch, Nc, n_layers]`` each."""
        return [layer_sinr(true.matrices, layers, true.bands, self.snr) for true in self.true_later]

    def _later_of_weights(self, weights: Tensor) -> list[Tensor]:
        """SINRs of one layer of a block's retransmissions, ``[batch, Nc, 1]`` each."""
        return [self._sinr_of_gain(self._gain_of(weights, true))[0] for true in self.true_later]

    def _sinr_of_weights(self, weights: Tensor) -> list[Tensor]:
        """SINRs of a block's transmissions behind ``receiver``, of weights ``[batch, n_layers, Nc, n_tx]``.

        ``[batch, Nc, n_layers]`` each; the first's alone where retransmissions see its channel and errors.
        """
        assert self.receiver is not None
        receiver, snr = self.receiver, self.snr
        seen = (self.true_use, *self.true_later)
        return [block_sinr(receiver, true, weights, snr, number)[0] for number, true in enumerate(seen)]

    def _sinr_of_gain(self, gain: Tensor) -> tuple[Tensor, Tensor]:
        """SINRs ``[batch, Nc, 1]`` of one layer of gains ``[batch, Nc]``, and that it is sent, ``[batch, 1]``, bool."""
        sent = torch.ones(len(gain), 1, dtype=torch.bool, device=gain.device)
        return (beside(self.snr, gain.ndim) * gain.to(torch.float64))[..., None], sent

    def _rate(self, gain: Tensor) -> Tensor:
        """Rate of gains ``[batch, Nc]``, mean over the subcarriers, ``[batch]``, float64, bit/s/Hz."""
        return torch.log1p(beside(self.snr, gain.ndim) * gain).mean(-1, dtype=torch.float64) / math.log(2)
