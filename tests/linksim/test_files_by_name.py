"""Scenarios by their names, weights in the user's zoo and in the one that ships, wherever a command runs."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from feedback.errors import FeedbackInputError
from feedback.extras import EXTRAS, require_extra
from feedback.neural import NeuralCompressor
from feedback.weight_storage import StoredWeights, packed
from linksim import shipped_files, zoo_folders
from linksim.errors import InputError
from linksim.execution.options import ExecutionOptions
from linksim.preparation.networks import TrainingRun, train_scenario
from linksim.preparation.prepare import weights_file
from linksim.preparation.scheme_spec import scheme_specs
from linksim.scenario.file import load_scenario, validate_scenario
from linksim.scenario.model import Scenario
from linksim.scenario.smoke import smoke
from linksim.scenario.starter import write_starter
from linksim.shipped_files import scenario_path, shipped_scenarios, shipped_zoo

Command = Callable[..., tuple[int, str, str]]
NETWORK = {
    "name": "network",
    "channel": {"source": "cost2100", "environment": "indoor"},
    "compressors": [{"name": "acrnet-1x"}],
}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The packages as an installation has them, with the weights that ship; returns the folder of the user's data."""
    package = tmp_path / "site-packages" / "linksim"
    (package / "shipped").mkdir(parents=True)
    for name, folder in (("zoo", shipped_zoo()), ("scenarios", shipped_scenarios())):
        (package / "shipped" / name).symlink_to(folder)
    monkeypatch.setattr(shipped_files, "_PACKAGE", package)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv(zoo_folders.VARIABLE, raising=False)
    return tmp_path / "data"


def test_a_name_is_a_file_that_ships_unless_a_file_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = shipped_scenarios() / "uci.yaml"
    assert scenario_path("uci") == shipped
    # A folder of results has a scenario's name as well.
    Path("uci").mkdir()
    assert scenario_path("uci") == shipped
    assert scenario_path("studies/generalization") == shipped_scenarios() / "studies/generalization.yaml"
    Path("bits").write_text("name: mine")
    assert scenario_path("bits") == Path("bits")
    assert scenario_path("missing.yaml") == Path("missing.yaml")
    for name in ("missing", "../setup", str(tmp_path)):
        with pytest.raises(InputError, match="expected a scenario in YAML, or one that ships: bits, "):
            scenario_path(name)


@pytest.mark.parametrize("name", ["validate", "run", "train", "export", "complexity", "study"])
def test_every_command_takes_names(
    name: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = command(name, "uma_28ghz", "--set", "sed=1")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith(f"linksim: {shipped_scenarios() / 'uma_28ghz.yaml'}: ")


def test_channels_of_a_scenario_by_name(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _, _, err = command("show-channel", "cost2100_indoor", "--set", "sed=1")
    assert err.startswith(f"linksim: {shipped_scenarios() / 'cost2100_indoor.yaml'}: ")


def test_studies_are_named_with_their_folder_or_without(command: Command) -> None:
    shipped = shipped_scenarios() / "studies/generalization.yaml"
    assert {scenario_path(name, "studies") for name in ("generalization", "studies/generalization")} == {shipped}
    code, _, err = command("study", "nope")
    assert code == 2
    named = err.strip().rpartition("or one that ships: ")[2].split(", ")
    assert named == sorted(file.stem for file in shipped.parent.glob("*.yaml"))


@pytest.mark.parametrize("name", ["validate", "run", "train", "complexity"])
def test_a_wrong_axis_is_told_with_the_file(
    name: str, tiny: dict[str, Any], scenario_file: Callable[[dict[str, Any]], Path], command: Command
) -> None:
    file = scenario_file(tiny | {"sweeps": {"s": {"snr": [1, 2]}}})
    code, _, err = command(name, file)
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith(f"linksim: {file}: sweeps.s: snr: unknown key")


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("quantiser.nbits=4", "'nbits' is a key of none of them, did you mean 'bits'?"),
        ("quantiser.cells=4", "missing, expected one of entropy_coded"),
        ("predictor.order=2", "missing, expected one of ar, kalman"),
    ],
)
def test_a_section_without_a_name_is_told_by_its_keys(setting: str, expected: str, command: Command) -> None:
    _, _, err = command("validate", "cost2100_indoor", "--set", f"feedback.{setting}")
    assert f"feedback.{setting.partition('.')[0]}.name: missing" in err
    assert err.endswith(f"{expected}\n")


def spec_of(scenario: Scenario) -> Any:
    (spec,) = scheme_specs(scenario)
    return spec


