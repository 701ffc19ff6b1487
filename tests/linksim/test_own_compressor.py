"""A network in the user's own file, from the command line: trained, kept, swept, counted, checked."""

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from feedback.checkpoint_info import read_info
from feedback.training_set import TrainingSet
from linksim.execution.options import ExecutionOptions
from linksim.preparation.scheme_spec import scheme_specs
from linksim.scenario.file import load_scenario
from linksim.scenario.true_channels import truncated_channels
from linksim.simulation.engine import RunOptions, run
from linksim.zoo.entries import read_zoo
from tests.feedback.own_file import FIRST_VALUES

Command = Callable[..., tuple[int, str, str]]
ScenarioFile = Callable[[dict[str, Any]], Path]

EXAMPLE = Path(__file__).resolve().parents[2] / "scenarios/plugins/shallow_net.py"


@pytest.fixture
def own(tiny: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """A scenario with the example's network twice; its file lies beside the scenario."""
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets/my_net.py").write_text(EXAMPLE.read_text())
    net = {"plugin": "nets/my_net.py:ShallowNet"}
    return tiny | {
        "compressors": [{"name": "topk"}, net, net | {"label": "wide", "width": 16}],
        "training": {**tiny["training"], "recipe": {"epochs": 1}},
        "sweeps": {"ratio": {"compression_ratio": [4, 8]}},
        "zoo": str(tmp_path / "zoo"),
    }


def test_what_fails_on_some_channels_is_one_line_and_nothing_is_lost(
    tiny: dict[str, Any], scenario_file: ScenarioFile, command: Command, tmp_path: Path
) -> None:
    """A plug-in that takes the first channels, but not the ten that are left for the third block."""
    text = FIRST_VALUES.replace("        return Codeword", "        1 / (len(csi) - 10)\n        return Codeword")
    (tmp_path / "own.py").write_text(text)
    tiny |= {"compressors": [{"plugin": "own.py:FirstValues"}], "sweeps": {}}
    tiny |= {"monte_carlo": {"samples": 110, "batch_size": 50}}
    code, _, err = command("run", scenario_file(tiny), "--out", tmp_path / "out", "--workers", "1")
    assert code == 2
    line = err.splitlines()[-1]
    assert f"{tmp_path / 'own.py'}, line " in line
    assert "got ZeroDivisionError: division by zero on test channels 100 to 109" in line
    assert list((tmp_path / "out").rglob("0-*.json"))


@pytest.mark.validate
def test_from_training_to_results(
    own: dict[str, Any],
    scenario_file: ScenarioFile,
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = scenario_file(own)
    # The plug-in is found from the scenario's folder, whatever folder the command runs in.
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    code, _, err = command("train", file, "--workers", "2")
    assert code == 0, err
    assert "ShallowNet at CR 8" in err
    weights = sorted((tmp_path / "zoo").glob("*.safetensors"))
    assert [weight.name.rpartition("-")[0] for weight in weights] == ["shallow_net-cr4"] * 2 + ["shallow_net-cr8"] * 2
    assert read_info(weights[0]).compressor["code"].startswith("ShallowNet ")
    options = RunOptions(execution=ExecutionOptions(workers=1))
    folder = run(load_scenario(file), tmp_path / "out", options).path
    found = pd.read_csv(folder / "results.csv")
    assert set(found["compressor"]) == {"none", "topk", "ShallowNet", "wide"}
    nmse = found[found["metric"] == "nmse_db"].pivot_table(
        index="compressor", columns="compression_ratio", values="value"
    )
    assert nmse.loc["ShallowNet", 4] != nmse.loc["wide", 4]
    assert command("validate", folder / "scenario.yaml")[0] == 0

    net = tmp_path / "nets/my_net.py"
    net.write_text(net.read_text().replace("return image + path", "return image - path"))
    code, _, err = command("run", file, "--out", tmp_path / "out", "--workers", "1")
    assert code == 2
    assert "no trained weights for ShallowNet at CR 4, wide at CR 4" in err
    code, _, err = command("validate", folder / "scenario.yaml")
    assert code == 2
    # One line for each of the two networks that are in this file.
    assert all("my_net.py has changed" in line for line in err.splitlines())
    assert len(err.splitlines()) == 2


def test_complexity(own: dict[str, Any], scenario_file: ScenarioFile, command: Command) -> None:
    code, out, err = command("complexity", scenario_file(own), "--csv")
    assert (code, err) == (0, "")
    table = pd.read_csv(io.StringIO(out)).set_index(["compressor", "compression_ratio"])
    # 2 x 8 x 8 values to 32: FC; FC and 3x3 convolutions of 2 to w, w to w and w to 2 channels at 64 places.
    assert table.loc[("ShallowNet", 4), "ue_macs"] == 128 * 32
    assert table.loc[("ShallowNet", 4), "bs_macs"] == 128 * 32 + 64 * 9 * (2 * 2 * 8 + 8 * 8)
    assert table.loc[("wide", 8), "bs_macs"] == 128 * 16 + 64 * 9 * (2 * 2 * 16 + 16 * 16)


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ({"widht": 3}, ["compressors.1.widht", "unknown key", "did you mean 'width'?"]),
        ({"width": 0}, ["compressors.1.width", "got 0", "feature maps of the residual block"]),
        ({"plugin": "nets/none.py:ShallowNet"}, ["compressors.1", "nets/none.py", "No such file", "expected FILE.py"]),
        ({"plugin": "nets/my_net.py:DeepNet"}, ["compressors.1", "got nothing as DeepNet", "expected a subclass"]),
        ({"plugin": 3}, ["compressors.1.plugin", "got 3", "expected a text"]),
        ({"name": "klt"}, ["compressors.1", "got the name 'klt' beside plugin", "label"]),
        ({"label": "topk"}, ["compressors", "'topk' twice"]),
        ({"compression_ratio": 5}, ["compressors", "ShallowNet", "compression_ratio: got 5"]),
    ],
)
def test_bad_sections(
    own: dict[str, Any], given: dict[str, Any], parts: list[str], scenario_file: ScenarioFile, command: Command
) -> None:
    own["compressors"][1] = own["compressors"][1] | given
    code, _, err = command("validate", scenario_file(own))
    assert code == 2
    assert len(err.splitlines()) == 1
    for part in parts:
        assert part in err


