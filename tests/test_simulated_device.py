"""Whatever has values on a device computes there, and comes to the CPU's figures: by a device that any machine has."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from channels.channel_batch import Snapshots
from channels.source import SOURCES
from feedback.compressor import COMPRESSORS, Compressor
from feedback.conformance.candidate import csi_for, sequences_for
from feedback.csi_report.codeword import Codeword
from feedback.denoisers.dnnnet import DnnNet
from feedback.neural import NeuralCompressor
from feedback.predictor import Predictor
from feedback.training_set import TrainingSet
from tests.feedback import test_compressor_contract as compressors
from tests.feedback import test_link_contract as links
from tests.feedback import test_predictor_contract as predictors
from tests.feedback import test_quantiser_contract as quantisers
from tests.simulated_device import PLACE, same_on_the_device, simulated_device

DRAWN: dict[str, dict[str, Any]] = {
    "cost2100": {"source": "cost2100", "environment": "indoor", "n_subcarriers": 64, "n_columns": 8},
    "UMa": {"source": "sionna", "model": "UMa", "n_subcarriers": 32, "n_columns": 4},
    "CDL-C": {"source": "sionna", "model": "CDL-C", "n_subcarriers": 32, "n_columns": 4},
    "TDL-A": {"source": "sionna", "model": "TDL-A", "n_subcarriers": 32},
}
# Networks that learn from other matrices than those that they are given.
LEARN_IN_ANOTHER_FORM = ("evcsinet", "evcsinet-t")
# Networks of every kind of start, and of what is no network all but iterations that take long.
STARTS = {"csinet", "clnet", "cl-csinet", "transnet", "convcsinet", "csinet-lstm", "ds-nlcsinet"}
# One name of each class.
NAMES = sorted({COMPRESSORS.get_class(name): str(name) for name in sorted(COMPRESSORS, reverse=True)}.values())
QUICK = [name for name in NAMES if name in STARTS or name not in (*compressors.NEURAL, "lasso", "amp")]
OTHERS = [name for name in NAMES if name not in (*QUICK, *LEARN_IN_ANOTHER_FORM)]


def test_a_device_refuses_what_a_gpu_refuses() -> None:
    with simulated_device() as device:
        there, here = torch.ones(3, device=device), torch.ones(3)
        assert (there + 1).device == PLACE
        assert there.tolist() == here.tolist() == (there * 1).cpu().tolist()
        with pytest.raises(RuntimeError, match="same device"):
            there + here
        with pytest.raises((RuntimeError, TypeError)):
            there.numpy()
        with pytest.raises(RuntimeError, match="generator"):
            torch.randn(3, device=device, generator=torch.Generator())
    with pytest.raises(RuntimeError):
        torch.Generator(PLACE)


@pytest.mark.parametrize("name", DRAWN)
def test_channels_are_drawn_on_a_device(name: str) -> None:
    source_class = SOURCES.get_class(DRAWN[name]["source"])

    def response(device: torch.device) -> Tensor:
        source = source_class(source_class.Parameters(**DRAWN[name]), seed=1, device=device)
        drawn: Tensor = source.read("test", 0, 2, Snapshots((0.0, 1e-3))).response
        return drawn

    same_on_the_device(response)


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.validate) for name in OTHERS)])
def test_compressors_report_on_a_device(name: str) -> None:
    def rebuilt(device: torch.device) -> Tensor:
        made, training = _made(name, device)
        # A step of training makes rounding large where a few channels leave hardly any error.
        learn = made.prepare if isinstance(made, NeuralCompressor) else made.fit
        learn(training, torch.Generator().manual_seed(2))
        return made.decode(made.encode(_newest(made, training)))

    same_on_the_device(rebuilt, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", [*LEARN_IN_ANOTHER_FORM, "csinet", "deq", "markovnet", "transnet"])
def test_networks_learn_on_a_device(name: str) -> None:
    with simulated_device() as device:
        made, training = _made(name, device)
        made.fit(training, torch.Generator().manual_seed(2))
        rebuilt = made.decode(made.encode(_newest(made, training)))
        assert rebuilt.device == PLACE
        assert rebuilt.isfinite().all()


def _made(name: str, device: torch.device) -> tuple[Compressor, TrainingSet]:
    made = compressors.candidate(name).build().to(device)
    draw = sequences_for if made.learns_over_time else csi_for
    return made, TrainingSet(draw(made, 12).to(device), draw(made, 3, seed=1).to(device))


def _newest(compressor: Compressor, training: TrainingSet) -> Tensor:
    return training.validation[:, -1] if compressor.learns_over_time else training.validation


@pytest.mark.parametrize("joint", [False, True], ids=["alone", "joint"])
def test_a_denoiser_learns_on_a_device(joint: bool) -> None:
    with simulated_device() as device:
        made, training = _made("csinet", device)
        keys: dict[str, Any] = {"width": 8, "epochs": 1} | ({"joint": {"epochs": 1, "batch_size": 6}} if joint else {})
        denoiser = DnnNet(DnnNet.Parameters(name="dnnnet", **keys))
        sent = made.encode(training.train)
        denoiser.fit(sent.values)
        denoiser.fit_jointly(made, training, torch.Generator().manual_seed(1))
        assert made.decode(denoiser.denoise(sent, 0.1)).device == PLACE


@pytest.mark.parametrize(("name", "signal"), [(name, signal) for name in links.LINK_NAMES for signal in links.SIGNALS])
def test_links_on_a_device(name: str, signal: str) -> None:
    link, sent = links.build(name), links.SIGNALS[signal]
    if signal not in link.carries:
        pytest.skip("not its signal")

    def received(device: torch.device) -> Tensor:
        sides = {key: side.to(device) for key, side in sent.side.items()}
        bits = sent.value_bits.to(device) if isinstance(sent.value_bits, Tensor) else sent.value_bits
        there = replace(sent, values=sent.values.to(device), side=sides, value_bits=bits)
        drawn = links.draws(0, 6)
        return link.transmit(there, lambda shape: drawn(shape).to(device)).values

    same_on_the_device(received)


@pytest.mark.parametrize("name", quantisers.NAMES)
def test_quantisers_on_a_device(name: str) -> None:
    def rebuilt(device: torch.device) -> Tensor:
        quantiser = quantisers.build(name)
        quantiser.fit(quantisers.codewords(300).to(device))
        sent = quantiser.quantise(Codeword(quantisers.codewords(9, seed=1).to(device)))
        return quantiser.dequantise(sent).values

    same_on_the_device(rebuilt)


@pytest.mark.parametrize("name", predictors.NAMES)
def test_predictors_on_a_device(name: str) -> None:
    def predicted(device: torch.device) -> Tensor:
        kind = predictors.PREDICTORS.get_class(name)
        made: Predictor = kind(kind.Parameters(name=name))
        given = predictors.history(predictors.moving(made.parameters.default_reports))
        tensors = {key: getattr(given, key).to(device) for key in ("csi", "erased", "mean")}
        return made.predict(replace(given, **tensors))

    same_on_the_device(predicted)
