"""What the BS makes of the reports that have arrived: the channel that it expects, or the precoder that it holds."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from channels.transforms.angular_delay import AngularDelayTransform
from feedback.compressor import Compressor
from feedback.predictor import Predictor, ReportHistory
from linksim.chain.mean_channel import MeanChannel
from linksim.chain.report_times import ReportTimes
from linksim.chain.reporting import ReportSequence
from linksim.errors import InputError
from linksim.precoding import unit_vectors
from linksim.subband_eigenvectors import subband_eigenvectors


@dataclass(frozen=True)
class Known:
    """What the BS knows of the channel in use: either a precoder, or a channel.

    Attributes:
        precoder: ``[batch, n_layers, n_subbands, n_tx]``, complex; ``None`` where channels are reported.
        rebuilt: angular-delay matrix of the newest report that arrived, ``[batch, Na, n_ports]``, complex.
        predicted: what it takes for the channel in use, likewise; ``rebuilt`` itself where that is held.
    """

    precoder: Tensor | None = None
    rebuilt: Tensor | None = None
    predicted: Tensor | None = None

    def only(self, kept: Tensor) -> "Known":
        """Some of the samples, ``kept`` ``[batch]``, bool."""
        rebuilt = None if self.rebuilt is None else self.rebuilt[kept]
        predicted = rebuilt if self.predicted is self.rebuilt or self.predicted is None else self.predicted[kept]
        return Known(None if self.precoder is None else self.precoder[kept], rebuilt, predicted)


@dataclass(frozen=True)
class BaseStation:
    """The BS, apart from its codecs.

    Attributes:
        transform: angular-delay transform of the reports.
        bands: subcarriers of each subband.
        predictor: of channels from past reports.
        report_times: when reports are made and used.
        fallback: its channel in place of lost reports; ``None`` over links that lose none.
        device: where to compute.
    """

    transform: AngularDelayTransform
    bands: Sequence[slice]
    predictor: Predictor
    report_times: ReportTimes
    fallback: MeanChannel | None
    device: torch.device

    def known(self, label: str, sequence: ReportSequence) -> Known:
        """What it knows after the newest of the reports so far.

        Args:
            label: of the compressor, for messages.
            sequence: the reports.

        Raises:
            InputError: if a report was rebuilt as NaN or infinity.
        """
        if sequence.codec.compressor.gives == "precoder":
            precoder = sequence.last_precoder(self._fallback_precoder(sequence.codec.compressor))
            _require_finite(label, precoder)
            return Known(precoder=precoder)
        history = self._history(sequence)
        predicted = self.predictor.predict(history)
        _require_finite(label, history.csi, predicted)
        return Known(rebuilt=history.last_good, predicted=predicted)

    def _history(self, sequence: ReportSequence) -> ReportHistory:
        """What it remembers, without anything of reports that were lost; reports before the first count as such."""
        csi, lost = sequence.rebuilt, sequence.lost
        missing = self.report_times.n_reports - len(csi)
        csi = [torch.zeros_like(csi[0])] * missing + csi
        erased = torch.stack([torch.ones_like(lost[0])] * missing + lost, dim=1)
        received = torch.stack(csi, dim=1)
        return ReportHistory(
            csi=received.masked_fill(erased[:, :, None, None], 0) if erased.any() else received,
            erased=erased,
            mean=torch.zeros_like(csi[0][0]) if self.fallback is None else self.fallback.mean.to(received.device),
            period_s=self.report_times.period_s,
            delay_s=self.report_times.delay_s,
        )

    def _fallback_precoder(self, compressor: Compressor) -> Tensor:
        """The precoder of the mean channel, ``[n_layers, n_subbands, n_tx]``; one layer if UEs choose."""
        n_layers, array = compressor.n_layers, self.transform.array
        if self.fallback is None:
            layers = torch.eye(n_layers, array.n_tx, dtype=torch.complex64, device=self.device)[:, None]
        else:
            mean = self.transform.inverse(self.fallback.mean[None].to(self.device))
            matrices = mean.unflatten(-1, (array.n_rx, array.n_tx))
            layers = unit_vectors(subband_eigenvectors(matrices, self.bands, n_layers)[0]).transpose(0, 1)
        if compressor.chooses_rank:
            layers[1:] = 0
        return layers


def _require_finite(label: str, *rebuilt: Tensor) -> None:
    if not all(torch.view_as_real(csi).isfinite().all() for csi in rebuilt):
        raise InputError(f"compressors: {label} rebuilt NaN or infinity, expected finite channels")
