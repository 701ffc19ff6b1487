"""The chain at one point: from channels to what every metric saw of them.

source -> estimate -> transform -> encode -> quantise -> link -> denoise -> decode -> predict -> precode -> metrics
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from channels.channel_batch import ChannelBatch
from channels.estimator import ESTIMATORS, NormalDraw
from channels.estimators.symbol_timing import advance, symbol_start, uniform_offset
from channels.source import Source
from channels.transforms.angular_delay import AngularDelayTransform
from feedback.compressor import Compressor
from feedback.csi_report.codeword import Codeword
from feedback.csi_report.normalisation import Normalisation
from feedback.csi_report.scale import ScaleQuantiser
from feedback.denoiser import Denoiser
from feedback.link import LINKS
from feedback.predictor import PREDICTORS, ReportHistory
from feedback.quantiser import Quantiser
from linksim.chain.downlink_overhead import downlink_overhead
from linksim.chain.mean_channel import MeanChannel
from linksim.chain.random_streams import normal_draw
from linksim.chain.report_times import ReportTimes
from linksim.chain.samples_without_energy import has_energy, require_energy
from linksim.chain.stage_times import StageTimes
from linksim.errors import InputError
from linksim.metrics import METRICS
from linksim.metrics.channel_quality import SAMPLES_LEFT_OUT
from linksim.metrics.delivered import delivery
from linksim.metrics.outcome import LinkOutcome
from linksim.precoding import PRECODERS
from linksim.scenario.model import Scenario
from linksim.statistics.measurements import NO_COMPRESSOR, Measurements
from linksim.storage.sample_values import SampleRecorder


@dataclass(frozen=True)
class ReportScheme:
    """One way to report: a fitted compressor with its normalisation, quantiser and denoiser of its codewords.

    Attributes:
        compressor: encoder and decoder.
        normalisation: scales what the encoder gets.
        quantiser: of codeword values.
        denoiser: of received codewords.
        scale: quantiser of the normalisation's scale; ``None`` where the BS knows the scale, and until it is fitted.
    """

    compressor: Compressor
    normalisation: Normalisation
    quantiser: Quantiser
    denoiser: Denoiser
    scale: ScaleQuantiser | None = None


class Chain:
    """Everything between the channel and the metrics, at one point of a sweep.

    Args:
        scenario: the point's resolved scenario.
        source: where the channels come from; here it only tells their dimensions.
        schemes: fitted compressors, normalisations, quantisers and denoisers by label.
        device: where to compute.
        fallback: the BS's channel in place of erased reports; only links that lose none do without.

    Attributes:
        times: wall time spent in each stage.
        samples: every metric's value of each sample measured so far.
    """

    def __init__(
        self,
        scenario: Scenario,
        source: Source,
        schemes: Mapping[str, ReportScheme],
        device: torch.device,
        fallback: MeanChannel | None = None,
    ) -> None:
        self.scenario = scenario
        self.schemes = schemes
        self.device = device
        self.fallback = fallback
        self.times = StageTimes()
        self.samples = SampleRecorder()
        self.transform = AngularDelayTransform(source.grid, source.array, scenario.transform.n_delay)
        self.estimator = ESTIMATORS.get_class(scenario.estimation.name)(scenario.estimation, source.grid, source.array)
        self.link = LINKS.get_class(scenario.feedback.link.name)(scenario.feedback.link)
        self.report_times = ReportTimes.of(scenario.feedback)
        self.predictor = PREDICTORS.get_class(scenario.feedback.predictor.name)(scenario.feedback.predictor)
        self.precoder = PRECODERS.get_class(scenario.precoder.name)(scenario.precoder)
        unscaled = [label for label, scheme in schemes.items() if scheme.scale is None]
        if scenario.transform.normalisation == "per_sample" and unscaled:
            raise ValueError(f"schemes: {unscaled[0]} has no quantiser of its scale, expected one")
        self.metrics = {name: METRICS.get_class(name)() for name in measured_metrics(scenario)}
        self.overhead = downlink_overhead(scenario, self.estimator, source.grid)
        pilot_snr_db = scenario.estimation.snr_db
        self.pilot_snr = 10 ** ((scenario.snr_db if pilot_snr_db is None else pilot_snr_db) / 10)

    def measure(self, batch: ChannelBatch, start: int) -> Measurements:
        """Runs the chain on test channels ``start`` and following.

        Raises:
            InputError: if a stage makes NaN or infinity.
        """
        count = len(batch.response)
        with self.times.stage("estimation and transform"):
            response, estimated, csi_estimated = self._observe(batch.response, start)
            reports = self.report_times.reports(response)
            csi_true = self.transform.truncate(reports[0])
        outcome = LinkOutcome(
            transform=self.transform,
            csi_true=csi_true,
            csi_rebuilt=None,
            response_report=reports[0],
            response_use=self.report_times.use(response),
            response_estimated=estimated,
            data_share=self.overhead.data,
            precoder=self.precoder,
            snr=10 ** (self.scenario.snr_db / 10),
            hf_all=batch.hf_all,
            first_index=start,
            n_subbands=self.scenario.sgcs.n_subbands,
        )
        kept = has_energy(outcome.response_report) & has_energy(csi_true) & has_energy(outcome.response_use)
        require_energy(kept, self.scenario, "test", start)
        complete = bool(kept.all())
        outcome = outcome if complete else outcome.only(kept)
        self.samples.mark(outcome.response_report, tuple(start + place for place in outcome.left_out))
        if not kept.any():
            return self._left_out(outcome)
        with self.times.stage("metrics"):
            results = self._evaluate(outcome, NO_COMPRESSOR)
        for label, scheme in self.schemes.items():
            rebuilt, erased = [], []
            # The oldest report first, so that what is left of the loop is the newest.
            for age in reversed(range(len(reports))):
                with self.times.stage("feedback"):
                    sent = self._report(scheme, csi_estimated[age])
                    received = self.link.transmit(sent, self._draw("feedback noise", start, count, age))
                    csi, lost = self._rebuild(scheme, received)
                    rebuilt.append(csi)
                    erased.append(lost)
            with self.times.stage("prediction"):
                history = self._history(rebuilt, erased)
                predicted = self.predictor.predict(history)
            if not all(torch.view_as_real(csi).isfinite().all() for csi in (history.csi, predicted)):
                raise InputError(f"compressors: {label} rebuilt NaN or infinity, expected finite channels")
            overhead = scheme.compressor.length / (2 * csi_true[0].numel())
            fate = replace(
                delivery(self.link, sent, received, lost),
                scale_saturated=self._saturated(scheme, csi_estimated[0]),
            )
            bits, rebuilt_csi = sent.bits, history.last_good
            if not complete:
                fate, bits = fate.only(kept), bits[kept] if isinstance(bits, Tensor) else bits
                held = predicted is rebuilt_csi
                rebuilt_csi = rebuilt_csi[kept]
                predicted = rebuilt_csi if held else predicted[kept]
            seen = outcome.with_report(
                rebuilt_csi, bits=bits, overhead=overhead, delivery=fate, csi_predicted=predicted
            )
            with self.times.stage("metrics"):
                results |= self._evaluate(seen, label)
        return results | self._left_out(outcome)

    def _observe(self, response: Tensor, start: int) -> tuple[Tensor, Tensor, list[Tensor]]:
        """At the UE: channels on the delay axis that its timing sets, the newest estimate, and all truncated ones.

        Timing by the pilots begins somewhere within a sampling interval, is found from the oldest report, and held.
        """
        grid, by_pilots = self.transform.grid, self.scenario.estimation.timing == "pilots"
        if by_pilots:
            draw = self._draw("clock offset", start, len(response), 0)
            response = advance(response, uniform_offset(draw((1,))[:, 0], grid), grid)
        reports = self.report_times.reports(response)
        oldest = self._estimate(reports[-1], start, len(reports) - 1)
        delay_s: Tensor | None = None
        if by_pilots:
            noise_variance = self.estimator.pilot_error_variance(self.pilot_snr)
            delay_s = symbol_start(oldest, noise_variance, self.estimator.pilot_spacing, grid, self.transform.n_delay)
            response, oldest = advance(response, delay_s, grid), advance(oldest, delay_s, grid)
        estimated, csi = oldest, [self.transform.truncate(oldest)]
        # Towards the newest, so that no more than one estimate of the whole band is held.
        for age in reversed(range(len(reports) - 1)):
            estimated = self._estimate(reports[age], start, age)
            estimated = estimated if delay_s is None else advance(estimated, delay_s, grid)
            csi.insert(0, self.transform.truncate(estimated))
        return response, estimated, csi

    def _estimate(self, response: Tensor, start: int, age: int) -> Tensor:
        """At the UE: the channel as its pilots show it."""
        return self.estimator.estimate(response, self.pilot_snr, self._draw("pilot noise", start, len(response), age))

    def _report(self, scheme: ReportScheme, csi: Tensor) -> Codeword:
        """At the UE: what is handed to the feedback link."""
        scale = scheme.normalisation.scale(csi)
        codeword = scheme.quantiser.quantise(scheme.compressor.encode(scheme.normalisation.apply(csi, scale)))
        if scheme.scale is None:
            return codeword
        form = {} if scheme.scale.format is None else {"scale": scheme.scale.format}
        return replace(
            codeword,
            side={**codeword.side, "scale": scheme.scale.encode(scale)},
            side_bits=codeword.side_bits + scheme.scale.bits,
            side_formats={**codeword.side_formats, **form},
        )

    def _saturated(self, scheme: ReportScheme, csi: Tensor) -> Tensor | None:
        """Which reports have a scale outside the range that can be sent; ``None`` where there is no range."""
        return None if scheme.scale is None else scheme.scale.outside(scheme.normalisation.scale(csi))

    def _rebuild(self, scheme: ReportScheme, received: Codeword) -> tuple[Tensor, Tensor]:
        """At the BS: the angular-delay matrix from what the link delivered, and which of them are lost.

        The quantiser, too, finds reports that cannot be right.
        """
        denoised = scheme.denoiser.denoise(received, self.link.noise_to_signal)
        dequantised = scheme.quantiser.dequantise(denoised)
        decoded = scheme.compressor.decode(dequantised)
        if scheme.scale is None:
            scale = scheme.normalisation.scale(decoded)
        else:
            scale = scheme.scale.decode(received.side["scale"])
        return scheme.normalisation.undo(decoded, scale), _erased(dequantised)

    def _history(self, rebuilt: list[Tensor], erased: list[Tensor]) -> ReportHistory:
        """At the BS: what it remembers, without anything of reports that were lost."""
        lost = torch.stack(erased, dim=1)
        csi = torch.stack(rebuilt, dim=1)
        return ReportHistory(
            csi=csi.masked_fill(lost[:, :, None, None], 0) if lost.any() else csi,
            erased=lost,
            mean=torch.zeros_like(csi[0, 0]) if self.fallback is None else self.fallback.mean.to(csi.device),
            period_s=self.report_times.period_s,
            delay_s=self.report_times.delay_s,
        )

    def _evaluate(self, outcome: LinkOutcome, label: str) -> Measurements:
        rebuilt = outcome.csi_rebuilt is not None
        measurements: Measurements = {}
        for name, metric in self.metrics.items():
            if metric.needs_reconstruction == rebuilt and name != SAMPLES_LEFT_OUT:
                accumulator = metric.accumulator()
                self.samples.add(label, name, metric.update(accumulator, outcome))
                measurements[label, name] = accumulator
        return measurements

    def _left_out(self, outcome: LinkOutcome) -> Measurements:
        """Their number, where samples were left out and where the scenario asks for it."""
        metric = METRICS.get_class(SAMPLES_LEFT_OUT)()
        if not outcome.left_out and SAMPLES_LEFT_OUT not in self.metrics:
            return {}
        accumulator = metric.accumulator()
        metric.update(accumulator, outcome)
        return {(NO_COMPRESSOR, SAMPLES_LEFT_OUT): accumulator}

    def _draw(self, purpose: str, start: int, count: int, age: int) -> NormalDraw:
        """Draws of a report, ``age`` reports before the newest, whose draws depend on no other report."""
        stream = f"{purpose} {age} reports ago" if age else purpose
        return normal_draw(self.scenario.seed, stream, start, start + count, self.device)


def measured_metrics(scenario: Scenario) -> tuple[str, ...]:
    """A scenario's metrics, and those that no reader may do without: what is lost, and what the BS takes for right.

    One wrong report that passes for right may weigh more in ``nmse_db`` than all others, so that figure does not stand
    without their share. Saturated scales are counted for a warning.
    """
    added = ["scale_saturation_rate"]
    if LINKS.get_class(scenario.feedback.link.name).loses_reports:
        added += ["report_error_rate", "undetected_error_rate"]
    return (*scenario.metrics, *(name for name in added if name not in scenario.metrics))


def _erased(received: Codeword) -> Tensor:
    """Which reports were lost, ``[batch]``, bool."""
    if received.erased is not None:
        return received.erased
    return torch.zeros(len(received.values), dtype=torch.bool, device=received.values.device)
