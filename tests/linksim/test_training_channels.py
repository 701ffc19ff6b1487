"""Training channels of quick fits: truncated matrices and eigenvectors, in one pass where both are wanted."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from feedback.csi_report.normalisation import Normalisation
from linksim.execution.executor import InProcess
from linksim.preparation.scheme_spec import scheme_specs
from linksim.preparation.taken_channels import TakenForm, taken_channels, truncated_and_eigenvectors
from linksim.preparation.training_channels import TrainingChannels
from linksim.scenario.file import validate_scenario
from linksim.scenario.model import Scenario
from linksim.scenario.true_channels import truncated_channels

NONE = Normalisation("none")


def scenario_of(timing: str) -> Scenario:
    layers = [{"name": "context", "csi": "eigenvectors", "rank": rank, "target_bits": 40} for rank in (1, 2)]
    document = {
        "name": "training",
        "channel": {"source": "sionna", "model": "CDL-C", "n_subcarriers": 26, "n_columns": 4, "n_rx": 2},
        "estimation": {"name": "ls_comb", "spacing": 2, "timing": timing},
        "transform": {"n_delay": 6},
        "compressors": [{**each, "label": f"rank {each['rank']}"} for each in layers],
        "training": {"samples": 60},
        "sgcs": {"n_subbands": 13},
    }
    return validate_scenario(document, "here")


class Counting(InProcess):
    """Counts tasks by the name of what they run."""

    def __init__(self) -> None:
        super().__init__()
        self.count: dict[str, int] = {}

    def run(self, function: Any, tasks: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Any]]:
        self.count[function.__name__] = self.count.get(function.__name__, 0) + len(tasks)
        return super().run(function, tasks)


def test_one_pass_has_the_digits_of_several() -> None:
    scenario = scenario_of("pilots")
    forms = [TakenForm.of(spec.build().compressor) for spec in scheme_specs(scenario)]
    truncated, *others = truncated_and_eigenvectors(scenario, [(scenario, form) for form in forms], "train", 0, 60)
    assert np.array_equal(truncated, truncated_channels(scenario, "train", 0, 60))
    for form, made in zip(forms, others, strict=True):
        assert np.array_equal(made, taken_channels(scenario, form, NONE, "train", 0, 60))
        assert made.shape == (60, form.n_layers, 13, 4)


@pytest.mark.parametrize(
    ("timing", "tasks"),
    [
        ("pilots", {"truncated_and_eigenvectors": 1}),
        # Without responses, so that there is nothing to take eigenvectors of.
        ("perfect", {"truncated_channels": 1, "taken_channels": 2}),
    ],
)
def test_each_channel_is_made_once(timing: str, tasks: dict[str, int]) -> None:
    scenario, executor = scenario_of(timing), Counting()
    specs, channels = list(scheme_specs(scenario)), TrainingChannels(executor)
    channels.expect(specs)
    truncated = channels.of_quick_fits(scenario)
    assert torch.equal(channels.of_range(scenario), truncated)
    assert channels.of_quick_fits(scenario) is truncated
    for spec in specs:
        made = channels.taken(spec, NONE, "train", 60)
        expected = taken_channels(scenario, TakenForm.of(spec.build().compressor), NONE, "train", 0, 60)
        assert np.array_equal(made.numpy(), expected)
    assert executor.count == tasks
    # Others than those of quick fits are made anew.
    channels.taken(specs[0], NONE, "validation", 20)
    assert executor.count == tasks | {"taken_channels": tasks.get("taken_channels", 0) + 1}
