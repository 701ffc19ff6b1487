"""Enhanced Type II codebook for predicted PMI of Rel-18, TS 38.214, clause 5.2.2.2.10."""

import torch
from torch import Tensor

from feedback.codebooks.codebook import SeenChannel
from feedback.codebooks.enhanced_type2 import EnhancedType2Report, precoder
from feedback.codebooks.enhanced_type2_plan import EnhancedType2Plan
from feedback.codebooks.targets import covariances, eigenvectors
from feedback.compressor import COMPRESSORS, Complexity, Memory
from feedback.compressors.etype2 import EnhancedType2, EnhancedType2Codebook
from feedback.compressors.parameters.etype2_doppler import EnhancedType2DopplerParameters
from feedback.csi_dimensions import CsiDimensions
from feedback.predictors.linear_prediction import at_delay, fit_coefficients, next_value, steps_to, within_reach


class PredictedType2Codebook(EnhancedType2Codebook):
    """Reports of one rank; the precoder is that of one of the instants that they cover."""

    def __init__(self, plan: EnhancedType2Plan, largest_rank: int, refinements: int, instant: int) -> None:
        super().__init__(plan, largest_rank, refinements)
        self.instant = instant

    def precoder(self, report: EnhancedType2Report) -> Tensor:
        """The sum of the report's beams, taps and Doppler shifts at the instant."""
        return precoder(self.plan, report, self.instant)


@COMPRESSORS.register("etype2_doppler")
class EnhancedType2Doppler(EnhancedType2):
    r"""``etype2`` for the time to come: one report holds the precoders of N4 instants.

    .. math:: w_{t,s} \propto \sum_i v_i\, p^{(1)}_i \sum_f e^{j 2 \pi t n_3^{(f)} / N_3} \sum_{\tau < Q}
              e^{j 2 \pi s n_4^{(\tau)} / N_4} p^{(2)}_{i,f,\tau} \varphi_{i,f,\tau}

    The UE remembers its estimates at the reports before, which are its CSI-RS occasions, and predicts the channel at
    each instant by an autoregressive model of every beam and delay; with too few occasions, or in a scenario of a
    single report, it takes the channel for still. Of the Q = 2 Doppler shifts of a layer (one with N4 = 1) the first is
    0, to which the strongest is turned. The BS uses the instant that is nearest to the delay. Part 1 and part 2 are
    those of ``etype2``, with i110 (the other shift) in group 1; a report pays for all its instants at once.
    """

    Parameters = EnhancedType2DopplerParameters

    def __init__(self, settings: EnhancedType2DopplerParameters, dimensions: CsiDimensions) -> None:
        self.period_s = dimensions.report_period_s
        self.interval_s = settings.interval_s or self.period_s
        nearest = round(dimensions.delay_s / self.interval_s) if self.interval_s else 0
        self.instant = min(nearest, settings.n_intervals - 1)
        super().__init__(settings, dimensions)

    def codebook(self, rank: int, largest_rank: int) -> PredictedType2Codebook:
        """The codebook at one rank."""
        plan = self.settings.plan(self.layout, self.dimensions.n_subbands, rank)
        return PredictedType2Codebook(plan, largest_rank, self.settings.refinements, self.instant)

    def seen(self, csi: Tensor, memory: Memory) -> tuple[SeenChannel, Memory]:
        """Eigenvectors of the channel at all instants, covariances at the one that the BS will use."""
        beams = self._delay_beams(csi)
        earlier = memory.get("beams")
        known = beams[:, None] if earlier is None else torch.cat([earlier, beams[:, None]], dim=1)
        known = known[:, -self.settings.occasions :]
        targets, used = [], None
        for instant, change in enumerate(self._changes(known)):
            channel = csi if change is None else csi + self._response(change)
            covariance = covariances(channel.transpose(1, 2), self.dimensions.slices)
            targets.append(eigenvectors(covariance, self.n_layers)[0])
            used = covariance if instant == self.instant else used
        return SeenChannel(torch.cat(targets, dim=1), used, noisy=self.takes == "whitened"), {"beams": known}

    def expected_change(self, memory: Memory) -> Tensor | None:
        """By the UE's prediction, to the instant that the BS will use."""
        change = self._changes(memory["beams"])[self.instant]
        if change is None:
            return None
        in_order = self._response(change)
        return torch.empty_like(in_order).index_copy_(-1, self._ports, in_order)

    def complexity(self) -> Complexity:
        """As ``etype2`` for each instant, and the normal equations and steps of the UE's models."""
        cost, settings, sizes = super().complexity(), self.settings, self.dimensions
        entries = sizes.n_rx * sizes.n_delay * sizes.n_tx
        models = 4 * entries * settings.order * (settings.occasions * (settings.order + 1) + settings.n_intervals)
        return Complexity(
            ue_macs=settings.n_intervals * cost.ue_macs + models,
            bs_macs=cost.bs_macs,
            ue_parameters=0,
            bs_parameters=0,
        )

    def _changes(self, known: Tensor) -> list[Tensor | None]:
        """What is added to the newest of ``[batch, occasions, ...]`` at each instant; nothing at the first."""
        order, n_instants = self.settings.order, self.settings.n_intervals
        if n_instants == 1 or not self.interval_s or not self.period_s or known.shape[1] <= order:
            return [None] * n_instants
        track = known.flatten(2).to(torch.complex128)
        none_lost = torch.zeros(track.shape[:2], dtype=torch.bool, device=track.device)
        model = fit_coefficients(track, none_lost, order, self.settings.pooling)
        steps = list(track.unbind(1))
        for _ in range(steps_to((n_instants - 1) * self.interval_s / self.period_s)):
            steps.append(next_value(steps, model))
        coming = steps[track.shape[1] :]
        changes: list[Tensor | None] = [None]
        for instant in range(1, n_instants):
            periods = round(instant * self.interval_s / self.period_s, 9)
            value = within_reach(at_delay(track[:, -2], track[:, -1], coming, periods), track)
            changes.append((value - track[:, -1]).unflatten(1, known.shape[2:]))
        return changes

    def _delay_beams(self, csi: Tensor) -> Tensor:
        """Channels ``[batch, n_rx, n_subcarriers, P]`` by delay and beam, the first delays only, complex64."""
        delays = torch.fft.ifft(csi, dim=2, norm="ortho")[:, :, : self.dimensions.n_delay]
        return torch.fft.fft2(delays.unflatten(3, self._panel), dim=(4, 5), norm="ortho").flatten(3)

    def _response(self, beams: Tensor) -> Tensor:
        """The inverse, over the whole band."""
        ports = torch.fft.ifft2(beams.unflatten(3, self._panel), dim=(4, 5), norm="ortho").flatten(3)
        n_subcarriers = self.dimensions.n_subcarriers
        return torch.fft.fft(ports, n=n_subcarriers, dim=2, norm="ortho").to(torch.complex64)

    @property
    def _panel(self) -> tuple[int, int, int]:
        return 2, self.layout.n1, self.layout.n2
