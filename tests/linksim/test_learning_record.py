"""How many channels each compressor learnt from, and how its weights were trained: in tables, manifest and report."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from feedback.checkpoint_info import read_info
from feedback.compressors.crnet import CrNet
from feedback.training.default_recipes import KLT_RECIPE
from feedback.training.recipe import TrainingRecipe
from linksim.execution.options import ExecutionOptions
from linksim.preparation.network_training import recipe_of
from linksim.preparation.scheme_spec import schemes_of
from linksim.report import write_report
from linksim.scenario.file import validate_scenario
from linksim.scenario.sweep import points_of
from linksim.simulation.engine import RunOptions, run
from linksim.storage.results_table import read_results
from linksim.zoo.entries import read_zoo

Command = Callable[..., tuple[int, str, str]]
ScenarioFile = Callable[[dict[str, Any]], Path]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def learnt(tiny: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """A scenario of one of each: what learns nothing, a fit, a network, its start, and a fitted quantiser."""
    return tiny | {
        "channel": {"source": "cost2100", "environment": "indoor", "n_subcarriers": 64, "n_columns": 8},
        "compressors": [
            {"name": "topk"},
            {"name": "klt"},
            {"name": "csinet"},
            {"name": "csinet", "label": "start", "untrained": True},
        ],
        "training": {"network_samples": 150, "validation_samples": 50, "recipe": {"epochs": 2, "batch_size": 50}},
        "sweeps": {},
        "metrics": ["nmse_db"],
        "monte_carlo": {"samples": 50},
        "zoo": str(tmp_path / "zoo"),
    }


def start_run(document: dict[str, Any], out: Path) -> Path:
    options = RunOptions(train=True, execution=ExecutionOptions(workers=1))
    return run(validate_scenario(document, "scenario"), out, options).path


def test_fits_take_as_many_channels_as_networks_by_default(tiny: dict[str, Any]) -> None:
    def samples(names: list[Any], **training: int) -> int:
        sections = [{"name": name} if isinstance(name, str) else name for name in names]
        return validate_scenario(tiny | {"compressors": sections, "training": training}, "here").training.samples

    assert samples(["klt", "crnet"], network_samples=700) == 700
    assert samples(["klt", "crnet"], network_samples=700, samples=300) == 300
    assert samples(["klt", "crnet"]) == 50_000
    assert samples(["klt", "topk"], network_samples=700) == 8000
    # What is only started learns from the channels of the fits.
    assert samples(["klt", {"name": "crnet", "untrained": True}], network_samples=700) == 8000


def test_rows_say_the_ratio_of_their_compressor(tiny: dict[str, Any], run_folder: Callable[..., Path]) -> None:
    compressors = [
        {"name": "klt"},
        {"name": "topk", "compression_ratio": 2},
        {"name": "topk", "label": "coded", "target_bits": 60},
    ]
    scenario = {"compressors": compressors, "monte_carlo": {"samples": 4}, "training": {"samples": 20}}
    folder = run_folder(tiny | scenario | {"sweeps": {"ratio": {"compression_ratio": [4, 8]}}})
    rows = read_results(folder)
    told = {
        (row.compressor, row.compression_ratio, row.compressor_ratio)
        for row in rows[rows["metric"] == "nmse_db"].fillna(0).itertuples()
    }
    of_its_own = {("topk", 4, 2), ("topk", 8, 2), ("coded", 4, 0), ("coded", 8, 0)}
    assert told == {("klt", 4, 4), ("klt", 8, 8), *of_its_own}


@pytest.mark.usefixtures("without_figures")
def test_networks_of_a_file_may_have_a_recipe(learnt: dict[str, Any], tmp_path: Path) -> None:
    plugin = f"{ROOT / 'scenarios' / 'plugins' / 'shallow_net.py'}:ShallowNet"
    learnt["compressors"] = [{"plugin": plugin, "label": "own", "recipe": {"batch_size": 30}}]
    records = json.loads((start_run(learnt, tmp_path / "out") / "manifest.json").read_text())["compressors"]
    (own,) = (record for record in records if record["compressor"] == "own")
    assert own["weights"]["recipe"]["batch_size"] == 30
    assert "differences" not in own


@pytest.mark.validate
@pytest.mark.usefixtures("without_figures")
def test_tables_manifest_and_report_say_how_many(
    learnt: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = start_run(learnt, tmp_path / "out")
    assert "its weights have" not in caplog.text
    table = pd.read_csv(folder / "results.csv").set_index("compressor")
    assert table["learnt_from"].to_dict() == {"topk": 0, "klt": 150, "csinet": 150, "start": 150}
    (file,) = (tmp_path / "zoo").glob("*.safetensors")
    info = read_info(file)
    assert (info.learnt_from, info.samples_seen) == (150, 300)
    records = {
        record["compressor"]: record for record in json.loads((folder / "manifest.json").read_text())["compressors"]
    }
    weights = records["csinet"]["weights"]
    assert (weights["file"], weights["sha256"]) == (str(file), info.sha256)
    assert (weights["channels"], weights["samples_seen"], weights["recipe"]["batch_size"]) == (150, 300, 50)
    assert (weights["start_nmse_db"], weights["validation_nmse_db"]) == (info.start_nmse_db, info.validation_nmse_db)
    assert "weights" not in records["start"]
    assert all("differences" not in record for record in records.values())
    # The start is the network before training: made for the run from the same channels, it is where training began.
    if not info.improved:
        # Storage costs less than 0.02 dB on the validation channels, and these are others.
        assert table.loc["start", "value"] == pytest.approx(table.loc["csinet", "value"], abs=0.04)
    page = write_report(folder).read_text()
    assert "What they learnt from" in page
    assert info.sha256[:12] in page

    # Weights of another seed, budget, recipe and number of channels: each is said, in a line that names the network.
    learnt["seed"] = 9
    learnt["training"] = {"network_samples": 120, "validation_samples": 50, "recipe": {"epochs": 3, "batch_size": 40}}
    caplog.clear()
    other = start_run(learnt, tmp_path / "out")
    (line,) = (line for line in caplog.messages if line.startswith("csinet at CR 4: its weights have"))
    for part in (
        "seed 3, the scenario asks for 9",
        "150 training channels, the scenario asks for 120",
        "300 channels seen, the scenario asks for 360",
        "batch_size 50, the scenario asks for 40",
    ):
        assert part in line
    found = pd.read_csv(other / "results.csv").set_index("compressor")["learnt_from"].to_dict()
    assert found == {"topk": 0, "klt": 120, "csinet": 150, "start": 120}
    assert "the scenario asks for 120" in write_report(other).read_text()


def record_of(compressor: str, folder: Path) -> dict[str, Any]:
    records = json.loads((folder / "manifest.json").read_text())["compressors"]
    return next(record for record in records if record["compressor"] == compressor)


@pytest.mark.usefixtures("without_figures")
def test_a_default_that_has_changed_is_no_wish_of_the_scenario(
    learnt: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_run(learnt, tmp_path / "out")
    caplog.clear()
    changed = KLT_RECIPE.model_copy(update={"ema_decay": 0.5})
    monkeypatch.setattr("feedback.neural.KLT_RECIPE", changed)
    learnt["name"] = "again"
    record = record_of("csinet", start_run(learnt, tmp_path / "out"))
    assert "its weights have" not in caplog.text
    assert record["earlier_default"] == ["ema_decay 0.97, by default 0.5 now"]
    learnt["training"]["recipe"] |= {"ema_decay": 0.5}
    record = record_of("csinet", start_run(learnt, tmp_path / "out"))
    assert record["differences"] == ["ema_decay 0.97, the scenario asks for 0.5"]
    assert "earlier_default" not in record


def test_recipes_of_a_scenario_lie_over_each_other(tiny: dict[str, Any]) -> None:
    def recipes(**training: Any) -> list[TrainingRecipe]:
        document = tiny | {"compressors": sections, "training": training, "sweeps": {}}
        # As a resolved scenario, which is read again, has it.
        document = validate_scenario(document, "here").model_dump(mode="json")
        return [
            recipe_of(spec) for point in points_of(validate_scenario(document, "here")) for spec in schemes_of(point)
        ]

    sections: list[dict[str, Any]] = [
        {"name": "crnet"},
        {"name": "crnet", "label": "longer", "recipe": {"samples": 700}},
        {"name": "crnet", "label": "as published", "recipe": {"base": "paper"}},
    ]
    own, longer, published = recipes()
    assert longer == own.with_budget(samples=700)
    assert published == CrNet.paper_recipe
    steady, longer, published = recipes(recipe={"samples": 300, "ema_decay": None})
    assert steady == own.with_budget(samples=300).model_copy(update={"ema_decay": None})
    assert (longer, published) == (steady.with_budget(samples=700), CrNet.paper_recipe)
    budget = {"samples": 50}
    assert recipes(budget=budget) == [own.with_budget(**budget)] * 2 + [published.with_budget(**budget)]


def test_keys_that_a_networks_own_recipe_does_not_go_with(
    tiny: dict[str, Any], scenario_file: ScenarioFile, command: Command
) -> None:
    file = scenario_file(tiny | {"compressors": [{"name": "crnet", "recipe": {"learning_rate": 1e-6}}], "sweeps": {}})
    code, out, err = command("validate", file)
    assert (code, len((out + err).strip().splitlines())) == (2, 1)
    assert "compressors: crnet: recipe: final_learning_rate is 5e-05, expected at most learning_rate (1e-06)" in err


def test_codeword_quantisers_learn_too(learnt: dict[str, Any], run_folder: Callable[..., Path]) -> None:
    learnt["compressors"] = [{"name": "topk"}, {"name": "identity"}]
    learnt["feedback"] = {"quantiser": {"name": "lloyd_max", "bits": 3}}
    table = pd.read_csv(run_folder(learnt) / "results.csv").set_index("compressor")
    # 8000 by default, of which the first 4000 are for codewords.
    assert table["learnt_from"].to_dict() == {"topk": 4000, "identity": 4000}


def test_every_shipped_weight_improved_on_its_start() -> None:
    """What training did not improve is its start, which ``untrained: true`` makes without a file.

    A study is of what equal trainings give, where that is the start as well.
    """
    entries = [entry for entry in read_zoo(ROOT / "zoo") if entry.info.training["scenario"] != "generalization"]
    assert entries
    assert [entry.name for entry in entries if not entry.info.improved] == []
