"""What a metric of a user's own may give for a batch: what else is told in one line that names the metric."""

from typing import Any

import pytest
import torch
from made_up_outcome import BATCH, made_up_outcome

from linksim.errors import InputError
from linksim.metrics.metric import MeanMetric, RatioMetric

GOOD = torch.full((BATCH,), 2.0, dtype=torch.float64)
WRONG: list[tuple[Any, str]] = [
    ([1.0] * BATCH, rf"metric mine: got list, expected a tensor \[{BATCH}\]"),
    (GOOD[1:], rf"metric mine: got shape \[{BATCH - 1}\], expected a value for each sample, \[{BATCH}\]"),
    (torch.stack([GOOD, GOOD], dim=1), rf"metric mine: got shape \[{BATCH}, 2\]"),
    (GOOD[0], r"metric mine: got shape \[\]"),
    (GOOD * torch.nan, "metric mine: got nan for a sample, expected a finite number"),
]


class Mine(MeanMetric):
    name = "mine"
    unit = "dB"
    given: Any = GOOD

    def per_sample(self, outcome: Any) -> Any:
        return self.given


class MyRatio(RatioMetric):
    name = "mine"
    unit = "1"
    given: Any = GOOD

    def per_sample(self, outcome: Any) -> Any:
        return self.given, GOOD


@pytest.mark.parametrize(("values", "message"), WRONG)
@pytest.mark.parametrize("kind", [Mine, MyRatio])
def test_wrong_values_name_the_metric(kind: type[Mine] | type[MyRatio], values: Any, message: str) -> None:
    metric = kind()
    metric.given = values
    with pytest.raises(InputError, match=message):
        metric.update(metric.accumulator(), made_up_outcome())


def test_decibels_are_of_linear_values() -> None:
    metric = Mine()
    metric.given = -GOOD
    accumulator = metric.accumulator()
    metric.update(accumulator, made_up_outcome())
    with pytest.raises(InputError, match="metric mine: got a mean of -2 for decibels, expected linear values above 0"):
        accumulator.estimate()
