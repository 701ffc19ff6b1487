"""What learns is a PyTorch module: names in kept files, loading all or nothing, devices, sizes that are learnt."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from feedback.compressor import COMPRESSORS
from feedback.conformance.candidate import channels
from feedback.denoiser import DENOISERS
from feedback.errors import FeedbackInputError
from feedback.learner import Learner
from feedback.neural import NeuralCompressor
from feedback.plugin_file import PluginParameters, build_compressor
from feedback.quantiser import QUANTISERS
from feedback.training_set import TrainingSet

SHAPE = (8, 8)
LENGTH = 12
# Parameters that have no default, or keep a fit short, by name of the plug-in.
GIVEN: dict[str, dict[str, Any]] = {
    "uniform": {"bits": 4},
    "sigmoid_uniform": {"bits": 4},
    "mu_law": {"bits": 4},
    "lloyd_max": {"bits": 4},
    "vector": {"bits": 4, "dimension": 3},
    "entropy_coded": {"cells": 20},
    "dnnnet": {"width": 16, "epochs": 1},
}
# Names that tensors have in files of finished runs, and which must stay.
KEPT_NAMES = {
    "klt": {"axes"},
    "uniform": {"low", "step"},
    "mu_law": {"mean", "reach"},
    "lloyd_max": {"levels"},
    "vector": {"codebooks"},
    "entropy_coded": {"mean", "step", "priors"},
    "wiener": {"mean", "covariance", "shares"},
    "dnnnet": {"mean", "deviation", "hidden.0.weight", "hidden.0.bias", "output.weight", "output.bias"},
}
OF_CODEWORDS = [*sorted(QUANTISERS.keys()), *sorted(set(DENOISERS.keys()) - {"none"})]


def build(name: str) -> Learner:
    """A module of some name that has learnt nothing."""
    if name in COMPRESSORS:
        parameters = COMPRESSORS.get_class(name).Parameters(name=name, compression_ratio=4.0)
        return COMPRESSORS.get_class(name)(parameters, SHAPE)
    kind = QUANTISERS if name in QUANTISERS else DENOISERS
    return kind.get_class(name)(kind.get_class(name).Parameters(name=name, **GIVEN.get(name, {})))


def fitted(name: str, length: int = LENGTH) -> Learner:
    """A module that has learnt from codewords of some length, or from channels."""
    made = build(name)
    if name in COMPRESSORS:
        training = TrainingSet(channels(40, SHAPE), channels(5, SHAPE, seed=1))
        made.fit(training, torch.Generator().manual_seed(0))  # type: ignore[operator]
    else:
        values = torch.randn(200, length, generator=torch.Generator().manual_seed(0))
        made.fit(values)  # type: ignore[operator]
    return made


@pytest.mark.parametrize("name", ["klt", *OF_CODEWORDS])
def test_tensors_of_kept_files_have_their_names(name: str) -> None:
    made = fitted(name)
    assert set(made.state()) == KEPT_NAMES.get(name, set())
    assert all(tensor.dtype == torch.float32 and not tensor.requires_grad for tensor in made.state().values())


@pytest.mark.parametrize("name", ["klt", *OF_CODEWORDS])
def test_state_dict_and_devices_are_pytorchs(name: str) -> None:
    """``state_dict`` of one module goes into another of the same sizes; ``to`` moves all of it."""
    made, other = fitted(name), fitted(name)
    assert len(made.state_dict()) == len(made.state())
    for tensor in other.state_dict().values():
        tensor.fill_(0.5)
    other.load_state_dict(made.state_dict(), strict=True)
    for key, tensor in made.state().items():
        assert torch.equal(other.state()[key], tensor)
    # A device without data finds a tensor left behind on any machine.
    assert {tensor.device.type for tensor in made.to("meta").state().values()} <= {"meta"}


@pytest.mark.parametrize("name", [name for name in OF_CODEWORDS if name in KEPT_NAMES])
def test_sizes_are_those_of_what_was_learnt(name: str) -> None:
    """A module takes the sizes of kept tensors, whatever it learnt before, and refuses sizes that do not agree."""
    long = fitted(name, 2 * LENGTH)
    made = fitted(name)
    made.load_state(long.state())
    for key, tensor in long.state().items():
        assert torch.equal(made.state()[key], tensor)
    if len(long.state()) > 1:
        mixed = long.state() | {"low" if name == "uniform" else "mean": torch.zeros(LENGTH)}
        before = made.state()
        with pytest.raises(FeedbackInputError, match=r"learnt tensor .*: got shape .*, expected"):
            made.load_state(mixed)
        assert all(made.state()[key] is before[key] or torch.equal(made.state()[key], before[key]) for key in before)


@pytest.mark.parametrize("name", ["klt", "csinet", *(name for name in OF_CODEWORDS if name in KEPT_NAMES)])
def test_what_is_refused_changes_nothing(name: str) -> None:
    made = build(name) if name == "csinet" else fitted(name)
    before = {key: tensor.clone() for key, tensor in made.state().items()}
    last = list(before)[-1]
    wrong: list[Callable[[Tensor], Tensor]] = [lambda t: torch.full_like(t, math.nan), lambda t: t.to(torch.int64)]
    for change in wrong:
        with pytest.raises(FeedbackInputError, match=f"learnt tensor {last}: got .*, expected"):
            made.load_state({key: tensor + 1 for key, tensor in before.items()} | {last: change(before[last])})
        for key, tensor in made.state().items():
            assert torch.equal(tensor, before[key])


def test_counters_stay_out_and_a_shared_layer_is_the_encoders() -> None:
    class Named(NeuralCompressor):
        """Keeps a layer of its encoder under a name of its own, as one does to read its weights."""

        def build_encoder(self) -> nn.Module:
            self.fc = nn.Linear(2 * self.shape[0] * self.shape[1], self.length)
            return nn.Sequential(nn.BatchNorm2d(2), nn.Flatten(), self.fc)

        def build_decoder(self) -> nn.Module:
            return nn.Sequential(nn.Linear(self.length, 128), nn.Unflatten(1, (2, *self.shape)))

    parameters = NeuralCompressor.Parameters(name="named", compression_ratio=4.0)
    network, other = Named(parameters, SHAPE), Named(parameters, SHAPE)
    norm = {f"encoder.0.{key}" for key in ("weight", "bias", "running_mean", "running_var")}
    fc = {f"{layer}.{key}" for layer in ("encoder.2", "decoder.0") for key in ("weight", "bias")}
    assert set(network.state()) == norm | fc
    state = {key: tensor + 1 for key, tensor in network.state().items()}
    other.load_state(state)
    assert torch.equal(other.fc.weight, state["encoder.2.weight"])
    # PyTorch's own: every tensor once, for any optimiser.
    assert len(list(network.parameters())) == 6


def test_a_property_reports_what_it_failed_for() -> None:
    with pytest.raises(FeedbackInputError, match="klt: got no axes, expected fit"):
        build("klt").vectors  # noqa: B018
    assert not hasattr(build("klt"), "axes")


BY_HAND = '''
import torch
from feedback.compressor import Complexity, Compressor, CompressorParameters, codeword_length
from feedback.csi_report.codeword import Codeword
from feedback.state import checked_state


class Parameters(CompressorParameters):
    name: str = "mean"
    gain: float = 2.0


class Mean(Compressor):
    """Keeps its tensor, and moves it, by hand."""

    Parameters = Parameters
    parameters: Parameters

    def __init__(self, parameters, shape):
        super().__init__(parameters, shape)
        self.length = codeword_length(shape, self.parameters.compression_ratio)
        self._mean = None

    def fit(self, training, generator):
        self._mean = torch.view_as_real(training.train).flatten(1).mean(0)[: self.length] * self.parameters.gain

    def encode(self, csi):
        return Codeword(torch.view_as_real(csi).flatten(1)[:, : self.length] - self._mean)

    def decode(self, received):
        values = received.values.new_zeros(len(received.values), 2 * self.shape[0] * self.shape[1])
        values[:, : self.length] = received.values + self._mean
        return torch.view_as_complex(values.unflatten(1, (*self.shape, 2)))

    def complexity(self):
        return Complexity(0, 0, 0, 0)

    def state(self):
        return {"mean": self._mean}

    def load_state(self, state):
        self._mean = checked_state(state, {"mean": torch.empty(self.length)})["mean"]

    def to(self, device):
        self._mean = self._mean.to(device)
        return self
'''


def section(folder: Path, text: str, name: str) -> PluginParameters:
    (folder / "net.py").write_text(text)
    return PluginParameters.model_validate({"plugin": f"{folder}/net.py:{name}", "compression_ratio": 4.0, "gain": 3.0})


def test_a_users_file_may_keep_its_tensors_by_hand(tmp_path: Path) -> None:
    made, other = (build_compressor(section(tmp_path, BY_HAND, "Mean"), SHAPE) for _ in range(2))
    csi = channels(40, SHAPE)
    made.fit(TrainingSet(csi, csi[:5]), torch.Generator())
    assert list(made.state()) == ["mean"]
    assert torch.equal(made.state()["mean"], torch.view_as_real(csi).flatten(1).mean(0)[: made.length] * 3)
    other.load_state(made.state())
    other.to(torch.device("cpu"))
    assert torch.equal(other.decode(other.encode(csi)), made.decode(made.encode(csi)))
    # The name of old for the section, and PyTorch's method.
    assert made.parameters.gain == made.settings.gain == 3.0  # type: ignore[attr-defined]
    assert list(made.parameters()) == []


def test_a_users_training_run_is_refused_under_pytorchs_name(tmp_path: Path) -> None:
    text = BY_HAND + "\n    def train(self, training, recipe, generator, options=None):\n        pass\n"
    line = len(text.splitlines()) - 1
    message = f"net.py, line {line}: got a training run as train in Mean, expected it as train_networks"
    with pytest.raises(ValidationError, match=message):
        build_compressor(section(tmp_path, text, "Mean"), SHAPE)
