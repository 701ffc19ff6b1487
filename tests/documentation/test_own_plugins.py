"""The plug-ins that the how-tos show do what the pages say of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from channels.channel_batch import Snapshots
from channels.source import SOURCES
from feedback.compressor import CompressorParameters
from linksim.metrics import METRICS
from tests.documentation.blocks import DOCS, blocks
from tests.folder_listing import ROOT


def shown(page: str, file: str) -> dict[str, Any]:
    """What a file of a how-to defines."""
    text = next(block.text for block in blocks(DOCS / "how-to" / page) if block.title == file)
    names: dict[str, Any] = {"__name__": Path(file).stem}
    exec(compile(text, file, "exec"), names)
    return names


@pytest.fixture
def rayleigh() -> Iterator[Any]:
    names = shown("own-channels.md", "rayleigh.py")
    yield names["RayleighSource"](names["RayleighParameters"](), seed=3, device=torch.device("cpu"))
    SOURCES.unregister("rayleigh")


@pytest.fixture
def outage() -> Iterator[Any]:
    yield shown("own-metric.md", "outage.py")["RateOutage"]()
    METRICS.unregister("rate_outage")


def test_first_rows_keeps_the_first_rows() -> None:
    names = shown("own-compressor.md", "first_rows.py")
    parameters: CompressorParameters = names["FirstRowsParameters"](compression_ratio=4)
    compressor = names["FirstRows"](parameters, (8, 4))
    csi = torch.randn(3, 8, 4, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    rebuilt = compressor.decode(compressor.encode(csi))
    assert compressor.length == 16
    torch.testing.assert_close(rebuilt[:, :2], csi[:, :2])
    assert not rebuilt[:, 2:].any()


def test_the_network_is_the_one_that_ships() -> None:
    ours = shown("own-compressor.md", "shallow_net.py")["ShallowNet"]
    shipped: dict[str, Any] = {"__name__": "shallow_net"}
    exec((ROOT / "scenarios" / "plugins" / "shallow_net.py").read_text("utf-8"), shipped)
    networks = [names(names.Parameters(compression_ratio=4), (8, 4)) for names in (ours, shipped["ShallowNet"])]
    assert networks[0].complexity() == networks[1].complexity()


def test_rayleigh_has_mean_power_one_whatever_range_is_asked_for(rayleigh: Any) -> None:
    response = rayleigh.read("test", 0, 40, Snapshots()).response
    assert response.shape == (40, 1, 64, 16)
    # 40 x 16 ports of 8 taps: the mean of their powers has a relative standard deviation of at most 1 / sqrt(640),
    # as if one tap had all the power; 5 of them.
    assert response.abs().square().mean() == pytest.approx(1, abs=5 / 640**0.5)
    torch.testing.assert_close(rayleigh.read("test", 7, 9, Snapshots()).response, response[7:9], rtol=0, atol=0)
    assert not torch.equal(rayleigh.read("train", 0, 1, Snapshots()).response, response[:1])


def test_outage_counts_rates_below_5(outage: Any) -> None:
    class Outcome:
        rate = torch.tensor([4.9, 5.0, 7.0], dtype=torch.float64)

    assert outage.per_sample(Outcome()).tolist() == [1, 0, 0]
