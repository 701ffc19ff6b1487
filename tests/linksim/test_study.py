"""``linksim study``: the train x test matrix against ordinary runs, its files, and one line for bad input."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml

from linksim.preparation.prepare import weights_file
from linksim.preparation.scheme_spec import is_trained, scheme_specs
from linksim.studies.generalisation import runs_of
from linksim.studies.model import load_study

Command = Callable[..., tuple[int, str, str]]
RunFolder = Callable[..., Path]

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "scenarios" / "studies" / "generalization.yaml"

INDOOR = {"source": "cost2100", "environment": "indoor", "n_subcarriers": 64, "n_columns": 8}
UMA = {"source": "sionna", "model": "UMa", "n_subcarriers": 64, "n_columns": 8}
BASE: dict[str, Any] = {
    "estimation": {"name": "perfect"},
    "transform": {"n_delay": 8},
    "metrics": ["nmse_db"],
    "training": {"samples": 100, "network_samples": 100, "validation_samples": 50, "budget": {"epochs": 1}},
    "monte_carlo": {"samples": 60},
}
STUDY: dict[str, Any] = {
    "study": "generalization",
    "name": "small",
    "base": BASE,
    "sources": {"indoor": INDOOR, "UMa": UMA},
    "compressors": [{"name": "topk"}, {"name": "klt"}],
    "train_on": ["indoor", "UMa", "mixed"],
    "test_on": ["indoor", "UMa"],
}


@pytest.fixture
def small() -> dict[str, Any]:
    return copy.deepcopy(STUDY)


@pytest.fixture
def study_file(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    def write(document: dict[str, Any]) -> Path:
        file = tmp_path / "study.yaml"
        file.write_text(yaml.safe_dump(document, sort_keys=False))
        return file

    return write


def recorded(file: Path, count: int) -> dict[str, Any]:
    """A file of test channels alone, as other programs make them."""
    rng = np.random.default_rng(1)
    matrices = rng.standard_normal((count, 8, 8, 2)) @ [1, 1j] * np.exp(-np.arange(8.0))[:, None]
    with h5py.File(file, "w") as written:
        written["X"] = matrices.astype(np.complex64)
        written.attrs.update({"fc": 28e9, "B": 20e6, "Nc": 64, "Nt": 8})
    return {"source": "hdf5", "file": str(file)}


@pytest.mark.validate
def test_every_pair_of_sources(
    small: dict[str, Any], study_file: Callable[[dict[str, Any]], Path], command: Command, tmp_path: Path,
    run_folder: RunFolder,
) -> None:  # fmt: skip
    small["sources"]["file"] = recorded(tmp_path / "file.h5", 40)
    small["test_on"].append("file")
    small["normalisations"] = ["per_sample", "dataset"]
    small["compressors"].append({"name": "csinet"})
    small["adaptation"] = {"from": "indoor", "to": "UMa", "samples": [0, 50], "parts": ["decoder"], "seen": 100}
    small["base"]["zoo"] = str(tmp_path / "zoo")
    arguments = ("study", study_file(small), "--out", tmp_path / "out", "--workers", "1", "--train")
    code, out, err = command(*arguments)
    assert code == 0, err
    assert "| klt | mixed | 100 |" in out
    folder = tmp_path / "out" / "small"
    content = (folder / "generalization.csv").read_bytes()
    table = pd.read_csv(folder / "generalization.csv", keep_default_na=False)
    # Two learn: 3 x 3 pairs each, and top-k once a tested source; one adapted network.
    assert len(table) == 2 * (2 * 9 + 3) + 1
    cases = {(row.trained_on, row.tested_on): row.case for row in table.itertuples() if row.compressor == "klt"}
    assert cases["indoor", "indoor"] == "same"
    assert {cases[pair] for pair in (("indoor", "UMa"), ("UMa", "file"))} == {"unseen"}
    assert (cases["mixed", "UMa"], cases["mixed", "file"]) == ("mixed", "mixed_without")
    assert set(table[table.compressor == "topk"].trained_on) == {"none"}
    assert set(table[table.tested_on == "file"].n) == {40}
    (adapted,) = table[table.adaptation_part == "decoder"].itertuples()
    assert (adapted.compressor, adapted.trained_on, adapted.tested_on) == ("csinet", "indoor", "UMa")
    assert (adapted.adaptation_samples, adapted.samples_seen) == (50, 200)
    for metric in ("heatmap_nmse_db_per_sample", "heatmap_nmse_db_dataset", "adaptation_nmse_db"):
        for kind in ("png", "pdf"):
            assert (folder / "figures" / f"{metric}.{kind}").stat().st_size > 2000
    for normalisation in small["normalisations"]:
        scenario = {**small["base"], "name": "ordinary", "channel": UMA, "compressors": small["compressors"]}
        scenario["transform"] = {"n_delay": 8, "normalisation": normalisation}
        ordinary = pd.read_csv(run_folder(scenario, out="ordinary") / "results.csv").set_index("compressor").value
        here = table[(table.tested_on == "UMa") & (table.normalisation == normalisation) & (table.case == "same")]
        assert dict(zip(here.compressor, here.value, strict=True)) == dict(ordinary.drop("topk"))
        of_topk = table[(table.tested_on == "UMa") & (table.normalisation == normalisation) & (table.case == "none")]
        # Of a scale that is not the source's own.
        assert of_topk.value.item() == pytest.approx(ordinary["topk"], abs=1e-4)
    assert command(*arguments)[0] == 0
    assert (folder / "generalization.csv").read_bytes() == content


def test_weights_of_the_shipped_study() -> None:
    runs = runs_of(load_study(SHIPPED), SHIPPED)
    # 6 tested sources, and the adapted networks.
    assert len(runs) == 7
    files = {weights_file(spec) for run in runs for spec in scheme_specs(run.scenario) if is_trained(spec)}
    # 3 networks, 5 training sources, 6 mixtures of them; adapted ones: 2 starts, 2 parts, 3 numbers of samples.
    assert len(files) == 3 * 11 + 3 * 2 * 2 * 3


def test_a_mixture_without_a_source_is_of_all_others(
    small: dict[str, Any], study_file: Callable[[dict[str, Any]], Path]
) -> None:
    cdl = {"source": "sionna", "model": "CDL-C", "n_subcarriers": 64, "n_columns": 8}
    small["sources"]["CDL"] = cdl
    small["train_on"] = ["indoor", "UMa", "CDL", "mixed", "mixed without UMa"]
    small["compressors"] = [{"name": "klt"}]
    file = study_file(small)
    of_uma = runs_of(load_study(file), file)[1]
    trained_on = {cell.trained_on: cell.case for cell in of_uma.cells.values()}
    assert trained_on == {
        "indoor": "unseen", "UMa": "same", "CDL": "unseen", "mixed": "mixed", "mixed without UMa": "mixed_without",
    }  # fmt: skip
    (section,) = (entry for entry in of_uma.scenario.compressors if entry.label == "klt on mixed without UMa")
    parts = section.model_dump(mode="json")["trained_on"]["parts"]
    assert [part["source"] for part in parts] == ["cost2100", "sionna"]
    assert parts[1]["model"] == "CDL-C"


def test_adaptation_from_several_sources(small: dict[str, Any], study_file: Callable[[dict[str, Any]], Path]) -> None:
    small["sources"]["outdoor"] = INDOOR | {"environment": "outdoor"}
    small["train_on"] = ["indoor", "UMa", "outdoor", "mixed without indoor"]
    small["compressors"] = [{"name": "csinet"}]
    small["adaptation"] = {"from": ["UMa", "mixed without indoor"], "to": "indoor", "samples": [0, 9]}
    file = study_file(small)
    adapted = runs_of(load_study(file), file)[-1].cells
    assert [(cell.trained_on, cell.adaptation_part, cell.case) for cell in adapted.values()] == [
        ("UMa", "decoder", "unseen"), ("UMa", "all", "unseen"),
        ("mixed without indoor", "decoder", "mixed_without"), ("mixed without indoor", "all", "mixed_without"),
    ]  # fmt: skip


@pytest.mark.usefixtures("without_layout")
def test_shipped_study_runs_small(command: Command, tmp_path: Path) -> None:
    code, out, err = command(
        "study", SHIPPED, "--smoke", "--out", tmp_path, "--workers", "1",
        "--set", "adaptation=null", "--set", "compressors=[{name: topk}, {name: klt}]",
        "--set", "base.transform.n_delay=4",
    )  # fmt: skip
    assert code == 0, err
    assert "### nmse_db [dB], per_sample: rows trained on, columns tested on" in out
    table = pd.read_csv(tmp_path / "generalization.smoke" / "generalization.csv")
    assert set(table.tested_on) == {"indoor", "outdoor"}


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("study", "reproduction", ["study: got 'reproduction'", "generalization"]),
        ("train_on", ["indoor", "umi"], ["train_on: got 'umi', expected one of indoor, UMa, mixed"]),
        ("train_on", ["indoor", "mixed"], ["train_on: got mixed of 1 sources, expected at least 2"]),
        (
            "train_on",
            ["indoor", "UMa", "mixed without UMa"],
            ["train_on: got mixed without UMa of 1 sources, expected"],
        ),
        (
            "train_on",
            ["indoor", "mixed without UMa"],
            ["train_on: got 'mixed without UMa', expected one of indoor, UMa"],
        ),
        ("test_on", ["mixed"], ["test_on: got 'mixed'"]),
        ("test_on", ["UMa", "UMa"], ["test_on: got 'UMa' twice"]),
        ("sources.UMa.modle", "x", ["sources.UMa.modle: unknown key, did you mean 'model'"]),
        ("sources.file", {"source": "hdf5", "file": "none.h5"}, ["none.h5"]),
        ("compressors", [{"name": "csinet2"}], ["compressors.0.name: got 'csinet2'"]),
        ("compressors", [{"name": "klt"}, {"name": "klt"}], ["compressors: got 'klt' twice"]),
        ("compressors", [{"name": "klt", "trained_on": UMA}], ["compressors: klt: trained_on: is set by the study"]),
        ("base.channel", UMA, ["base.channel: is the study's own"]),
        ("base.training.samplez", 3, ["study.yaml: base: training.samplez: unknown key"]),
        ("base.transform.normalisation", "none", ["normalisations"]),
        ("adaptation", {"from": "file", "to": "UMa"}, ["adaptation.from: got 'file', expected one of indoor, UMa"]),
        ("adaptation", {"from": "UMa", "to": "indoor", "samples": [9, 3]}, ["adaptation.samples: got [9, 3]"]),
        ("adaptation", {"from": "UMa", "to": "indoor"}, ["study.yaml: adaptation: got topk, klt, expected a network"]),
        ("normalisation", "none", ["normalisation: unknown key, did you mean 'normalisations'"]),
    ],
)
def test_bad_study_is_one_line(
    key: str, value: Any, expected: list[str], small: dict[str, Any],
    study_file: Callable[[dict[str, Any]], Path], command: Command, tmp_path: Path,
) -> None:  # fmt: skip
    if key == "sources.file":
        small["test_on"] = ["file"]
    setting = f"{key}={yaml.safe_dump(value, default_flow_style=True).splitlines()[0]}"
    code, _, err = command("study", study_file(small), "--set", setting, "--out", tmp_path / "out", "--workers", "1")
    assert (code, err.count("\n")) == (2, 1), err
    for words in expected:
        assert words in err


def test_missing_weights_say_how_to_get_them(
    small: dict[str, Any], study_file: Callable[[dict[str, Any]], Path], command: Command, tmp_path: Path
) -> None:
    small["compressors"] = [{"name": "csinet"}]
    small["base"]["zoo"] = str(tmp_path / "zoo")
    code, _, err = command("study", study_file(small), "--out", tmp_path / "out", "--workers", "1")
    assert code == 2
    assert "no trained weights for csinet on indoor at CR 4" in err
    assert "--train" in err


def test_what_a_later_run_lacks_is_told_before_the_first(
    small: dict[str, Any], study_file: Callable[[dict[str, Any]], Path], command: Command, tmp_path: Path
) -> None:
    # 8 delay rows fit the first tested source alone.
    small["sources"]["UMa"]["n_subcarriers"] = 6
    small["compressors"] = [{"name": "topk"}]
    file = study_file(small)
    for arguments in (("study", file, "--out", tmp_path / "out"), ("validate", file)):
        code, _, error = command(*arguments)
        assert code == 2
        assert error == f"linksim: {file}: transform: n_delay: got 8, expected 1 to 6 (n_subcarriers)\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "kind", "right", "wrong"),
    [
        ("studies/generalization", "study", "study", ("run", "train")),
        ("studies/table_generalization", "study", "study", ("run", "train")),
        ("train/campaign", "campaign", "train", ("run",)),
    ],
)
def test_a_file_that_the_wrong_command_gets_says_which_is_right(
    name: str, kind: str, right: str, wrong: tuple[str, ...], command: Command
) -> None:
    file = ROOT / "scenarios" / f"{name}.yaml"
    for verb in wrong:
        code, _, error = command(verb, file)
        assert code == 2
        assert error == f"linksim: {file}: is a {kind}, expected a scenario; `linksim {right}` takes it\n"
    code, out, error = command("validate", file)
    assert code == 0, error
    assert out.startswith(f"{file}: valid, ")


def test_nothing_is_adapted_to_where_it_comes_from(
    small: dict[str, Any], study_file: Callable[[dict[str, Any]], Path], command: Command
) -> None:
    small["adaptation"] = {"from": "indoor", "to": "indoor", "samples": [0, 50]}
    code, _, error = command("study", study_file(small))
    assert code == 2
    assert "adaptation.to: got 'indoor', expected another source than `from`" in error