def test_an_installation_finds_shipped_weights_and_keeps_new_ones_with_the_user(installed: Path) -> None:
    spec = spec_of(validate_scenario(NETWORK, "network"))
    shipped = shipped_files.shipped_zoo()
    found = weights_file(spec)
    assert found.parent == shipped
    assert found.exists()
    own = installed / "linksim" / "zoo"
    assert zoo_folders.default_zoos() == (own, shipped)
    # What the user has is preferred, and what nobody has would go there.
    own.mkdir(parents=True)
    (own / found.name).touch()
    assert weights_file(spec) == own / found.name
    other = spec_of(validate_scenario(NETWORK | {"compression_ratio": 64}, "network"))
    assert weights_file(other).parent == own


def in_full(trained: NeuralCompressor, *_: object) -> StoredWeights:
    """Weights as they are: to find out in how few bits they could be kept takes longer than a tiny training."""
    return StoredWeights(packed(trained.state(), "float32"), "float32", 0.0)


def test_training_leaves_shipped_weights_alone(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("linksim.preparation.network_training.cheapest_storage", in_full)
    scenario = smoke(validate_scenario(NETWORK, "network"), "unused")
    few = scenario.training.model_copy(update={"network_samples": 20, "validation_samples": 10})
    scenario = scenario.model_copy(update={"zoo": None, "training": few})
    file = weights_file(spec_of(scenario))
    assert file.parent == shipped_files.shipped_zoo()
    before = file.read_bytes()
    train_scenario(scenario, tmp_path / "out", TrainingRun("test", again=True), ExecutionOptions(1))
    assert file.read_bytes() == before
    assert weights_file(spec_of(scenario)) == installed / "linksim" / "zoo" / file.name


def test_linksim_zoo_comes_before_what_ships(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(zoo_folders.VARIABLE, str(tmp_path / "mine"))
    assert zoo_folders.default_zoos() == (tmp_path / "mine", shipped_zoo())
    spec = spec_of(validate_scenario(NETWORK, "network"))
    assert weights_file(spec).parent == shipped_zoo()
    # A scenario's own folder is the only one.
    alone = spec_of(validate_scenario(NETWORK | {"zoo": str(tmp_path / "alone")}, "network"))
    assert weights_file(alone).parent == tmp_path / "alone"
    code, out, _ = command("zoo", "list", "--csv")
    assert code == 0
    assert "csinet-cr4-626c21a40394" in out
    monkeypatch.setenv(zoo_folders.VARIABLE, "mine")
    code, _, err = command("zoo", "list")
    assert (code, err) == (2, "linksim: LINKSIM_ZOO: got 'mine', expected an absolute path\n")


def test_the_starter_has_every_key_and_works(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("init", "my first study.yaml")[0] == 0
    file = Path("my first study.yaml")
    text = file.read_text()
    assert load_scenario(file).name == "my_first_study"
    commented = {line.removeprefix("# ").partition(":")[0] for line in text.splitlines()}
    assert set(Scenario.model_fields) <= commented
    optional = [line.removeprefix("# ") for line in text.splitlines() if line.startswith("# ")]
    keys = [line for line in optional if line.partition(":")[0] in Scenario.model_fields]
    assert len(keys) == 8
    # The starter's channels come without path loss, and it has an SNR for all UEs.
    together = [line for line in keys if not line.startswith("link_budget")]
    validate_scenario(yaml.safe_load(text) | yaml.safe_load("\n".join(together)), "with all keys")
    code, out, err = command("validate", file)
    assert (code, err) == (0, "")
    assert out == "my first study.yaml: valid, 6 points\n"
    code, _, err = command("init", file)
    assert (code, err) == (2, f"linksim: {file}: is there already, expected the name of a new file\n")
    assert file.read_text() == text


@pytest.mark.parametrize("name", ["study", "study.txt", "no/such/folder.yaml"])
def test_no_scenario_where_none_can_be(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected (FILE\.yaml|the name of a new file)"):
        write_starter(tmp_path / name)


@pytest.mark.parametrize("extra", EXTRAS)
def test_a_missing_extra_is_one_line(extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    require_extra(extra, "a feature")
    monkeypatch.setitem(sys.modules, EXTRAS[extra][-1], None)
    with pytest.raises(FeedbackInputError) as refused:
        require_extra(extra, "a feature")
    package = EXTRAS[extra][-1]
    assert str(refused.value) == (
        f"a feature: package {package} is not installed, expected it: pip install 'linksim[{extra}]'"
    )


@pytest.mark.parametrize(
    ("extra", "arguments"),
    [
        ("train", ("train",)),
        ("cluster", ("run", "--executor", "dask", "--scheduler", "tcp://127.0.0.1:1")),
        ("export", ("export",)),
    ],
)
def test_commands_ask_for_their_extra_before_any_work(
    extra: str,
    arguments: tuple[str, ...],
    scenario_file: Callable[[dict[str, Any]], Path],
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, EXTRAS[extra][0], None)
    name, *options = arguments
    code, _, err = command(name, scenario_file(NETWORK | {"zoo": "zoo"}), *options)
    assert (code, err.count("\n")) == (2, 1)
    assert err.endswith(f"expected it: pip install 'linksim[{extra}]'\n")
