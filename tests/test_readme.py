"""What the README shows works as shown."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from feedback.compressor import COMPRESSORS
from linksim.preparation.dimension_check import check_points
from linksim.scenario.file import validate_scenario
from linksim.scenario.sweep import points_of

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def first_rows() -> Iterator[Any]:
    namespace: dict[str, Any] = {}
    exec(compile(blocks("python")[0], "README.md", "exec"), namespace)
    yield namespace["FirstRows"]
    COMPRESSORS.unregister("first_rows")


def test_compressor_of_the_readme(first_rows: Any) -> None:
    compressor = first_rows(first_rows.Parameters(compression_ratio=4), (8, 4))
    csi = torch.randn(3, 8, 4, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    rebuilt = compressor.decode(compressor.encode(csi))
    assert compressor.length == 16
    torch.testing.assert_close(rebuilt[:, :2], csi[:, :2])
    assert not rebuilt[:, 2:].any()


def test_scenario_of_the_readme() -> None:
    document = yaml.safe_load(next(block for block in blocks("yaml") if "name: my_study" in block))
    points = points_of(validate_scenario(document, "README.md"))
    check_points(points)
    assert len(points) == 3 + 4 + 4


def test_channel_sections_of_the_readme() -> None:
    for line in next(block for block in blocks("yaml") if "source: mat" in block).splitlines():
        section = yaml.safe_load(line)["channel"]
        validate_scenario({"name": "a", "channel": section, "compressors": [{"name": "klt"}]}, "README.md")
