"""The BS sees nothing but what the link delivers: with a silent link, its channel says nothing of the true one."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from channels.channel_batch import ChannelBatch, Snapshots
from feedback.compressor import COMPRESSORS
from feedback.conformance.candidate import csi_for
from feedback.csi_report.codeword import Codeword
from feedback.csi_report.normalisation import Normalisation
from feedback.csi_report.scale import ScaleQuantiser
from feedback.link import FeedbackLink, NormalDraw
from feedback.links.perfect import Perfect, PerfectParameters
from feedback.links.uci.link import Uci, UciParameters
from feedback.neural import NeuralCompressor
from feedback.training_set import TrainingSet
from linksim.chain.chain import Chain
from linksim.chain.mean_channel import MeanChannel
from linksim.metrics.outcome import LinkOutcome
from linksim.preparation.fitting import fit_to_codewords
from linksim.preparation.scheme_spec import scheme_specs
from linksim.scenario.file import validate_scenario
from linksim.scenario.model import Scenario
from linksim.scenario.sources import source_of

# Those that send values, of channels; the bits that others make need no quantiser.
MODELS = {str(name): COMPRESSORS.parameters(str(name)) for name in COMPRESSORS.keys()}  # noqa: SIM118
TRAITS = {name: model.model_validate({"name": name, **model.example}).traits for name, model in MODELS.items()}
NAMES = sorted(name for name, kind in TRAITS.items() if (kind.sends, kind.gives) == ("analogue", "channel"))


class SilentLink(FeedbackLink):
    """Delivers zeros, in place of values and of side information."""

    def transmit(self, codeword: Codeword, draw: NormalDraw) -> Codeword:
        side = {name: torch.zeros_like(tensor) for name, tensor in codeword.side.items()}
        bits = codeword.value_bits
        if isinstance(bits, Tensor):
            # The length of a stream is of the UE's making as well.
            values, bits = torch.zeros(len(bits), 500), torch.full_like(bits, 500)
            return replace(codeword, values=values, side=side, value_bits=bits)
        return replace(codeword, values=torch.zeros_like(codeword.values), side=side)


class GarblingLink(FeedbackLink):
    """Delivers nothing but ones, and takes every report for right."""

    loses_reports = True

    def transmit(self, codeword: Codeword, draw: NormalDraw) -> Codeword:
        n = len(codeword.values)
        values, bits = torch.ones(n, 500), torch.full((n,), 500)
        return replace(codeword, values=values, value_bits=bits, erased=torch.zeros(n, dtype=torch.bool))


class Spy:
    """Stands in for a metric and keeps what the BS rebuilt."""

    needs_reconstruction = True
    needs_channel = False

    def __init__(self) -> None:
        self.rebuilt = torch.empty(0)

    def accumulator(self) -> None:
        """None needed."""

    def update(self, accumulator: None, outcome: LinkOutcome) -> None:
        reported = outcome.precoder_reported
        self.rebuilt = outcome.rebuilt if reported is None else reported


def scenario_of(compressor: str, quantiser: dict[str, Any], normalisation: str) -> Scenario:
    document = {
        "name": "blind",
        "channel": {"source": "sionna", "model": "UMa", "n_subcarriers": 64, "n_columns": 8},
        "transform": {"n_delay": 8, "normalisation": normalisation, "scale_bits": 8},
        "compressors": [{**COMPRESSORS.get_class(compressor).Parameters.example, "name": compressor}],
        "feedback": {"quantiser": quantiser},
    }
    return validate_scenario(document, "here")


@pytest.fixture(scope="module")
def batches() -> list[ChannelBatch]:
    """Two batches of test channels."""
    source = source_of(scenario_of("klt", {"name": "none"}, "none"))
    return [source.read("test", start, start + 4, Snapshots()) for start in (0, 4)]


@pytest.fixture(scope="module")
def training() -> TrainingSet:
    source = source_of(scenario_of("klt", {"name": "none"}, "none"))
    csi = source.read_truncated("train", 0, 50, 8)
    csi = csi / csi.abs().amax(dim=(1, 2), keepdim=True)
    return TrainingSet(csi, csi[:0])


def rebuilt_by_the_bs(
    scenario: Scenario, link: FeedbackLink, training: TrainingSet, batches: list[ChannelBatch]
) -> list[Tensor]:
    """What the BS rebuilds of each batch, one after the other on the same objects."""
    (spec,) = scheme_specs(scenario)
    kind = scenario.transform.normalisation
    normalisation = Normalisation(kind, 2.0) if kind == "dataset" else Normalisation(kind)
    scale = ScaleQuantiser(8, (-20.0, 20.0)) if kind == "per_sample" else None
    scheme = replace(spec.build(), normalisation=normalisation, scale=scale)
    if not isinstance(scheme.compressor, NeuralCompressor):
        scheme.compressor.fit(training, torch.Generator().manual_seed(0))
    if scheme.compressor.takes == "eigenvectors":
        training = TrainingSet(csi_for(scheme.compressor, 50), training.validation)
    fit_to_codewords(scheme, training, torch.Generator().manual_seed(0))
    device = torch.device("cpu")
    fallback = MeanChannel(training.train.mean(0)) if link.loses_reports else None
    chain = Chain(scenario, source_of(scenario), {"one": scheme}, device, fallback)
    chain.link = link
    spy = Spy()
    chain.metrics = {"spy": spy}  # type: ignore[dict-item]
    seen = []
    for number, batch in enumerate(batches):
        chain.measure(batch, number * len(batch.response))
        seen.append(spy.rebuilt)
    return seen


@pytest.mark.parametrize(
    ("compressor", "quantiser", "normalisation"),
    [
        *((name, {"name": "uniform", "bits": 4}, "per_sample") for name in NAMES),
        *((name, {"name": "none"}, "dataset") for name in ("klt", "topk", "csinet")),
        *((name, {"name": "entropy_coded", "cells": 16}, "none") for name in ("klt", "topk")),
    ],
)
def test_zeros_from_the_link_say_nothing_of_the_channel(
    compressor: str,
    quantiser: dict[str, Any],
    normalisation: str,
    training: TrainingSet,
    batches: list[ChannelBatch],
) -> None:
    scenario = scenario_of(compressor, quantiser, normalisation)
    first, second = rebuilt_by_the_bs(scenario, SilentLink(None), training, batches)
    assert torch.equal(first, second)


@pytest.mark.parametrize("compressor", ["klt", "topk", "csinet"])
def test_noise_alone_says_nothing_of_the_channel(
    compressor: str, training: TrainingSet, batches: list[ChannelBatch]
) -> None:
    scenario = scenario_of(compressor, {"name": "uniform", "bits": 4}, "per_sample")
    silence = Uci(UciParameters(snr_db=-100))
    first, second = rebuilt_by_the_bs(scenario, silence, training, batches)
    assert torch.equal(first, second)
    # The same with a link that works shows what is looked for.
    first, second = rebuilt_by_the_bs(scenario, Perfect(PerfectParameters()), training, batches)
    assert not torch.allclose(first, second, rtol=0.1)


def test_a_bitstream_that_no_report_has_leaves_the_mean_channel(
    training: TrainingSet, batches: list[ChannelBatch]
) -> None:
    scenario = scenario_of("klt", {"name": "entropy_coded", "cells": 16}, "per_sample")
    for rebuilt in rebuilt_by_the_bs(scenario, GarblingLink(None), training, batches):
        assert torch.equal(rebuilt, training.train.mean(0).expand_as(rebuilt))
