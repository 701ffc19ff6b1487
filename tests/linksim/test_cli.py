"""The command line beyond bad input: listing, schema, overrides, smoke runs of every scenario that ships."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from linksim.scenario.plugin_kinds import KINDS

Command = Callable[..., tuple[int, str, str]]

ROOT = Path(__file__).resolve().parents[2]
# Those that mirror published tables train dozens of networks: test_reproduction.py has their tests. Studies are no
# scenarios: test_study.py. Nor are campaigns: test_campaign.py.
SCENARIOS = sorted(
    file
    for file in (ROOT / "scenarios").rglob("*.yaml")
    if file.parent.name not in ("reproduce", "studies") and file.stem != "campaign"
)
STARTER = ROOT / "linksim/scenario/starter.yaml"
# One with its figures, and a network of a file of its own without, as they take most of a tiny run. All the others are
# run by `make validate`.
_RUN_BY_TESTS = ("scenarios/cost2100_indoor", "plugins/own_network")


def _marked(scenario: Path) -> Any:
    short = f"{scenario.parent.name}/{scenario.stem}" in _RUN_BY_TESTS
    marks = [] if short else [pytest.mark.validate]
    return pytest.param(scenario, marks=marks, id=f"{scenario.parent.name}-{scenario.stem}")


@pytest.mark.usefixtures("without_layout")
@pytest.mark.parametrize("scenario", [_marked(file) for file in (*SCENARIOS, STARTER)])
def test_every_scenario_runs_small(
    scenario: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    drawn = scenario.stem != "own_network"
    if not drawn:
        monkeypatch.setattr("linksim.report.page_parts.draw", lambda *_, **__: [])
    code, out, err = command("run", scenario, "--smoke", "--out", tmp_path, "--workers", "1")
    assert code == 0, err
    (run,) = tmp_path.glob("*/*/results.csv")
    assert (run.parent / "report.html").stat().st_size > 10_000
    # Vector files take longer than the rest of a tiny run.
    assert not drawn or list((run.parent / "figures").glob("*.png"))
    assert not list((run.parent / "figures").glob("*.pdf"))
    assert "report.html" in out
    code, out, err = command("show", run.parent)
    assert code == 0, err
    assert command("validate", run.parent / "scenario.yaml")[0] == 0
    (run.parent / "report.html").unlink()
    monkeypatch.setattr("linksim.report.page_parts.draw", lambda *_, **__: [])
    assert command("plot", run.parent)[0] == 0
    assert (run.parent / "report.html").exists()


def test_list_names_everything_wherever_it_runs(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = command("list")
    assert code == 0
    for kind in KINDS:
        assert kind.title in out
        assert all(name in out for name in kind.names)
    names = {file.relative_to(ROOT / "scenarios").with_suffix("").as_posix() for file in SCENARIOS}
    assert names <= {line.split()[0] for line in out.splitlines() if line.strip()}


def test_list_tells_scenarios_of_the_same_file_name_apart(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("a", "b/c"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "same.yaml").write_text(f"description: of {folder}")
    monkeypatch.setattr("linksim.cli.listing.shipped_scenarios", lambda: tmp_path)
    _, out, _ = command("list")
    lines = [line.split() for line in out.splitlines() if "/same" in line]
    assert lines == [["a/same", "of", "a"], ["b/c/same", "of", "b/c"]]


def test_validate_shows_every_problem(tiny: dict[str, Any], command: Command, tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    wrong = {"sed": 1, "snr_db": "high", "compression_ratio": 0}
    file.write_text(yaml.safe_dump(tiny | wrong))
    code, out, err = command("validate", file)
    assert (code, out) == (2, "")
    assert [line.split(": ")[2] for line in err.splitlines()] == ["sed", "snr_db", "compression_ratio"]
    code, _, err = command("run", file)
    assert (code, len(err.splitlines())) == (2, 1)
    assert err.endswith("(and 2 more)\n")
    file.write_text(yaml.safe_dump(tiny | {f"key_{i}": i for i in range(40)}))
    code, _, err = command("validate", file)
    assert (code, len(err.splitlines())) == (2, 21)
    assert err.endswith("linksim: and 20 more problems\n")
    file.write_text(yaml.safe_dump(tiny | {"sweeps": {"a": {"snr_db": ["x", 1]}, "b": {"seed": [-1]}}}))
    code, _, err = command("validate", file)
    assert [line.split(": ")[2] for line in err.splitlines()] == ["sweeps.a", "sweeps.b"]


def test_quiet_training_is_quiet(
    tiny: dict[str, Any], command: Command, scenario_file: Callable[[dict[str, Any]], Path], tmp_path: Path
) -> None:
    recipe = {"epochs": 1}
    tiny |= {"compressors": [{"name": "csinet"}], "sweeps": {}, "zoo": str(tmp_path / "zoo"), "metrics": ["nmse_db"]}
    tiny["monte_carlo"] = {"samples": 4}
    tiny["training"] |= {"network_samples": 50, "validation_samples": 20, "samples": 50, "recipe": recipe}
    result = command("run", scenario_file(tiny), "--out", tmp_path / "out", "--train", "--quiet", "--workers", "1")
    assert result == (0, "", "")


def test_scenarios_satisfy_the_schema(command: Command) -> None:
    code, out, _ = command("schema")
    assert code == 0
    validator = jsonschema.validators.validator_for(schema := json.loads(out))(schema)
    for scenario in SCENARIOS:
        problems = [error.message[:200] for error in validator.iter_errors(yaml.safe_load(scenario.read_text()))]
        assert not problems, scenario
