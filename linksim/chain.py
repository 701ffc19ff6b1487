"""The chain at one point: from channels to what every metric saw of them.

source -> estimate -> transform -> encode -> quantise -> link -> denoise -> decode -> precode -> metrics
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from channels.angular_delay import AngularDelayTransform
from channels.channel_batch import ChannelBatch
from channels.estimation import ESTIMATORS, NormalDraw
from channels.normalisation import Normalisation
from channels.source import Source
from feedback.codeword import Codeword
from feedback.compressor import Compressor
from feedback.denoiser import Denoiser
from feedback.link import LINKS
from feedback.quantiser import Quantiser
from feedback.side_information import ScaleQuantiser
from linksim.accumulator import Accumulator
from linksim.delivery import delivery
from linksim.errors import InputError
from linksim.mean_channel import MeanChannel
from linksim.metrics import METRICS
from linksim.outcome import LinkOutcome
from linksim.precoding import PRECODERS
from linksim.random_streams import normal_draw
from linksim.sample_values import SampleRecorder
from linksim.scenario import Scenario
from linksim.stage_times import StageTimes

# Name in the results for what does not depend on a compressor.
NO_COMPRESSOR = "none"

# Accumulators by (compressor, metric).
Measurements = dict[tuple[str, str], Accumulator]


@dataclass(frozen=True)
class ReportScheme:
    """One way to report: a fitted compressor, and the quantiser and the denoiser of its codewords."""

    compressor: Compressor
    quantiser: Quantiser
    denoiser: Denoiser


class Chain:
    """Everything between the channel and the metrics, at one point of a sweep.

    Args:
        scenario: the point's resolved scenario.
        source: where the channels come from; here it only tells their dimensions.
        schemes: fitted compressors, quantisers and denoisers by label.
        normalisation: fitted normalisation.
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
        normalisation: Normalisation,
        device: torch.device,
        fallback: MeanChannel | None = None,
    ) -> None:
        self.scenario = scenario
        self.schemes = schemes
        self.normalisation = normalisation
        self.device = device
        self.fallback = fallback
        self.times = StageTimes()
        self.samples = SampleRecorder()
        self.transform = AngularDelayTransform(source.grid, source.array, scenario.transform.n_delay)
        self.estimator = ESTIMATORS.get_class(scenario.estimation.name)(scenario.estimation, source.grid, source.array)
        self.link = LINKS.get_class(scenario.feedback.link.name)(scenario.feedback.link)
        self.precoder = PRECODERS.get_class(scenario.precoder.name)(scenario.precoder)
        per_sample = scenario.transform.normalisation == "per_sample"
        self.scale_quantiser = ScaleQuantiser(scenario.transform.scale_bits) if per_sample else None
        self.metrics = {name: METRICS.get_class(name)() for name in scenario.metrics}
        pilot_snr_db = scenario.estimation.snr_db
        self.pilot_snr = 10 ** ((scenario.snr_db if pilot_snr_db is None else pilot_snr_db) / 10)

    def measure(self, batch: ChannelBatch, start: int) -> Measurements:
        """Runs the chain on test channels ``start`` and following.

        Raises:
            InputError: if a stage makes NaN or infinity.
        """
        report, use = batch.response[:, 0], batch.response[:, -1]
        with self.times.stage("estimation and transform"):
            estimated = self.estimator.estimate(report, self.pilot_snr, self._draw("pilot noise", start, len(report)))
            csi_estimated = self.transform.truncate(estimated)
            csi_true = self.transform.truncate(report)
        outcome = LinkOutcome(
            transform=self.transform,
            csi_true=csi_true,
            csi_reconstructed=None,
            response_report=report,
            response_use=use,
            response_estimated=estimated,
            precoder=self.precoder,
            snr=10 ** (self.scenario.snr_db / 10),
            hf_all=batch.hf_all,
            first_index=start,
        )
        self.samples.mark(report)
        with self.times.stage("metrics"):
            results = self._evaluate(outcome, NO_COMPRESSOR)
        scale = self.normalisation.scale(csi_estimated)
        normalised = self.normalisation.apply(csi_estimated, scale)
        for label, scheme in self.schemes.items():
            with self.times.stage("feedback"):
                sent = self._report(scheme, normalised, scale)
                received = self.link.transmit(sent, self._draw("feedback noise", start, len(report)))
                rebuilt = self._rebuild(scheme, received)
                fate = delivery(self.link, sent, received)
            if not torch.view_as_real(rebuilt).isfinite().all():
                raise InputError(f"compressors: {label} rebuilt NaN or infinity, expected finite channels")
            overhead = scheme.compressor.length / (2 * csi_estimated[0].numel())
            seen = outcome.with_report(rebuilt, bits=sent.bits, overhead=overhead, delivery=fate)
            with self.times.stage("metrics"):
                results |= self._evaluate(seen, label)
        return results

    def _report(self, scheme: ReportScheme, normalised: Tensor, scale: Tensor) -> Codeword:
        """At the UE: what is handed to the feedback link."""
        codeword = scheme.quantiser.quantise(scheme.compressor.encode(normalised))
        if self.scale_quantiser is None:
            return codeword
        side = {**codeword.side, "scale": self.scale_quantiser.encode(scale)}
        return replace(
            codeword,
            side=side,
            side_bits=codeword.side_bits + self.scale_quantiser.bits,
            side_formats={**codeword.side_formats, "scale": self.scale_quantiser.format},
        )

    def _rebuild(self, scheme: ReportScheme, received: Codeword) -> Tensor:
        """At the BS: the angular-delay matrix from what the link delivered."""
        denoised = scheme.denoiser.denoise(received, self.link.noise_to_signal)
        dequantised = scheme.quantiser.dequantise(denoised)
        decoded = scheme.compressor.decode(dequantised)
        if self.scale_quantiser is None:
            scale = self.normalisation.scale(decoded)
        else:
            scale = self.scale_quantiser.decode(received.side["scale"])
        rebuilt = self.normalisation.undo(decoded, scale)
        return rebuilt if self.fallback is None else self.fallback.fill(rebuilt, dequantised.erased)

    def _evaluate(self, outcome: LinkOutcome, label: str) -> Measurements:
        rebuilt = outcome.csi_reconstructed is not None
        measurements: Measurements = {}
        for name, metric in self.metrics.items():
            if metric.needs_reconstruction == rebuilt:
                accumulator = metric.accumulator()
                self.samples.add(label, name, metric.update(accumulator, outcome))
                measurements[label, name] = accumulator
        return measurements

    def _draw(self, purpose: str, start: int, count: int) -> NormalDraw:
        return normal_draw(self.scenario.seed, purpose, start, start + count, self.device)


def merge(into: Measurements, other: Measurements) -> None:
    """Adds one shard's measurements to another's, exactly."""
    for key, accumulator in other.items():
        if key in into:
            into[key].merge(accumulator)
        else:
            into[key] = accumulator
