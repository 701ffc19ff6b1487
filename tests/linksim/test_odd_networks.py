"""Networks that diverge, fail or are unusual: others are trained all the same, and nothing learnt is lost."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from feedback.neural import NeuralCompressor
from linksim.preparation import network_training
from linksim.preparation.needed_weights import needed_weights
from linksim.preparation.trained_network import trained_network
from linksim.scenario.campaign import load_campaign
from linksim.scenario.sweep import points_of

Command = Callable[..., tuple[int, str, str]]

PLUGIN = """
import torch
from torch import nn
from feedback.neural import NeuralCompressor, NeuralParameters


class Encoder(nn.Module):
    def __init__(self, shape, length):
        super().__init__()
        self.fc = nn.Linear(2 * shape[0] * shape[1], length)

    def forward(self, image):
        return self.fc(image.flatten(1))


class Decoder(nn.Module):
    def __init__(self, shape, length):
        super().__init__()
        self.shape = shape
        self.first, self.second = nn.Linear(length, length), nn.Linear(length, length)
        self.second.weight = self.first.weight
        self.fc = nn.Linear(length, 2 * shape[0] * shape[1])

    def forward(self, values):
        return self.fc(self.second(self.first(values))).view(-1, 2, *self.shape).sigmoid()


class Tied(NeuralCompressor):
    DECODER = Decoder

    def build_encoder(self):
        return Encoder(self.shape, self.length)

    def build_decoder(self):
        return self.DECODER(self.shape, self.length)


class DivergingDecoder(Decoder):
    def forward(self, values):
        return super().forward(values) * (float("nan") if self.training else 1)


class Diverging(Tied):
    DECODER = DivergingDecoder


class FailingDecoder(Decoder):
    def forward(self, values):
        if self.training:
            raise ValueError("not in training")
        return super().forward(values)


class Failing(Tied):
    DECODER = FailingDecoder


class Own(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.matrix = nn.Parameter(torch.eye(width))

    def initialise(self, generator):
        pass

    def forward(self, values):
        return values @ self.matrix


class UncountedDecoder(Decoder):
    def __init__(self, shape, length):
        super().__init__(shape, length)
        self.second = Own(length)


class Uncounted(Tied):
    DECODER = UncountedDecoder
"""


@pytest.fixture
def campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes a campaign of some of the plug-in's networks, each in a training of its own."""
    # Drawing takes longer than all of these trainings.
    monkeypatch.setattr("linksim.report.figures.learning_curves.write_learning_curves", lambda *_, **__: None)
    (tmp_path / "odd.py").write_text(PLUGIN)

    def write(*names: str, samples: int = 500) -> Path:
        document: dict[str, Any] = {
            "name": "odd",
            "base": {
                "channel": {"source": "cost2100", "environment": "indoor", "n_subcarriers": 64, "n_columns": 8},
                "estimation": {"name": "perfect"},
                "transform": {"n_delay": 8},
                "compression_ratio": 8,
                "zoo": str(tmp_path / "zoo"),
                "training": {"samples": 100, "network_samples": 100, "validation_samples": 20},
            },
            "trainings": [
                {
                    "name": name.lower(),
                    "compressors": [{"plugin": f"{tmp_path / 'odd.py'}:{name}"}],
                    "training": {"budget": {"samples": samples}, "recipe": {"learning_rate": 0.01, "batch_size": 50}},
                }
                for name in names
            ],
        }
        file = tmp_path / "campaign.yaml"
        file.write_text(yaml.safe_dump(document))
        return file

    return write


def train(command: Command, file: Path) -> tuple[int, str, str]:
    return command("train", file, "--out", file.parent / "out", "--workers", "1")


def zoo(file: Path) -> list[dict[str, Any]]:
    return [json.loads(one.read_text()) for one in sorted((file.parent / "zoo").glob("*.json"))]


def loaded(file: Path, number: int) -> NeuralCompressor:
    """The network of one of a campaign's trainings, with its weights, whose hash is checked."""
    ((weights, spec),) = needed_weights(points_of(load_campaign(file)[number])).items()
    return trained_network(spec, weights)


def test_networks_that_fail_are_named_and_the_others_trained(
    campaign: Callable[..., Path], command: Command, tmp_path: Path
) -> None:
    file = campaign("Diverging", "Failing", "Tied")
    code, _, error = train(command, file)
    assert code == 2
    assert "Traceback" not in error
    last = error.splitlines()[-1]
    assert last.startswith("linksim: ")
    assert "Diverging at CR 8: training: got loss nan" in last
    line = 1 + PLUGIN.splitlines().index('            raise ValueError("not in training")')
    place = f"Failing at CR 8: plugin: {tmp_path / 'odd.py'}, line {line}: got ValueError: not in training"
    assert place in error
    (document,) = zoo(file)
    assert document["samples_seen"] == 500
    assert document["validation_nmse_db"] < document["start_nmse_db"]
    decoder = loaded(file, -1).decoder
    assert decoder.get_parameter("second.weight") is decoder.get_parameter("first.weight")


def test_what_could_not_be_run_is_not_trained(campaign: Callable[..., Path], command: Command, tmp_path: Path) -> None:
    code, _, error = train(command, campaign("Uncounted"))
    assert code == 2
    (line,) = error.splitlines()
    assert "Own: got weights without a rule for their multiply-adds, expected a method macs(self, inputs" in line
    assert not (tmp_path / "out").exists()


def test_damaged_weights_of_the_zoo_give_way_to_those_just_trained(
    campaign: Callable[..., Path], command: Command, tmp_path: Path
) -> None:
    file = campaign("Tied")
    assert train(command, file)[0] == 0
    (weights,) = (tmp_path / "zoo").glob("*.safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    code, _, error = train(command, campaign("Tied", samples=1000))
    assert code == 0, error
    assert "expected" in error
    assert "what was just trained takes their place" in error
    assert zoo(file)[0]["samples_seen"] == 1000
    loaded(file, 0)


def test_killed_after_its_last_step_a_training_is_not_repeated(
    campaign: Callable[..., Path], command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedback.training.loop._STATE_INTERVAL_S", 0.0)
    file = campaign("Tied")

    class KilledError(BaseException):
        pass

    def kill(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(network_training, "cheapest_storage", kill)
        with pytest.raises(KilledError):
            train(command, file)
    assert "0 of 1 networks are done" in command("train", file, "--out", tmp_path / "out", "--status")[1]
    with monkeypatch.context() as patch:
        # No step is left.
        patch.setattr("feedback.training.step.EagerStep.take", kill)
        code, _, error = train(command, file)
    assert code == 0, error
    assert zoo(file)[0]["samples_seen"] == 500
    assert not list((tmp_path / "out").rglob("state.pt"))
