"""What is kept of a run: ranges that cover once, edits that keep what they do not touch, strangers refused."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.source import BLOCK_SIZE
from linksim.storage.partial_results import cover

Command = Callable[..., tuple[int, str, str]]
ScenarioFile = Callable[[dict[str, Any]], Path]
Run = Callable[..., Path]

counts = st.integers(0, 1000)


@given(st.lists(st.tuples(counts, counts)), st.integers(0, 10), counts, st.integers(1, 4))
def test_every_channel_is_covered_once(kept: list[tuple[int, int]], block: int, count: int, blocks: int) -> None:
    start, size = block * BLOCK_SIZE, blocks * BLOCK_SIZE
    stop = start + count
    used, missing = cover(kept, start, stop, size)
    at = start
    for first, end in sorted(used + missing):
        assert first == at < end
        # A sample is always computed in the same block, whole but for the last one.
        assert first % BLOCK_SIZE == 0
        assert end % BLOCK_SIZE == 0 or end == stop
        at = end
    assert at == stop
    assert set(used) <= set(kept)
    assert all(end - first <= size for first, end in missing)


def test_what_is_kept_is_used() -> None:
    assert cover([(0, 100), (100, 150), (200, 300)], 0, 300, 50) == ([(0, 100), (100, 150), (200, 300)], [(150, 200)])
    # 120 ends inside a block: with more channels to come its last ones would be computed in another.
    assert cover([(100, 120)], 100, 120, 50) == ([(100, 120)], [])
    assert cover([(100, 120)], 100, 130, 50) == ([], [(100, 130)])


@pytest.fixture
def run(run_folder: Run) -> Run:
    return lambda *arguments, **options: run_folder(*arguments, **options) / "results.csv"


def kept_files(folder: Path) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in folder.rglob("points/*/*.json")}


@pytest.fixture
def quick(tiny: dict[str, Any]) -> dict[str, Any]:
    return tiny | {"compressors": [{"name": "topk"}], "metrics": ["nmse_db", "bits"]}


def test_an_edited_scenario_keeps_the_points_that_it_leaves_alone(
    quick: dict[str, Any], run: Run, tmp_path: Path
) -> None:
    run(quick)
    before = kept_files(tmp_path / "out")
    # Two points of 60 channels, 50 in a task.
    assert len(before) == 4

    quick["sweeps"] = {"snr": {"snr_db": [20, 30]}}
    quick["description"] = "Another pair of SNRs."
    edited = run(quick)
    after = kept_files(tmp_path / "out")
    assert len(after) == 6
    assert before.items() <= after.items()
    assert edited.read_bytes() == run(quick, "anew").read_bytes()

    # More channels: the whole blocks stay, what follows them is measured, 50 to 100 and 100 to 110.
    quick["monte_carlo"]["samples"] = 110
    more = run(quick)
    assert len(kept_files(tmp_path / "out")) == 6 + 2 * 2
    assert more.read_bytes() == run(quick, "anew").read_bytes()


def test_partial_results_of_another_point_are_refused(
    quick: dict[str, Any], run: Run, command: Command, scenario_file: ScenarioFile, tmp_path: Path
) -> None:
    run(quick)
    first, second = sorted((tmp_path / "out" / "tiny" / "points").iterdir())
    shutil.copy(first / "0-50.json", second / "0-50.json")
    code, _, err = command("run", scenario_file(quick), "--out", tmp_path / "out", "--workers", "1")
    assert code == 2
    assert len(err.strip().splitlines()) == 1
    assert f"{second.name}/0-50.json: results of another scenario" in err
    assert "snr_db: got 20.0, expected 0.0" in err or "snr_db: got 0.0, expected 20.0" in err

    (second / "0-50.json").write_text('{"content": {')
    whole = run(quick, "whole")
    assert run(quick).read_bytes() == whole.read_bytes()


def test_partial_results_of_elsewhere_are_taken_over_or_refused(
    quick: dict[str, Any], run: Run, command: Command, scenario_file: ScenarioFile, tmp_path: Path
) -> None:
    quick["sweeps"] = {"snr": {"snr_db": [0]}}
    run(quick, "elsewhere")
    quick["sweeps"] = {"snr": {"snr_db": [0, 20]}}
    mine = run(quick, "out", tmp_path / "elsewhere" / "tiny")
    kept = kept_files(tmp_path / "out")
    assert len(kept) == 4
    assert mine.read_bytes() == run(quick, "anew").read_bytes()

    quick["transform"] = {"n_delay": 16}
    arguments = ("run", scenario_file(quick), "--out", tmp_path / "out", "--workers", "1", "--adopt")
    code, _, err = command(*arguments, tmp_path / "elsewhere" / "tiny")
    assert code == 2
    assert len(err.strip().splitlines()) == 1
    assert "0-50.json: results of another scenario: transform.n_delay: got 8, expected 16" in err
    code, _, err = command(*arguments, tmp_path / "nowhere")
    assert code == 2
    assert "--adopt" in err
    assert "nowhere" in err
