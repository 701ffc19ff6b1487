"""Training on what UEs report over time: sequences of moving channels, what is refused, what is kept of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from channels.channel_batch import Snapshots
from channels.transforms.angular_delay import AngularDelayTransform
from feedback.checkpoint_info import read_info
from linksim.execution.options import ExecutionOptions
from linksim.preparation.needed_weights import needed_weights
from linksim.preparation.networks import TrainingRun, train_scenario
from linksim.scenario.file import load_scenario, validate_scenario
from linksim.scenario.sources import source_of
from linksim.scenario.sweep import points_of
from linksim.scenario.true_channels import truncated_sequences
from linksim.zoo.entries import ZooEntry
from linksim.zoo.problems import problems

MOVING: dict[str, Any] = {
    "name": "moving",
    "channel": {"source": "cost2100", "n_columns": 4, "n_subcarriers": 64, "speed_m_s": 1.0},
    "transform": {"n_delay": 4},
    "compression_ratio": 4,
    "compressors": [{"name": "markovnet", "first_ratio": 2, "training_reports": 2}],
    "feedback": {"report_period_s": 0.005},
    "training": {"network_samples": 20, "validation_samples": 10, "fresh": True, "budget": {"epochs": 2}},
}


@pytest.mark.parametrize("source", ["cost2100", "sionna"])
def test_sequences_are_the_channels_at_the_times_of_reports(source: str) -> None:
    channel = {"source": source, "n_columns": 4, "n_subcarriers": 64, "speed_m_s": 3.0}
    if source == "sionna":
        channel["model"] = "UMa"
    scenario = validate_scenario({**MOVING, "channel": channel}, "moving")
    found = torch.from_numpy(truncated_sequences(scenario, "train", 3, 10, 14))
    made, times = source_of(scenario), (0.0, -0.005, -0.01)
    response = made.read("train", 10, 14, Snapshots(times)).response
    expected = AngularDelayTransform(made.grid, made.array, 4).truncate(response).flip(1)
    # Of float32, where phases of a few thousand turns are rounded.
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-3 * float(expected.abs().max()))
    assert float((found[:, 1] - found[:, 0]).abs().max()) > 0.01 * float(found.abs().max())


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"feedback": {}}, "feedback.report_period_s: got 0, expected the time from report to report"),
        ({"channel": MOVING["channel"] | {"speed_m_s": 0}}, "channel.speed_m_s: got 0, expected a speed"),
        ({"compressors": [{"name": "markovnet", "first_ratio": 3}]}, "markovnet: first_ratio: got 3, which gives"),
    ],
)
def test_a_scenario_without_motion_is_refused_in_a_line(change: dict[str, Any], line: str) -> None:
    from linksim.errors import InputError
    from linksim.preparation.dimension_check import check_points

    with pytest.raises(InputError) as raised:
        check_points(points_of(validate_scenario({**MOVING, **change}, "moving")))
    assert line in str(raised.value)
    assert "\n" not in str(raised.value)


def test_weights_are_kept_with_the_motion_that_they_learnt_from(
    tmp_path: Path, scenario_file: Callable[[dict[str, Any]], Path]
) -> None:
    zoo = tmp_path / "zoo"
    scenario = load_scenario(scenario_file({**MOVING, "zoo": str(zoo)}))
    train_scenario(scenario, tmp_path / "out", TrainingRun("test"), ExecutionOptions(workers=1))
    (file,) = needed_weights(points_of(scenario))
    info = read_info(file)
    assert info.training["motion"] == {"report_period_s": 0.005, "speed_m_s": 1.0}
    assert list(info.diagnostics) == ["nmse_db of report 1", "nmse_db of report 2"]
    # Fresh channels: 20 in each of two epochs.
    assert (info.samples_seen, info.distinct_channels) == (40, 40)
    assert not list(problems(zoo, 10**7))
    assert ZooEntry(file, info).spec().trained_for["motion"] == info.training["motion"]
    assert np.isfinite(info.validation_nmse_db)
