"""Compressors that learn from another channel than they are tested on, and networks adapted from few channels."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from feedback.checkpoint import load_checkpoint
from feedback.neural import NeuralCompressor
from feedback.training.validation import decibel, validation_nmse
from linksim.preparation.adaptation import unadapted
from linksim.preparation.prepare import weights_file
from linksim.preparation.prepared_point import load_schemes
from linksim.preparation.scheme_spec import SchemeSpec, scheme_specs
from linksim.scenario.file import validate_scenario
from linksim.scenario.model import Scenario
from linksim.scenario.sources import source_of
from linksim.scenario.sweep import points_of
from linksim.zoo.problems import problems

Command = Callable[..., tuple[int, str, str]]
ScenarioFile = Callable[[dict[str, Any]], Path]
RunFolder = Callable[..., Path]

INDOOR = {"source": "cost2100", "environment": "indoor", "n_subcarriers": 64, "n_columns": 8}
UMA = {"source": "sionna", "model": "UMa", "n_subcarriers": 64, "n_columns": 8}


@pytest.fixture
def crossed(tiny: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """Tested on UMa; what is trained elsewhere is trained on indoor channels."""
    tiny |= {"channel": UMA, "estimation": {"name": "perfect"}, "sweeps": {}, "zoo": str(tmp_path / "zoo")}
    tiny["metrics"] = ["nmse_db", "rho"]
    tiny["compressors"] = [{"name": "klt", "trained_on": INDOOR}]
    return tiny


def indoor_version(document: dict[str, Any]) -> Scenario:
    return validate_scenario({**document, "channel": INDOOR}, "here")


def csi_of(scenario: Scenario, split: Any, count: int) -> Tensor:
    csi = source_of(scenario).read_truncated(split, 0, count, 8)
    return csi / csi.abs().amax(dim=(1, 2), keepdim=True)


def figure(folder: Path, compressor: str, metric: str = "nmse_db") -> tuple[float, float, float]:
    table = pd.read_csv(folder / "results.csv")
    (row,) = table[(table.compressor == compressor) & (table.metric == metric)].itertuples()
    return row.value, row.ci_low, row.ci_high


def test_reports_are_of_the_channel_that_is_tested(crossed: dict[str, Any], run_folder: RunFolder) -> None:
    # What a codebook reports does not depend on the grid and array of other channels, of which it learns nothing.
    dual = {**UMA, "polarization": "dual", "n_columns": 4}
    crossed["channel"], shaped = dual, {"n_columns": 2, "n_rows": 2, "n_subcarriers": 128}
    codebook = {"name": "etype2", "param_combination": 1, "cqi": "subband"}
    crossed["compressors"] = [{**codebook, "label": "plain"}, {**codebook, "trained_on": {**dual, **shaped}}]
    crossed["metrics"] = ["sgcs", "bits"]
    crossed["sgcs"] = {"n_subbands": 4}
    folder = run_folder(crossed)
    for metric in crossed["metrics"]:
        assert figure(folder, "etype2", metric) == figure(folder, "plain", metric)
    costs = pd.read_csv(folder / "complexity.csv").set_index("compressor")
    assert costs.loc["etype2"].equals(costs.loc["plain"])


def test_klt_of_one_source_on_another(crossed: dict[str, Any], run_folder: RunFolder) -> None:
    train = csi_of(indoor_version(crossed), "train", 150).flatten(1).to(torch.complex128)
    test = csi_of(validate_scenario(crossed, "here"), "test", 60).flatten(1).to(torch.complex128)
    # 2 x 8 x 8 / 4 = 32 real values: 16 complex coefficients, of the strongest principal axes of samples of unit norm.
    train = train / train.norm(dim=1, keepdim=True)
    axes = torch.linalg.svd(train.T, full_matrices=False).U[:, :16]
    left = test - test @ axes.conj() @ axes.T
    expected = 10 * torch.log10((left.abs().square().sum(1) / test.abs().square().sum(1)).mean())
    # float32 in the chain, as far as 16th and 17th axis are apart.
    assert figure(run_folder(crossed), "klt")[0] == pytest.approx(float(expected), abs=1e-3)


def test_its_own_channel_is_the_default_digit_for_digit(crossed: dict[str, Any], run_folder: RunFolder) -> None:
    crossed["compressors"] = [
        {"name": "klt"},
        {"name": "klt", "label": "own", "trained_on": UMA},
        {"name": "klt", "label": "indoor", "trained_on": INDOOR},
    ]
    crossed["feedback"] = {"quantiser": {"name": "lloyd_max", "bits": 4}}
    folder = run_folder(crossed)
    assert figure(folder, "own") == figure(folder, "klt") != figure(folder, "indoor")


def test_scale_is_that_of_the_training_channel(crossed: dict[str, Any], run_folder: RunFolder) -> None:
    crossed["transform"]["normalisation"] = "dataset"
    crossed["compressors"].append({"name": "identity"})
    fitted = run_folder(crossed).parent / "fitted"
    (point,) = points_of(validate_scenario(crossed, "here"))
    schemes = load_schemes(point.scenario, fitted, torch.device("cpu"))
    for label, scenario in (("klt", indoor_version(crossed)), ("identity", point.scenario)):
        largest = source_of(scenario).read_truncated("train", 0, 150, 8).abs().max()
        assert schemes[label].normalisation.dataset_scale == float(largest)


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"source": "nonsense"}, "compressors: klt: trained_on.source: got 'nonsense'"),
        ({"source": "sionna", "modle": "UMa"}, "trained_on.modle: unknown key, did you mean 'model'"),
        ({"model": "UMa"}, "trained_on.source: missing"),
        (INDOOR | {"n_columns": 16}, "trained_on: got matrices of 8 x 16, expected 8 x 8"),
        (INDOOR | {"n_subcarriers": 4}, "trained_on: got matrices of 4 x 8, expected 8 x 8"),
        ({"source": "hdf5", "file": "none.h5"}, "none.h5"),
    ],
)
def test_bad_training_channel_is_one_line(
    section: dict[str, Any], expected: str, crossed: dict[str, Any], scenario_file: ScenarioFile, command: Command
) -> None:
    crossed["compressors"] = [{"name": "klt", "trained_on": section}]
    code, _, err = command("validate", scenario_file(crossed))
    assert (code, err.count("\n")) == (2, 1)
    assert expected in err


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"adaptation": {"samples": 10}}, "adaptation: got no `trained_on`"),
        ({"trained_on": INDOOR, "adaptation": {"samples": 10, "seen": 5}}, "seen: got 5, expected at least the 10"),
        ({"trained_on": INDOOR, "adaptation": {"samples": 10, "part": "encoder"}}, "got 'encoder'"),
    ],
)
def test_bad_adaptation_is_one_line(
    entry: dict[str, Any], expected: str, crossed: dict[str, Any], scenario_file: ScenarioFile, command: Command
) -> None:
    crossed["compressors"] = [{"name": "csinet", **entry}]
    code, _, err = command("validate", scenario_file(crossed))
    assert (code, err.count("\n")) == (2, 1)
    assert expected in err


def specs_of(document: dict[str, Any]) -> dict[str, SchemeSpec]:
    return {spec.label: spec for spec in scheme_specs(validate_scenario(document, "here"))}


def adapted(label: str, **how: Any) -> dict[str, Any]:
    return {"name": "csinet", "label": label, "trained_on": INDOOR, "adaptation": how}


def test_weights_are_those_of_the_training_channel(crossed: dict[str, Any]) -> None:
    entries = [{"name": "csinet", "trained_on": INDOOR}, adapted("unchanged", samples=0), adapted("ten", samples=10)]
    here = specs_of({**crossed, "compressors": entries})
    (there,) = specs_of({**crossed, "channel": INDOOR, "compressors": [{"name": "csinet"}]}).values()
    assert weights_file(here["csinet"]) == weights_file(here["unchanged"]) == weights_file(there)
    assert weights_file(unadapted(here["ten"])) == weights_file(there)
    elsewhere = specs_of({**crossed, "channel": UMA | {"los": "los"}, "compressors": entries})
    assert weights_file(elsewhere["csinet"]) == weights_file(there)
    # What they are adapted to is a part of what they are.
    assert len({weights_file(specs["ten"]) for specs in (here, elsewhere)} | {weights_file(there)}) == 3


def test_adaptation_starts_from_the_trained_network(
    crossed: dict[str, Any], scenario_file: ScenarioFile, command: Command, tmp_path: Path
) -> None:
    crossed["compressors"] = [
        adapted("decoder", samples=60, part="decoder", seen=1200),
        adapted("all", samples=60, part="all", seen=1200),
    ]
    crossed["training"] |= {"recipe": {"epochs": 3, "batch_size": 20, "learning_rate": 5e-4, "fc_rate_ratio": 1}}
    file = scenario_file(crossed)
    code, _, err = command("train", file, "--out", tmp_path / "out", "--workers", "1")
    assert code == 0, err
    specs = specs_of(crossed)
    base = unadapted(specs["all"])
    files = {name: weights_file(spec) for name, spec in {**specs, "base": base}.items()}
    assert set((tmp_path / "zoo").glob("*.safetensors")) == set(files.values())
    assert list(problems(tmp_path / "zoo", 10**7)) == []
    weights = {name: load_file(path) for name, path in files.items()}
    documents = {name: json.loads(path.with_suffix(".json").read_text()) for name, path in files.items()}
    for name, tensor in weights["base"].items():
        # Running statistics of batch norm among them.
        if name.startswith("encoder."):
            assert torch.equal(weights["decoder"][name], tensor), name
    for name, side in (("decoder", "decoder."), ("all", "encoder."), ("all", "decoder.")):
        moved = [key for key, tensor in weights["base"].items() if not torch.equal(weights[name][key], tensor)]
        assert any(key.startswith(side) for key in moved), (name, side)
    # On validation channels of the new source: 50 of them, fewer than it learns from; the network as stored.
    network = base.build().compressor
    assert isinstance(network, NeuralCompressor)
    load_checkpoint(files["base"], network)
    validation = csi_of(validate_scenario(crossed, "here"), "validation", 50)
    start_db = decibel(validation_nmse(network.encoder, network.decoder, validation))
    for name in ("decoder", "all"):
        assert documents[name]["start_nmse_db"] == pytest.approx(start_db, abs=1e-4)
        assert documents[name]["validation_nmse_db"] < start_db
        assert documents[name]["samples_seen"] == 1200
        assert documents[name]["training"]["adapted_to"]["model"] == "UMa"
        assert documents[name]["training"]["started_from"]["sha256"] == documents["base"]["sha256"]


def test_adaptation_to_fewer_channels_than_wanted(
    crossed: dict[str, Any], scenario_file: ScenarioFile, command: Command, tmp_path: Path
) -> None:
    built = tmp_path / "set.h5"
    assert command(
        "dataset", "build", "--source", "cost2100", "--set", "n_subcarriers=64", "--set", "n_columns=8", "--n-delay",
        "8", "--samples", "90", "--splits", "1,1,1", "--seed", "1", "--out", built, "--workers", "1", "--no-hf-all",
    )[0] == 0  # fmt: skip
    crossed |= {"channel": {"source": "dataset", "file": str(built)}, "compressors": [adapted("many", samples=31)]}
    code, _, err = command("train", scenario_file(crossed), "--out", tmp_path / "out", "--workers", "1")
    assert (code, err.count("linksim:")) == (2, 1)
    assert "many: adaptation.samples: got 31, expected at most the 30 train channels there are" in err
