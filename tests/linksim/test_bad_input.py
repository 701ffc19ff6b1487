"""Bad scenarios, options and files: one clear line on standard error, exit code 2, no traceback."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from linksim.scenario.file import set_key

Command = Callable[..., tuple[int, str, str]]
ScenarioFile = Callable[[dict[str, Any]], Path]

# Key, bad value, and what the line must say.
BAD_VALUES = [
    ("chanel", {}, ["chanel", "did you mean 'channel'"]),
    ("channel.bandwith_hz", 20e6, ["channel.bandwith_hz", "did you mean 'bandwidth_hz'"]),
    ("channel.carrier_hz", "28 GHz", ["channel.carrier_hz", "28 GHz", "number"]),
    ("channel.carrier_hz", 28, ["channel.carrier_hz", "28", "500000000"]),
    ("channel.bandwidth_hz", -20e6, ["channel.bandwidth_hz", "-20000000", "greater than 0"]),
    ("channel.n_subcarriers", 12.5, ["channel.n_subcarriers", "12.5", "integer"]),
    ("channel.model", "UMx", ["channel.model", "UMx", "UMa"]),
    ("channel.model", "InF-HH", ["los", "nlos", "line of sight"]),
    ("channel.source", "winner", ["channel.source", "winner", "sionna"]),
    ("channel.spec_version", "17.0", ["channel.spec_version", "17.0", "16.1"]),
    ("channel", {"model": "UMa"}, ["channel.source", "missing"]),
    ("channel", None, ["channel", "None"]),
    ("seed", -1, ["seed", "-1"]),
    ("snr_db", ".nan", ["snr_db", "number"]),
    ("snr_db", float("nan"), ["snr_db", "finite"]),
    ("compressors", [], ["compressors", "at least 1"]),
    ("compressors", [{"name": "csinet2"}], ["compressors.0.name", "csinet2", "csinet"]),
    ("compressors", [{"name": "topk"}, {"name": "topk"}], ["compressors", "topk", "twice"]),
    ("compressors", [{"name": "topk", "compression_ratio": 7}], ["compression_ratio", "7", "128"]),
    ("compressors", [{"name": "topk", "payload_bits": 10}], ["compressors: topk: payload_bits: got 10", "at least 15"]),
    ("compressors", [{"name": "context", "target_bits": 5}], ["compressors: context: target_bits: got 5", "at least"]),
    ("compression_ratio", 0, ["compression_ratio", "greater than or equal to 0.01"]),
    ("sweeps", {"cr": {"compression_ratio": []}}, ["sweeps.cr.compression_ratio", "at least 1"]),
    ("transform.n_delay", 65, ["n_delay", "65", "64"]),
    ("transform.normalisation", "minmax", ["transform.normalisation", "minmax", "per_sample"]),
    ("transform.scale_bits", 20, ["scale_bits", "20", "32"]),
    ("estimation", {"name": "mmse"}, ["estimation.name", "mmse", "ls"]),
    ("estimation", {"name": "ls", "n_pilots": 4}, ["n_pilots", "4", "8"]),
    ("feedback.link", {"name": "awgn"}, ["feedback.link.snr_db", "missing"]),
    (
        "feedback",
        {"link": {"name": "awgn", "snr_db": 10}, "quantiser": {"name": "uniform", "bits": 4}},
        ["awgn", "uniform"],
    ),
    ("feedback.link", {"name": "bsc", "flip_rate": 0.01}, ["bsc", "'none'", "real values", "expected level numbers"]),
    (
        "feedback",
        {"denoiser": {"name": "wiener"}, "quantiser": {"name": "uniform", "bits": 4}},
        ["wiener", "uniform", "expected real values"],
    ),
    ("feedback.denoiser", {"name": "kalman"}, ["feedback.denoiser.name", "kalman", "wiener"]),
    ("feedback.quantiser", {"name": "lloyd_max", "bits": 11}, ["feedback.quantiser.bits", "11", "10"]),
    ("feedback.quantiser", {"name": "mu_law", "bits": 4, "mu": 0}, ["feedback.quantiser.mu", "0"]),
    ("metrics", ["nmse"], ["metrics", "nmse", "nmse_db"]),
    ("monte_carlo.samples", 0, ["monte_carlo.samples", "0"]),
    ("monte_carlo.stop", {"half_width": 0}, ["monte_carlo.stop.half_width", "0"]),
    ("monte_carlo.stop", {"half_width": 1, "metrik": "rho"}, ["stop.metrik", "did you mean 'metric'"]),
    ("monte_carlo.stop", {"half_width": 1}, ["minimum_samples", "200", "60"]),
    (
        "monte_carlo.stop",
        {"half_width": 1, "minimum_samples": 10, "metric": "nmse"},
        ["monte_carlo.stop.metric", "'nmse'", "nmse_db"],
    ),
    ("name", "../escape", ["name", "../escape"]),
    ("sweeps", {"snr": {"snr_db": ["high"]}}, ["sweeps.snr", "snr_db", "high"]),
    ("sweeps", {"x": {"channel.colour": [1]}}, ["sweeps.x", "colour"]),
    ("sweeps", {"x": {"snr_db": [[0, 10]]}}, ["sweeps.x.snr_db", "[0", "expected single values"]),
    ("sweeps", {"x": {"snr_db, compression_ratio": [4]}}, ["sweeps.x.snr_db, compression_ratio", "list of 2 values"]),
    ("feedback.denoiser", {"name": "dnnnet", "snr_db": [40, -5]}, ["feedback.denoiser", "lower bound first"]),
    ("feedback.denoiser", {"name": "dnnnet", "width": 0}, ["feedback.denoiser.width", "0"]),
    ("sweeps", {"x": {"compression_ratio": [4, 5]}}, ["compression_ratio", "5"]),
    ("device", "tpu", ["device", "tpu", "cpu"]),
]


def assert_one_line(result: tuple[int, str, str], *parts: str) -> None:
    code, out, err = result
    assert code == 2, err
    assert "Traceback" not in err + out
    assert len(err.strip().splitlines()) == 1, err
    for part in parts:
        assert part in err


@pytest.mark.parametrize(("key", "value", "parts"), BAD_VALUES, ids=lambda value: str(value)[:40])
def test_bad_value(
    key: str,
    value: Any,
    parts: list[str],
    tiny: dict[str, Any],
    scenario_file: ScenarioFile,
    command: Command,
    tmp_path: Path,
) -> None:
    set_key(tiny, key, value)
    file = scenario_file(tiny)
    assert_one_line(command("validate", file), *parts)
    assert_one_line(command("run", file, "--out", tmp_path / "out"), *parts)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"name: [unclosed", "line"),
        (b"- a\n- b\n", "got a list, expected a mapping"),
        (b"", "got nothing, expected a mapping"),
        (b"text", "got a single value, expected a mapping"),
        (b"name: a\nname: b\n", "twice"),
        (b"\xff\xfe\x00binary", "UTF-8"),
        (b"!!python/object/apply:os.system ['true']", "the tag '!!python/object/apply:os.system'"),
    ],
)
def test_bad_file(content: bytes, part: str, tmp_path: Path, command: Command) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_bytes(content)
    assert_one_line(command("validate", file), str(file), part)


def test_bad_options(
    tiny: dict[str, Any],
    scenario_file: ScenarioFile,
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("linksim.execution.dask_executor._CONNECT_S", 0.5)
    file = scenario_file(tiny)
    assert_one_line(command("run", tmp_path / "absent.yaml"), "absent.yaml", "no such file")
    assert_one_line(command("run", tmp_path), str(tmp_path))
    assert_one_line(command("run", file, "--set", "seed"), "--set", "seed")
    assert_one_line(command("run", file, "--set", "name.first=1"), "name.first", "tiny")
    assert_one_line(command("run", file, "--set", "compressors.9.name=klt"), "compressors.9", "0 to 2")
    assert_one_line(command("run", file, "--colour"), "--colour")
    assert_one_line(command("run", file, "--workers", "0"), "--workers", "1")
    assert_one_line(command("run", file, "--executor", "slurm"), "--executor", "slurm", "dask")
    assert_one_line(command("run", file, "--executor", "dask"), "--scheduler", "missing", "tcp://")
    assert_one_line(command("run", file, "--scheduler", "tcp://a:1"), "--scheduler", "--executor local")
    dask = ("run", file, "--executor", "dask", "--scheduler")
    assert_one_line(command(*dask, "tcp://a:1", "--workers", "2"), "--workers", "--executor dask")
    assert_one_line(command(*dask, "no address"), "--scheduler", "'no address'", "no scheduler answers")
    assert_one_line(command("run", file, "--log", tmp_path), "--log", str(tmp_path))
    assert_one_line(command("show", tmp_path / "nothing"), "results.csv")
    assert_one_line(command("plot", tmp_path / "nothing"), "results.csv")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("transform.n_delay=60000", "transform: n_delay: got 60000, expected 1 to "),
        ("estimation={name: ls, n_pilots: 1}", "estimation: n_pilots: got 1, expected at least "),
    ],
)
def test_front_ends_are_refused_with_their_section(setting: str, message: str, command: Command) -> None:
    code, _, err = command("validate", "cost2100_indoor", "--set", setting)
    assert (code, err.count("\n")) == (2, 1)
    assert f": {message}" in err


@pytest.mark.usefixtures("without_report")
def test_metrics_without_any_value(
    tiny: dict[str, Any], scenario_file: ScenarioFile, command: Command, tmp_path: Path
) -> None:
    """Values that are not quantised have no bits."""
    tiny |= {"compressors": [{"name": "topk"}], "metrics": ["bits"], "sweeps": {}, "feedback": {}}
    code, _, err = command("run", scenario_file(tiny), "--out", tmp_path / "out", "--workers", "1")
    assert code == 2
    assert err.splitlines()[-1].endswith(
        "metrics: got bits, of which no compressor here has a value, expected one that has"
    )
    assert not list((tmp_path / "out").rglob("results.csv"))


def test_out_is_a_file(tiny: dict[str, Any], scenario_file: ScenarioFile, command: Command, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way")
    assert_one_line(
        command("run", scenario_file(tiny), "--out", tmp_path / "out"), "--out", "expected a writable folder"
    )


def test_missing_weights_say_how_to_train(
    tiny: dict[str, Any], scenario_file: ScenarioFile, command: Command, tmp_path: Path
) -> None:
    tiny |= {"compressors": [{"name": "csinet"}], "zoo": str(tmp_path / "zoo")}
    result = command("run", scenario_file(tiny), "--out", tmp_path / "out")
    assert_one_line(result, "csinet", "CR 4", "linksim train", "--train")


@pytest.mark.parametrize(
    ("key", "value"),
    [("sweeps", {"s": {"snr_db": [1, 1]}}), ("sweeps", {"s": {"snr_dB": [1]}}), ("sgcs", {"n_subbands": 2000})],
)
def test_validate_names_the_file_of_what_it_finds_in_the_points(
    tiny: dict[str, Any], scenario_file: ScenarioFile, command: Command, key: str, value: Any
) -> None:
    tiny[key] = value
    file = scenario_file(tiny)
    assert_one_line(command("validate", file), f"linksim: {file}: {key}")


def test_misspelt_key_comes_before_what_it_leaves_missing(
    tiny: dict[str, Any], scenario_file: ScenarioFile, command: Command
) -> None:
    tiny["compresors"] = tiny.pop("compressors")
    assert_one_line(command("validate", scenario_file(tiny)), "compresors", "did you mean 'compressors'")


@pytest.mark.parametrize("subcommand", ["validate", "train"])
@pytest.mark.parametrize("teacher", ["crnt", "klt"])
def test_teacher_that_is_no_network(
    teacher: str, subcommand: str, tiny: dict[str, Any], scenario_file: ScenarioFile, command: Command, tmp_path: Path
) -> None:
    distillation = {"method": "kd", "teacher": {"name": teacher}}
    tiny |= {"compressors": [{"name": "csinet", "distillation": distillation}], "zoo": str(tmp_path / "zoo")}
    result = command(subcommand, scenario_file(tiny))
    assert_one_line(result, "compressors: csinet: distillation.teacher", repr(teacher))
    assert "registered" not in result[2]


def test_a_teacher_without_weights_is_told_before_anything_is_trained(
    tiny: dict[str, Any], scenario_file: ScenarioFile, command: Command, tmp_path: Path
) -> None:
    student = {"name": "csinet", "distillation": {"method": "kd", "teacher": {"name": "crnet"}}}
    tiny |= {"compressors": [{"name": "csinet+"}, student], "zoo": str(tmp_path / "zoo"), "sweeps": {}}
    result = command("train", scenario_file(tiny), "--out", tmp_path / "out", "--workers", "1")
    assert_one_line(result, "compressors: csinet: distillation.teacher: no weights in", "list the teacher")
    assert not list((tmp_path / "zoo").glob("*"))


@pytest.mark.usefixtures("without_report")
def test_full_disk_keeps_finished_points(
    tiny: dict[str, Any],
    scenario_file: ScenarioFile,
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import linksim.storage.partial_results as partial_results

    save_document, writes = partial_results.save_document, []

    def fills_up(path: Path, document: dict[str, Any]) -> None:
        writes.append(path)
        if len(writes) == 4:
            raise OSError(28, "No space left on device", str(path))
        save_document(path, document)

    monkeypatch.setattr(partial_results, "save_document", fills_up)
    arguments = ("run", scenario_file(tiny), "--out", tmp_path / "out", "--workers", "1")
    assert_one_line(command(*arguments, "--quiet"), "No space left on device")
    assert len(list((tmp_path / "out").rglob("points/*/*.json"))) == 3
    monkeypatch.setattr(partial_results, "save_document", save_document)
    code, _, err = command(*arguments)
    assert code == 0
    assert "1 of 2 points were finished before" in err
    assert "50 test channels of unfinished points were measured before" in err
