"""A scenario that exercises every stage in seconds, and a way to run the command line in this process."""

import copy
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import typer.main
import yaml

from channels.source import Split
from channels.sources.sionna.source import SionnaSource
from linksim.cli.main import app, main
from linksim.execution.options import ExecutionOptions
from linksim.report.page_parts import PageParts
from linksim.scenario.file import validate_scenario
from linksim.simulation.engine import RunOptions
from linksim.simulation.engine import run as run_scenario

TINY: dict[str, Any] = {
    "name": "tiny",
    "seed": 3,
    "channel": {"source": "sionna", "model": "UMa", "n_subcarriers": 64, "n_columns": 8},
    "snr_db": 10,
    "transform": {"n_delay": 8},
    "compressors": [{"name": "identity"}, {"name": "topk"}, {"name": "klt"}],
    "monte_carlo": {"samples": 60, "batch_size": 50},
    "training": {"samples": 150, "network_samples": 150, "validation_samples": 50},
    "sweeps": {"snr": {"snr_db": [0, 20]}},
}


@pytest.fixture
def tiny() -> dict[str, Any]:
    return copy.deepcopy(TINY)


@pytest.fixture
def scenario_file(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    def write(document: dict[str, Any]) -> Path:
        file = tmp_path / "scenario.yaml"
        file.write_text(yaml.safe_dump(document))
        return file

    return write


@pytest.fixture(scope="session", autouse=True)
def commands_made_once() -> Iterator[None]:
    """Typer makes the tree of commands for every call, which takes longer than most of the calls."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.main.get_command", cache(typer.main.get_command))
        yield


@pytest.fixture(scope="session", autouse=True)
def drops_drawn_once() -> Iterator[None]:
    """Scenarios of one seed and model have the same drops, which take half of a tiny run to draw."""
    draw, kept = SionnaSource._drawn, dict[Any, Any]()

    def drawn(source: SionnaSource, split: Split, blocks: range) -> Any:
        key = (source.parameters.model_dump_json(), source.seed, str(source.device), split, blocks)
        if key not in kept:
            kept[key] = draw(source, split, blocks)
            if len(kept) > 50:
                del kept[next(iter(kept))]
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SionnaSource, "_drawn", drawn)
        yield


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs ``linksim ARGUMENTS`` and returns exit code, standard output and standard error."""

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["linksim", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        output = capsys.readouterr()
        return code, output.out, output.err

    return call


@pytest.fixture
def run_folder(tmp_path: Path) -> Callable[..., Path]:
    """Runs a scenario without figures and report, and returns its folder."""

    def call(document: dict[str, Any], out: str = "out", adopt: Path | None = None, **execution: Any) -> Path:
        options = ExecutionOptions(**({"workers": 1} | execution))
        scenario = validate_scenario(copy.deepcopy(document), "scenario")
        return run_scenario(scenario, tmp_path / out, RunOptions(adopt=adopt, execution=options)).path

    return call


@pytest.fixture
def without_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """``linksim run`` draws nothing and writes no page, which takes longer than a tiny run."""
    monkeypatch.setattr("linksim.report.page_parts.page_parts", lambda *_: PageParts())
    monkeypatch.setattr("linksim.report.html.write_page", lambda run, _: run.folder / "report.html")


@pytest.fixture
def run(
    command: Callable[..., tuple[int, str, str]],
    scenario_file: Callable[[dict[str, Any]], Path],
    tmp_path: Path,
    without_report: None,
) -> Callable[..., pd.DataFrame]:
    """Runs ``linksim run`` on a document, with more options, and returns its table of results."""

    def call(document: dict[str, Any], *options: str) -> pd.DataFrame:
        out = tmp_path / f"out{len(list(tmp_path.glob('out*')))}"
        code, _, err = command("run", scenario_file(document), "--out", out, "--workers", "1", *options)
        assert code == 0, err
        (file,) = out.rglob("results.csv")
        return pd.read_csv(file)

    return call


@pytest.fixture(scope="session")
def made_zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zoo of two small networks, trained by the command."""
    folder = tmp_path_factory.mktemp("made zoo")
    document = TINY | {
        "compressors": [{"name": "csinet"}, {"name": "crnet"}],
        "training": {
            "samples": 150,
            "network_samples": 150,
            "validation_samples": 50,
            "recipe": {"epochs": 1},
        },
        "sweeps": {},
        "zoo": str(folder / "zoo"),
    }
    (folder / "scenario.yaml").write_text(yaml.safe_dump(document))
    app(["train", str(folder / "scenario.yaml"), "--workers", "1"], standalone_mode=False)
    return folder / "zoo"


@pytest.fixture
def zoo(made_zoo: Path, tmp_path: Path) -> Path:
    """A copy, to be damaged."""
    folder = tmp_path / "zoo"
    folder.mkdir()
    for file in made_zoo.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder
