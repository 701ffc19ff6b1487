"""``linksim export``: files, what is said of them, and what is refused."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
import torch

from feedback.checkpoint import save_checkpoint
from feedback.neural import NeuralCompressor
from feedback.training.options import TrainingOutcome
from feedback.training.recipe import TrainingRecipe
from linksim.execution.options import ExecutionOptions
from linksim.preparation.prepare import weights_file
from linksim.preparation.scheme_spec import is_trained, scheme_specs
from linksim.scenario.file import load_scenario
from linksim.scenario.identity import weights_document
from linksim.simulation.engine import RunOptions, run

pytestmark = pytest.mark.usefixtures("operators_listed_once")
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def scenario(tiny: dict[str, Any], scenario_file: Callable[[dict[str, Any]], Path], tmp_path: Path) -> Path:
    """A scenario of two networks whose weights, drawn ones, are in its zoo."""
    tiny["compressors"] = [{"name": "klt"}, {"name": "csinet"}, {"name": "bcsinet-a2", "label": "one bit"}]
    tiny |= {"zoo": str(tmp_path / "zoo"), "sweeps": {}}
    file = scenario_file(tiny)
    for spec in scheme_specs(load_scenario(file, [])):
        if is_trained(spec):
            network = spec.build().compressor
            assert isinstance(network, NeuralCompressor)
            network.initialise(torch.Generator().manual_seed(1))
            outcome = TrainingOutcome(start_nmse_db=0, validation_nmse_db=-1, best_epoch=1, samples_seen=1)
            training = weights_document(spec.scenario)
            save_checkpoint(weights_file(spec), network, training, recipe=TrainingRecipe(), outcome=outcome, seed=1)
    return file


def test_every_format_in_the_chain(command: Command, scenario: Path, tmp_path: Path) -> None:
    out = tmp_path / "ue"
    code, printed, err = command("export", scenario, "--compressor", "one bit", "--out", out)
    assert code == 0, err
    formats = ["float", "int8", "int8-static", "packed"]
    names = [f"one-bit-cr4-{format_}.onnx" for format_ in formats]
    assert sorted(file.name for file in out.iterdir()) == sorted([*names, "one-bit-cr4.csv"])
    assert all(name in printed for name in names)
    table = pd.read_csv(out / "one-bit-cr4.csv").set_index("format")
    assert list(table.index) == ["pytorch", *formats]
    assert (table.n == 60).all()
    assert (table.latency_us > 0).all()
    # Codewords within 1e-5 of the largest value move no error by as much as 0.001 dB; 8 bits move it a little.
    for format_ in ("float", "packed"):
        assert table.codeword_difference[format_] <= 1e-5 * table.codeword_largest[format_]
        assert table.nmse_db[format_] == pytest.approx(table.nmse_db["pytorch"], abs=1e-3)
    for format_ in ("int8", "int8-static"):
        assert table.codeword_difference[format_] > 1e-5 * table.codeword_largest[format_]
        assert 0 < abs(table.nmse_db[format_] - table.nmse_db["pytorch"]) < 0.5
    # 128 x 32 weights, 32 biases, 40 numbers of a convolution and its norm; a scale where weights are bits.
    assert list(table.parameters) == [4168] * 5
    assert list(table.float_parameters) == [4168, 4168, 40, 4, 40]
    assert list(table.weight_bytes) == [16672, 16672, 16672 - 3 * 4096, 16672 - 3 * 4132, 512 + 4 * 73]
    assert [Path(file).stat().st_size for file in table.file[1:]] == list(table.file_bytes[1:])
    # PyTorch's row is the run's own result, to the digit.
    options = RunOptions(execution=ExecutionOptions(workers=1))
    folder = run(load_scenario(scenario, []), tmp_path / "runs", options)
    results = pd.read_csv(folder.path / "results.csv")
    (nmse_db,) = results[(results.compressor == "one bit") & (results.metric == "nmse_db")].value
    assert table.nmse_db["pytorch"] == nmse_db


def test_one_file(command: Command, scenario: Path, tmp_path: Path) -> None:
    file = tmp_path / "ue" / "encoder.onnx"
    code, _, err = command("export", scenario, "--compressor", "csinet", "--format", "float", "--out", file)
    assert code == 0, err
    assert sorted(path.name for path in file.parent.iterdir()) == ["encoder.csv", "encoder.onnx"]
    model = onnx.load(file)
    sizes = [value.type.tensor_type.shape.dim for value in (*model.graph.input, *model.graph.output)]
    assert [dim.dim_param or dim.dim_value for dim in sizes[0]] == ["batch", 2, 8, 8]
    assert [dim.dim_param or dim.dim_value for dim in sizes[1]] == ["batch", 32]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--compressor", "klt"],
            "--compressor: got 'klt', which has no encoder to export, expected one of csinet, one bit",
        ),
        (["--compressor", "crnet"], "--compressor: got 'crnet', expected one of csinet, one bit"),
        ([], "--compressor: got none, expected one of csinet, one bit"),
        (["--compressor", "csinet", "--format", "packed"], "format: got 'packed', expected float, int8, int8-static"),
        (["--compressor", "csinet", "--format", "int4"], "format: got 'int4', expected float, int8, int8-static"),
        (["--compressor", "csinet", "--out", "a.onnx"], "--out: got the file a.onnx for float, int8, int8-static"),
        (
            ["--compressor", "csinet", "--set", "compression_ratio=8"],
            "compressors: no trained weights for csinet at CR 8",
        ),
        (["--set", "compressors=[{name: klt}]"], "compressors: got klt, expected a network or `context` among them"),
        (
            ["--set", "compressors=[{name: etype2, enhancer: transformer}]"],
            "compressors: got etype2, expected a network or `context` among them",
        ),
    ],
)
def test_refused_in_one_line(command: Command, scenario: Path, options: list[str], message: str) -> None:
    code, out, err = command("export", scenario, *options)
    assert (code, out) == (2, "")
    assert err.removeprefix("linksim: ").removeprefix(f"{scenario}: ").startswith(message)
    assert err.count("\n") == 1


def test_says_what_to_install(command: Command, scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    code, _, err = command("export", scenario, "--compressor", "csinet")
    assert code == 2
    assert err == (
        "linksim: export: package onnxruntime is not installed, expected it: pip install 'linksim[export]'\n"
    )


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc to compile the exported sources with")
def test_the_context_codec_as_c(command: Command, tiny: dict[str, Any], scenario_file: Any, tmp_path: Path) -> None:
    """Compiled as the command says that is printed, the program gives the reports that lie beside it."""
    tiny |= {
        "compressors": [
            {"name": "klt"},
            {"name": "context", "label": "codec 90", "target_bits": 90, "only_ratios": [64]},
        ],
        "sweeps": {},
    }
    code, printed, err = command("export", scenario_file(tiny), "--out", tmp_path)
    assert code == 0, err
    folder = tmp_path / "codec-90-c"
    assert "20 test channels" in printed
    assert "compiled here: the same bits as linksim's" in printed
    *_, change, compile_, _ = printed.splitlines()
    assert change == f"cd {folder}"
    subprocess.run(compile_.split(), cwd=folder, check=True)
    channels = (folder / "channels.f32").read_bytes()
    done = subprocess.run([folder / "encode"], input=channels, capture_output=True, check=True)
    reports = (folder / "reports.txt").read_bytes()
    assert done.stdout == reports
    # 20 channels of 8 x 8 complex numbers; bits as the step of 200 others has them, on average.
    assert len(channels) == 20 * 8 * 8 * 8
    assert 60 < np.mean([len(line) for line in reports.split()]) < 130


@pytest.mark.parametrize(
    ("section", "options", "message"),
    [
        ({"payload_bits": 90}, ["--format", "float"], "format: got 'float' for context, expected c"),
        ({"payload_bits": 90}, ["--out", "a.onnx"], "--out: got the file a.onnx for context, expected a folder"),
        ({"step": 1, "memory": 1}, [], "compressors: context: memory: got 1, expected 0 to export it as C"),
    ],
)
def test_what_c_cannot_have_is_refused(
    section: dict[str, Any],
    options: list[str],
    message: str,
    command: Command,
    tiny: dict[str, Any],
    scenario_file: Any,
) -> None:
    tiny |= {"compressors": [{"name": "context", **section}], "sweeps": {}, "metrics": ["sgcs"]}
    code, out, err = command("export", scenario_file(tiny), *options)
    assert (code, out) == (2, ""), err
    assert message in err
    assert err.count("\n") == 1
