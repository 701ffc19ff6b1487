"""Classes that were typed in: their results are measured anew once anything that they depend on has changed."""

import subprocess
import sys
from typing import Any

import pandas as pd
import torch

from linksim.metrics.metric import MeanMetric
from linksim.scenario.typed_class import typed_class_digest

TYPED = """
from linksim.metrics.metric import MeanMetric
from linksim.scenario.typed_class import typed_class_digest

def below(x, of={default}):
    return x < LIMIT

class Attribute(MeanMetric):
    threshold = LIMIT
    def per_sample(self, outcome):
        return outcome.rate < self.threshold

class Global(MeanMetric):
    def per_sample(self, outcome):
        return [below(x) * WEIGHTS for x in outcome.rate]

class Base(MeanMetric):
    @property
    def limit(self):
        return LIMIT

class Inherits(Base):
    def per_sample(self, outcome):
        return outcome.rate < self.limit
"""
NAMES = ("Attribute", "Global", "Inherits")


def typed(limit: int, weight: float = 1.0, default: int = 0) -> dict[str, str]:
    space: dict[str, Any] = {"__name__": "__main__", "LIMIT": limit, "WEIGHTS": torch.tensor([weight])}
    exec(TYPED.replace("{default}", str(default)), space)
    return {name: typed_class_digest(space[name]) for name in NAMES}


def test_constants_globals_and_bases_count() -> None:
    before = typed(6)
    assert typed(6) == before
    assert all(typed(9)[name] != before[name] for name in NAMES)
    for other in (typed(6, weight=2.0), typed(6, default=1)):
        assert [name for name in NAMES if other[name] != before[name]] == ["Global"]


def test_a_class_that_a_call_made_counts_by_what_it_holds() -> None:
    def made(threshold: float) -> type:
        return type("Made", (MeanMetric,), {"per_sample": lambda self, outcome: outcome.rate < threshold})

    # The module of that call is the standard library's.
    assert made(3.0).__module__ == "abc"
    assert typed_class_digest(made(3.0)) == typed_class_digest(made(3.0)) != typed_class_digest(made(4.0))


def test_tables_count_by_what_they_hold() -> None:
    def made(value: object) -> type:
        table = pd.DataFrame({"x": [value, "a"]})
        return type("Made", (MeanMetric,), {"per_sample": lambda self, outcome: table})

    assert typed_class_digest(made("b")) == typed_class_digest(made("b")) != typed_class_digest(made("c"))


def test_workers_find_the_same() -> None:
    code = f"LIMIT, WEIGHTS = 6, (1.0, {{'b', 'a'}})\n{TYPED.replace('{default}', '0')}"
    code += f"print([typed_class_digest(kind) for kind in ({', '.join(NAMES)},)])"
    found = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
