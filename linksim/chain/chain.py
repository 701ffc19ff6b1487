"""The chain at one point: from channels to what every metric saw of them.

source -> estimate -> transform -> encode -> quantise -> link -> denoise -> decode -> predict -> precode -> metrics
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from channels.channel_batch import ChannelBatch
from channels.estimator import ESTIMATORS, Estimator, NormalDraw
from channels.source import Source
from channels.transforms.angular_delay import AngularDelayTransform
from feedback.codec import Codec
from feedback.link import LINKS
from feedback.predictor import PREDICTORS
from linksim.chain.base_station import BaseStation
from linksim.chain.channel_quality import CqiChoice
from linksim.chain.downlink_overhead import downlink_overhead
from linksim.chain.front_end import FrontEnd
from linksim.chain.mean_channel import MeanChannel, needs_mean_channel
from linksim.chain.observing import denoised, observation_of
from linksim.chain.random_streams import report_draw
from linksim.chain.receivers import receiver_of
from linksim.chain.report_times import ReportTimes
from linksim.chain.reporting import ReportSequence
from linksim.chain.samples_without_energy import has_energy, require_energy
from linksim.chain.stage_times import StageTimes
from linksim.chain.ue_work import KeptWork, UeWork, work_key
from linksim.errors import InputError
from linksim.link_adaptation.receiver import Receiver
from linksim.link_budget.ue_snr import ue_snr
from linksim.metrics import METRICS
from linksim.metrics.channel_quality import SAMPLES_LEFT_OUT
from linksim.metrics.delivered import delivery
from linksim.metrics.outcome import LinkOutcome
from linksim.metrics.rate import MeanRank, SumRate
from linksim.metrics.similarity import SGCS_LAYERS, Sgcs
from linksim.precoding import PRECODERS
from linksim.reserved_names import NO_COMPRESSOR
from linksim.scenario.model import Scenario
from linksim.statistics.measurements import Measurements
from linksim.storage.sample_values import SampleRecorder
from linksim.subbands import subbands


class Chain:
    """Everything between the channel and the metrics, at one point of a sweep.

    Args:
        scenario: the point's resolved scenario.
        source: where the channels come from; here it only tells their dimensions.
        codecs: fitted, by label.
        device: where to compute.
        fallback: the BS's channel in place of erased reports; only links that lose none do without.
        estimator: the UE's, with what it has learnt; by default as the scenario says, where it learns nothing.
        kept_work: what UEs have done at other points, where they do the same; by default nothing is kept.
        learnt: names what the estimator has learnt.

    Attributes:
        times: wall time spent in each stage.
        samples: every metric's value of each sample measured so far.
    """

    def __init__(
        self,
        scenario: Scenario,
        source: Source,
        codecs: Mapping[str, Codec],
        device: torch.device,
        fallback: MeanChannel | None = None,
        estimator: Estimator | None = None,
        kept_work: KeptWork | None = None,
        learnt: str = "",
    ) -> None:
        self.scenario = scenario
        self.codecs = codecs
        self.device = device
        self._kept_work, self._learnt = kept_work, learnt
        self.begin()
        self.transform = AngularDelayTransform(source.grid, source.array, scenario.transform.n_delay)
        kind = ESTIMATORS.get_class(scenario.estimation.name)
        self.estimator: Estimator = estimator or kind(scenario.estimation, source.grid, source.array)
        self.front_end = FrontEnd(scenario, self.transform, self.estimator, device)
        self.link = LINKS.get_class(scenario.feedback.link.name)(scenario.feedback.link)
        self.report_times = ReportTimes.of_point(scenario)
        predictor = PREDICTORS.get_class(scenario.feedback.predictor.name)(scenario.feedback.predictor)
        self.base_station = BaseStation(self.transform, self._bands, predictor, self.report_times, fallback, device)
        self.precoder = PRECODERS.get_class(scenario.precoder.name)(scenario.precoder)
        unscaled = [label for label, codec in codecs.items() if codec.needs_scale and codec.scale is None]
        if unscaled:
            raise ValueError(f"codecs: {unscaled[0]} has no quantiser of its scale, expected one")
        precoders = [codec.compressor for codec in codecs.values() if codec.compressor.gives == "precoder"]
        layers = max((each.n_layers for each in precoders), default=1)
        names = measured_metrics(scenario, layers, any(each.chooses_rank for each in precoders))
        self.metrics = {name: METRICS.get_class(name)() for name in names}
        self.overhead = downlink_overhead(scenario, self.estimator.n_pilot_elements, source.grid)
        self.snr: float | Tensor = 10 ** (scenario.snr_db / 10)
        self.cqi = CqiChoice(scenario, self.transform, self.precoder, self.snr, self.overhead.data)

    def begin(self) -> None:
        """Begins anew with ``times`` and ``samples``; nothing else is kept from one batch to the next."""
        self.times = StageTimes()
        self.samples = SampleRecorder()

    def measure(self, batch: ChannelBatch, start: int) -> Measurements:
        """Runs the chain on test channels ``start`` and following.

        Raises:
            InputError: if a stage makes NaN or infinity.
        """
        self._set_snr(batch, start)
        with self.times.stage("estimation and transform"):
            response = self.front_end.timed(batch.response, self._oldest, self.snr, start)
            reports = self.report_times.reports(response)
            csi_true = self.transform.truncate(reports[0])
        kept = has_energy(reports[0]) & has_energy(csi_true) & has_energy(self.report_times.use(response))
        require_energy(kept, self.scenario, "test", start)
        sequences: dict[str, ReportSequence] = {}
        # Towards the newest, so that no more than one estimate of the whole band is held.
        for age in reversed(range(len(reports))):
            with self.times.stage("estimation and transform"):
                work = self._work_of_ues(reports, csi_true, start, age)
                estimated, known, observation = work.estimated, work.known, work.observation
            for label, codec in self.codecs.items():
                sequences.setdefault(label, ReportSequence(codec, self.link, work.reports))
            for sequence in sequences.values() if kept.any() else ():
                with self.times.stage("feedback"):
                    sequence.report(observation, self._draw("feedback noise", start, len(response), age))
            if self.cqi.needed and kept.any():
                with self.times.stage("link adaptation"):
                    receiver = self._receiver(start, len(response), age)
                    aware = None if receiver is None else receiver.expected
                    expectation = self.cqi.expectation(known().flatten(2), observation.form("truncated"), aware)
                    for sequence in sequences.values():
                        self.cqi.note(sequence, expectation)
                    self._acknowledge(sequences, response, start, age, receiver)
        outcome = LinkOutcome(
            transform=self.transform,
            csi_true=csi_true,
            csi_rebuilt=None,
            response_report=reports[0],
            response_use=self.report_times.use(response),
            response_estimated=estimated,
            data_share=self.overhead.data,
            precoder=self.precoder,
            snr=self.snr,
            hf_all=batch.hf_all,
            first_index=start,
            n_subbands=self.scenario.sgcs.n_subbands,
            multi_user=self.scenario.multi_user,
            link_adaptation=self.scenario.link_adaptation,
            response_later=self.report_times.later(response),
            receiver=self._receiver(start, len(response), 0),
        )
        outcome = outcome if kept.all() else outcome.only(kept)
        self.samples.mark(outcome.response_report, tuple(start + place for place in outcome.left_out))
        if not kept.any():
            return self._left_out(outcome)
        with self.times.stage("metrics"):
            results = self._evaluate(outcome, NO_COMPRESSOR)
        for label, sequence in sequences.items():
            seen = self._outcome_of(label, sequence, outcome, kept)
            with self.times.stage("metrics"):
                results |= self._evaluate(seen, label)
        return results | self._left_out(outcome)

    def _work_of_ues(self, reports: Sequence[Tensor], truncated: Tensor, start: int, age: int) -> UeWork:
        """Estimates of the channels of a report, and what UEs make of them."""

        def work() -> UeWork:
            # Last digits depend on where numbers lie, and channels at one time may lie among those at others.
            estimated = self.front_end.estimate(reports[age].contiguous(), self.snr, start, age)
            known = denoised(estimated, self.transform, self._bands, self.front_end.noise_in_estimate(self.snr))
            return UeWork(estimated, known, observation_of(estimated, self.transform, self._bands, self.snr, known))

        if self._kept_work is None or len(reports) > 1 or isinstance(self.snr, Tensor):
            return work()
        key = work_key(self.scenario, self.transform, self._learnt, reports[age], truncated, start)
        return self._kept_work.of(key, reports[age], work)

    def _oldest(self, response: Tensor) -> Tensor:
        """Channels at the oldest report."""
        return self.report_times.reports(response)[-1]

    def _set_snr(self, batch: ChannelBatch, start: int) -> None:
        """SNRs of the UEs of a batch, where a link budget gives each its own.

        Raises:
            InputError: if the channels come without path loss.
        """
        budget = self.scenario.link_budget
        if budget is None:
            return
        if batch.coupling_gain_db is None:
            raise InputError(f"link_budget: got channels of {self.scenario.channel.source} without path loss")
        normal = self._draw("geometry", start, len(batch.response), 0)((1,))[:, 0]
        self.snr = ue_snr(budget, self.transform.grid.bandwidth_hz, batch.coupling_gain_db, normal)
        self.cqi = replace(self.cqi, snr=self.snr)

    def _receiver(self, start: int, count: int, age: int) -> Receiver | None:
        """At the UE: what it receives the block with that comes with a report."""
        transform = self.transform
        return receiver_of(self.scenario, transform.array, transform.grid.n_subcarriers, start, count, age, self.device)

    def _acknowledge(
        self,
        sequences: Mapping[str, ReportSequence],
        response: Tensor,
        start: int,
        age: int,
        receiver: Receiver | None,
    ) -> None:
        """At the BS: what it learns from the blocks that it sends between a report and the next."""
        if not self.cqi.adapts or not age:
            return
        used = self.cqi.over(self.report_times.use(response, age), receiver)
        for label, sequence in sequences.items():
            known = self.base_station.known(label, sequence)
            self.cqi.acknowledge(sequence, used, known, self._draw("acknowledgements", start, len(response), age))

    def _outcome_of(self, label: str, sequence: ReportSequence, outcome: LinkOutcome, kept: Tensor) -> LinkOutcome:
        """What the metrics see of one compressor's newest report."""
        compressor, sent = sequence.codec.compressor, sequence.sent
        overhead = compressor.length / (2 * outcome.csi_true[0].numel()) if compressor.sends == "analogue" else None
        fate = delivery(self.link, sent, sequence.received, sequence.lost[-1] if sequence.may_be_lost else None)
        fate = replace(fate, scale_saturated=sequence.saturated)
        bits, cqi, offset_db = sent.bits, sequence.cqi, sequence.offset_db
        with self.times.stage("prediction"):
            known = self.base_station.known(label, sequence)
        seen = sequence.seen if kept.all() else {}
        if not kept.all():
            fate, bits = fate.only(kept), bits[kept] if isinstance(bits, Tensor) else bits
            cqi, offset_db = (None if each is None else each[kept] for each in (cqi, offset_db))
            known = known.only(kept)
        return outcome.with_report(
            known.rebuilt,
            bits=bits,
            overhead=overhead,
            delivery=fate,
            csi_predicted=known.predicted,
            precoder_reported=known.precoder,
            cqi=cqi,
            offset_db=offset_db,
            seen=seen,
        )

    @property
    def _bands(self) -> list[slice]:
        return subbands(self.transform.grid.n_subcarriers, self.scenario.sgcs.n_subbands, "sgcs.n_subbands")

    def _evaluate(self, outcome: LinkOutcome, label: str) -> Measurements:
        reported, no_channel = label != NO_COMPRESSOR, outcome.csi_rebuilt is None
        measurements: Measurements = {}
        for name, metric in self.metrics.items():
            undefined = metric.needs_channel and no_channel
            if metric.needs_reconstruction == reported and not undefined and name != SAMPLES_LEFT_OUT:
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
        return report_draw(self.scenario.seed, purpose, start, count, age, self.device)


def measured_metrics(scenario: Scenario, n_layers: int, chosen_ranks: bool = False) -> tuple[str, ...]:
    """A scenario's metrics, and those that no reader may do without: what is lost, and what the BS takes for right.

    One wrong report that passes for right may weigh more in ``nmse_db`` than all others, so that figure does not stand
    without their share. Saturated scales, and reports that data carry, are counted for a warning, and the SGCS is that
    of every reported layer.

    Args:
        scenario: the point's.
        n_layers: layers of the largest precoder that is reported.
        chosen_ranks: whether a UE chooses how many layers it reports.
    """
    added = ["scale_saturation_rate", *([MeanRank.name, SumRate.name] if chosen_ranks else [])]
    if Sgcs.name in scenario.metrics:
        added += [metric.name for layer, metric in SGCS_LAYERS.items() if layer <= n_layers]
    if needs_mean_channel(scenario):
        added += ["report_error_rate", "undetected_error_rate", "data_report_rate"]
    return (*scenario.metrics, *(name for name in added if name not in scenario.metrics))