def test_check_plugin(command: Command, tmp_path: Path) -> None:
    code, out, err = command("check-plugin", f"{EXAMPLE}:ShallowNet", "--set", "width=4")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[-1].endswith("21 of 21 checks passed")
    assert all(line.startswith("pass  ") for line in lines[:-1])

    faulty = tmp_path / "faulty.py"
    faulty.write_text(EXAMPLE.read_text().replace("return image + path", "return image - image.mean(0)"))
    code, out, err = command("check-plugin", f"{faulty}:ShallowNet")
    assert (code, err) == (2, "")
    failed = [line for line in out.splitlines() if line.startswith("FAIL  ")]
    assert any("Rows of a batch do not influence each other" in line and "row 0 alone" in line for line in failed)
    assert any("gradient reaches every parameter" in line and "decoder.refinement" in line for line in failed)
    assert len(failed) < 17


def test_wrong_codeword_length_is_found_by_validate_and_told_once(
    own: dict[str, Any], scenario_file: ScenarioFile, command: Command, tmp_path: Path
) -> None:
    net = tmp_path / "nets/my_net.py"
    net.write_text(net.read_text().replace("return nn.Identity()", "return nn.Conv2d(2, 3, 1)"))
    line = f"{net}, line 26, in build_features: encode: got RuntimeError: "
    for arguments in (("validate",), ("train", "--workers", "1"), ("run", "--workers", "1", "--out", tmp_path / "out")):
        code, _, err = command(arguments[0], scenario_file(own), *arguments[1:])
        assert (code, len(err.splitlines())) == (2, 1)
        assert f"compressors: ShallowNet: plugin: {line}" in err
    code, out, err = command("check-plugin", f"{net}:ShallowNet")
    assert (code, err) == (2, "")
    assert out.count("RuntimeError") == 1
    assert out.splitlines()[0].startswith("FAIL  Codewords [batch, length] of float32")
    assert line in out.splitlines()[0]
    assert out.splitlines()[1].endswith("the other 20 checks need that first")


def test_the_example_starts_at_the_klt_and_ends_no_worse(
    own: dict[str, Any], scenario_file: ScenarioFile, command: Command, tmp_path: Path
) -> None:
    own["compressors"] = [{"name": "klt"}, {"plugin": "nets/my_net.py:ShallowNet"}]
    own["training"] = {"network_samples": 300, "validation_samples": 300, "recipe": {"epochs": 2, "batch_size": 50}}
    own |= {"sweeps": {}, "metrics": ["nmse_db"]}
    own["channel"] = {"source": "cost2100", "environment": "indoor", "n_subcarriers": 64, "n_columns": 8}
    file = scenario_file(own)
    code, _, err = command("train", file, "--workers", "1")
    assert code == 0, err
    (entry,) = read_zoo(tmp_path / "zoo")
    spec, *_ = scheme_specs(load_scenario(file))
    scenario = spec.scenario
    csi = {split: torch.from_numpy(truncated_channels(scenario, split, 0, 300)) for split in ("train", "validation")}
    csi = {split: part / part.abs().amax(dim=(1, 2), keepdim=True) for split, part in csi.items()}
    klt = spec.build().compressor
    klt.fit(TrainingSet(csi["train"], csi["validation"]), torch.Generator())
    error = csi["validation"] - klt.decode(klt.encode(csi["validation"]))
    power = csi["validation"].abs().square().sum(dim=(1, 2))
    expected = 10 * math.log10(float((error.abs().square().sum(dim=(1, 2)) / power).mean()))
    # The same matrices in float32, through images in [0, 1] whose entries are 50 times their deviations: 1e-5 relative.
    assert entry.info.start_nmse_db == pytest.approx(expected, abs=1e-3)
    assert entry.info.validation_nmse_db <= entry.info.start_nmse_db


def test_check_plugin_refuses_bad_parameters(command: Command) -> None:
    for setting, parts in (("widht=4", ["unknown key", "'width'"]), ("width=wide", ["width: got 'wide'", "integer"])):
        code, _, err = command("check-plugin", f"{EXAMPLE}:ShallowNet", "--set", setting)
        assert code == 2
        assert len(err.splitlines()) == 1
        assert all(part in err for part in parts)
    code, _, err = command("check-plugin", "shallow_net.py")
    assert (code, err) == (2, "linksim: plugin: got 'shallow_net.py', expected FILE.py:CLASS\n")
