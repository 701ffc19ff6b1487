"""Do published orderings hold for the weights of a zoo? Rank correlations against SciPy's, on a zoo that is made up."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from feedback.checkpoint_info import CheckpointInfo, read_info
from linksim.studies.published import published_nmse_db
from linksim.studies.reproduction import rank_correlations, spearman_interval
from linksim.studies.zoo_orderings import zoo_figures
from linksim.zoo.entries import read_zoo

Command = Callable[..., tuple[int, str, str]]

ROOT = Path(__file__).resolve().parents[2]
# Ours at 1/16, indoors: network, NMSE before storage, what storage costs, channels seen.
OURS = [
    ("csinet", -9.0, 0.0, 1000),
    ("crnet", -10.5, 0.02, 3000),
    ("acrnet-1x", -11.0, 0.0, 2000),
    ("acrnet-10x", -12.0, None, 4000),
    ("cllwcsinet", -9.5, 0.01, 1000),
    ("deq", -10.0, 0.0, 1000),
]


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    """Documents of weights; tensors are not read."""
    document = read_info(next((ROOT / "zoo").glob("crnet-cr16-7273da6c59db.safetensors"))).model_dump()

    def keep(name: str, **said: Any) -> None:
        file = tmp_path / f"{name}.safetensors"
        file.touch()
        info = CheckpointInfo.model_validate({**document, **said})
        file.with_suffix(".json").write_text(info.model_dump_json())

    for network, nmse_db, cost_db, seen in OURS:
        section = {"name": network, "compression_ratio": 16}
        figures = {"validation_nmse_db": nmse_db, "cost_of_storage_db": cost_db, "samples_seen": seen}
        keep(f"{network}-best", compressor=section, **figures)
        keep(f"{network}-other", compressor=section, **figures | {"validation_nmse_db": nmse_db + 3})
    # None of these belongs beside a published figure of CsiNet at 1/16, however good it is.
    best = {"compression_ratio": 16, "name": "csinet"}
    keep("noisy", compressor=best | {"disturbance": {"bits": 4}}, validation_nmse_db=-99)
    keep("taught", compressor=best | {"distillation": {"method": "kd"}}, validation_nmse_db=-99)
    keep("elsewhere", compressor=best, validation_nmse_db=-99, training={**document["training"], "channel": {}})
    # Nothing is published of it at this ratio.
    keep("cl-csinet", compressor={"name": "cl-csinet", "compression_ratio": 32}, samples_seen=1000)
    return tmp_path


def test_rank_correlations_are_those_of_the_best_weights(zoo: Path) -> None:
    figures = zoo_figures(read_zoo(zoo))
    at_16 = figures[figures["cr"] == 16].set_index("method")
    ours = {network: nmse_db + (cost_db or 0) for network, nmse_db, cost_db, _ in OURS}
    assert at_16["ours"].to_dict() == pytest.approx(ours)
    assert at_16["samples_seen"].to_dict() == {network: seen for network, _, _, seen in OURS}
    assert np.isnan(figures.set_index("method")["published"]["cl-csinet"])
    published = {network: published_nmse_db(network, 16, "indoor") for network in ours}
    # ACRNet, Table I; DEQ, Table I; CLLWCsiNet, Table III.
    assert published == {
        "csinet": -8.65,
        "crnet": -11.35,
        "acrnet-1x": -10.36,
        "acrnet-10x": -14.32,
        "cllwcsinet": -8.62,
        "deq": -13.29,
    }
    (row,) = rank_correlations(figures).to_dict("records")
    expected = float(stats.spearmanr([ours[network] for network in published], [*published.values()]).statistic)
    assert (row["scenario"], row["cr"], row["n"]) == ("indoor", 16, 6)
    assert row["spearman"] == pytest.approx(expected)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(spearman_interval(expected, 6))


def test_some_weights_and_one_table(zoo: Path) -> None:
    assert set(zoo_figures(read_zoo(zoo), least_seen=2000)["method"]) == {"crnet", "acrnet-1x", "acrnet-10x"}
    at_most = zoo_figures(read_zoo(zoo), most_seen=1000)
    assert set(at_most["method"]).isdisjoint({"crnet", "acrnet-1x", "acrnet-10x"})
    assert len(at_most)
    assert (at_most["samples_seen"] <= 1000).all()
    of_table = zoo_figures(read_zoo(zoo), "acrnet-table1")
    assert set(of_table["method"]) == {"csinet", "crnet", "acrnet-1x", "acrnet-10x"}


def test_the_command_trains_and_runs_nothing(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("linksim.simulation.engine.run", None)
    code, out, err = command("reproduce", "--no-train", "--least-seen", "100000", "--out", tmp_path / "out")
    assert code == 0, err
    assert "deq" in out
    assert "indoor, 1/32: orderings of" in out
    assert not (tmp_path / "out").exists()
    assert command("reproduce", "nonsense", "--no-train")[0] == 2
    for wrong in (
        ("--least-seen", "3", "--most-seen", "2"),
        ("--smoke",),
        ("--set", "seed=2"),
        ("--complexity",),
        ("--budget", "5min"),
        ("--workers", "1"),
    ):
        code, _, err = command("reproduce", "--no-train", *wrong)
        assert (code, err.count("\n")) == (2, 1)
    assert command("reproduce")[0] == 2
    for wrong in (
        ("--complexity", "--budget", "5min"),
        ("--complexity", "--smoke"),
        ("--least-seen", "3"),
        ("--most-seen", "0"),
    ):
        code, _, err = command("reproduce", "acrnet-table1", *wrong)
        assert (code, err.count("\n")) == (2, 1)
