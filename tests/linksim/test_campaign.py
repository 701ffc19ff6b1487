"""Campaigns: what they hold, what is trained of them and what is not, how far they are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from feedback.training.state import Progress
from linksim.errors import InputError
from linksim.preparation.needed_weights import needed_weights
from linksim.preparation.networks import samples_of
from linksim.preparation.training_log import TrainingLog
from linksim.preparation.training_status import NetworkStatus, seconds_left, training_status
from linksim.scenario.campaign import load_campaign, load_scenarios
from linksim.scenario.sweep import points_of

Command = Callable[..., tuple[int, str, str]]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def campaign(tmp_path: Path) -> dict[str, Any]:
    indoor = {"source": "cost2100", "environment": "indoor", "n_subcarriers": 64, "n_columns": 8}
    return {
        "name": "tiny",
        "base": {
            "estimation": {"name": "perfect"},
            "transform": {"n_delay": 8},
            "compression_ratio": 8,
            "zoo": "zoo",
            "training": {"samples": 100, "network_samples": 100, "validation_samples": 20},
        },
        "trainings": [
            {
                "name": "first",
                "channel": indoor,
                "compressors": [{"name": "csinet"}],
                "sweeps": {"compression": {"compression_ratio": [8, 4]}},
                "training": {"budget": {"samples": 200}},
            },
            {
                "name": "second",
                "channel": {**indoor, "environment": "outdoor"},
                # Few steps improve on drawn weights, where they need not on the KLT.
                "compressors": [{"name": "csinet", "init": "xavier"}],
                "training": {
                    "budget": {"samples": 1000},
                    "recipe": {"optimiser": "muon", "batch_size": 10, "learning_rate": 0.01},
                },
            },
        ],
    }


@pytest.fixture
def file(campaign: dict[str, Any], tmp_path: Path) -> Path:
    return written(campaign, tmp_path)


def written(campaign: dict[str, Any], folder: Path) -> Path:
    file = folder / "campaign.yaml"
    file.write_text(yaml.safe_dump(campaign))
    return file


def states(file: Path) -> list[tuple[str, str, int]]:
    found = training_status(load_campaign(file), file.parent / "out", to_budget=True)
    return [(status.network, status.state, status.seen) for status in found]


def test_trainings_are_scenarios_in_their_order(file: Path) -> None:
    first, second = load_campaign(file)
    assert (first.name, second.name) == ("tiny.first", "tiny.second")
    # Keys of the base's training stand beside those of its own, and files are relative to the campaign's.
    assert (first.training.network_samples, first.training.budget.samples) == (100, 200)  # type: ignore[union-attr]
    assert first.zoo == str(file.parent / "zoo")
    assert [point.scenario.compression_ratio for point in points_of(first)] == [8, 4]
    assert (second.compression_ratio, second.channel.environment) == (8, "outdoor")  # type: ignore[attr-defined]
    assert load_scenarios(file) == [first, second]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"trainings": []}, "trainings"),
        ({"trainings": [{"channel": {"source": "cost2100"}}]}, r"trainings.0.name: got nothing, expected a name"),
        ({"base": {"snr": 3}}, r"campaign.yaml: trainings.0: snr: unknown key"),
        ({"training": {}}, r"campaign.yaml: training: unknown key"),
        ({"base": {"training": 3}}, r"trainings.0: training"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    campaign: dict[str, Any], tmp_path: Path, change: dict[str, Any], line: str
) -> None:
    with pytest.raises(InputError, match=line):
        load_campaign(written(campaign | change, tmp_path))


def test_every_training_has_a_name_and_a_budget_of_its_own(campaign: dict[str, Any], tmp_path: Path) -> None:
    campaign["trainings"][1]["name"] = "first"
    with pytest.raises(InputError, match=r"trainings: got 'first' twice, expected a name of its own for each"):
        load_campaign(written(campaign, tmp_path))
    del campaign["trainings"][1]["training"]
    with pytest.raises(InputError, match=r"trainings.1.training.budget: got none, expected one of samples"):
        load_campaign(written(campaign, tmp_path))


def test_trains_what_the_zoo_lacks_at_its_budget_and_nothing_twice(
    campaign: dict[str, Any], tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Drawing takes longer than all of these trainings.
    monkeypatch.setattr("linksim.report.figures.learning_curves.write_learning_curves", lambda *_, **__: None)
    file = written(campaign, tmp_path)
    train = ("train", file, "--out", tmp_path / "out", "--workers", "1")
    waiting = [("csinet at CR 8", "waiting", 0), ("csinet at CR 4", "waiting", 0), ("csinet at CR 8", "waiting", 0)]
    assert states(file) == waiting
    code, _, error = command(*train)
    assert code == 0, error
    assert [seen for _, state, seen in states(file) if state == "in the zoo"] == [200, 200, 1000]
    weights = {weight: weight.read_bytes() for weight in (tmp_path / "zoo").iterdir()}
    assert len(weights) == 6
    # Everything is there: nothing is touched.
    assert command(*train)[0] == 0
    assert {weight: weight.read_bytes() for weight in (tmp_path / "zoo").iterdir()} == weights
    # A larger budget for one of them: only that is trained. From a start that is worse, steps of no length
    # find no better weights.
    still = {"batch_size": 50, "optimiser": "sgd", "learning_rate": 1e-12, "final_learning_rate": 0.0}
    campaign["trainings"][1]["training"] = {"budget": {"samples": 2000}, "recipe": still}
    written(campaign, tmp_path)
    assert [state for _, state, _ in states(file)] == ["in the zoo", "in the zoo", "waiting"]
    # `train` of a scenario leaves what is there, whatever its budget.
    alone = training_status(load_campaign(file), tmp_path / "out", to_budget=False)
    assert [status.state for status in alone] == ["in the zoo"] * 3
    code, _, error = command(*train)
    assert code == 0, error
    # Better weights stay, and training that did not reach them is not repeated.
    assert {weight: weight.read_bytes() for weight in (tmp_path / "zoo").iterdir()} == weights
    assert states(file)[2][1:] == ("finished", 2000)
    status = command(*train, "--status")
    assert status[0] == 0
    assert "3 of 3 networks are done; about 0 s of one worker left\n" in status[1]


def test_time_left_is_that_of_the_rates_that_are_known() -> None:
    def network(name: str, state: str, seen: int, rate: float | None) -> NetworkStatus:
        return NetworkStatus("s", name, state, 1000, seen, None, None, rate, None, Path())  # type: ignore[arg-type]

    statuses = [
        network("crnet at CR 4", "in the zoo", 2000, 50.0),
        # 600 at 20/s, 1000 at the rate of its kind, and one of a kind that nobody has seen.
        network("csinet at CR 4", "begun", 400, 20.0),
        network("crnet at CR 16", "waiting", 300, None),
        network("deq at CR 4", "waiting", 0, None),
    ]
    assert seconds_left(statuses) == (600 / 20 + 1000 / 50, 1)


def test_the_campaign_that_ships_is_in_the_order_of_what_it_is_for() -> None:
    scenarios = load_campaign(ROOT / "scenarios/train/campaign.yaml")
    networks = [spec for one in scenarios for spec in needed_weights(points_of(one)).values()]
    first = [(spec.parameters.name, spec.parameters.compression_ratio) for spec in networks[:8]]
    leading = ("csinet", "crnet", "acrnet-1x", "acrnet-10x")
    assert first == [(name, ratio) for ratio in (16, 32) for name in leading]
    assert samples_of(networks[0]) == 3_000_000
    assert all(spec.scenario.training.fresh for spec in networks)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"compression_ratio": 7, "sweeps": {}}, "trainings.1: compressors: csinet: compression_ratio: got 7"),
        (
            {"compressors": [{"name": "bcrnet", "distillation": {"method": "mimic", "teacher": {"name": "crnet"}}}]},
            "trainings.1: compressors: bcrnet: distillation.teacher: no weights in",
        ),
        ({"transform": {"n_delay": 65}}, "trainings.1: transform: n_delay: got 65"),
    ],
)
@pytest.mark.parametrize("verb", ["train", "validate"])
def test_what_a_later_training_lacks_is_told_before_the_first_is_trained(
    command: Command, campaign: dict[str, Any], tmp_path: Path, change: dict[str, Any], line: str, verb: str
) -> None:
    campaign["trainings"][1] |= change
    file = written(campaign, tmp_path)
    options = ("--out", str(tmp_path / "out")) if verb == "train" else ()
    code, _, err = command(verb, str(file), *options)
    assert code == 2
    assert err.startswith(f"linksim: {file}: {line}")
    assert not (tmp_path / "zoo").exists()


def test_status_says_which_training_is_wrong(command: Command, campaign: dict[str, Any], tmp_path: Path) -> None:
    campaign["trainings"][1]["compression_ratio"] = 7
    file = written(campaign, tmp_path)
    code, _, err = command("train", str(file), "--status", "--out", str(tmp_path / "out"))
    assert code == 2
    assert err.startswith(f"linksim: {file}: trainings.1: compression_ratio: got 7")


def test_a_teacher_of_an_earlier_training_is_one(command: Command, campaign: dict[str, Any], tmp_path: Path) -> None:
    first, second = campaign["trainings"]
    first["compressors"] = [{"name": "crnet"}]
    distillation = {"method": "mimic", "teacher": {"name": "crnet"}}
    second |= {"channel": first["channel"], "compressors": [{"name": "bcrnet", "distillation": distillation}]}
    assert command("validate", str(written(campaign, tmp_path)))[0] == 0


def test_a_log_of_another_budget_is_of_no_training_that_goes_on(campaign: dict[str, Any], tmp_path: Path) -> None:
    file = written(campaign, tmp_path)
    log = TrainingLog(training_status(load_campaign(file), tmp_path / "out", to_budget=True)[0].log, resumed=False)
    log.start(-3.0)
    log.add(Progress(100, 1.0, 0.5, 0.1, -4.0, 1e-3, 2.0))
    log.close()
    assert states(file)[0] == ("csinet at CR 8", "begun", 100)
    campaign["trainings"][0]["training"]["budget"]["samples"] = 400
    assert states(written(campaign, tmp_path))[0] == ("csinet at CR 8", "waiting", 0)
