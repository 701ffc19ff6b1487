"""Unfinished builds: what is continued, what is made again, what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from made_up_dataset import made_up_arrays, made_up_plan, write_dataset

from channels.dataset.manifest import DatasetPlan
from channels.dataset.writer import Shard, StagingFolder, discard, staging_path, write_shard
from channels.errors import ChannelInputError

TRAIN = Shard("train", 0, 4)


@pytest.fixture
def plan() -> DatasetPlan:
    return made_up_plan()


@pytest.fixture
def output(tmp_path) -> Path:
    return tmp_path / "set.h5"


def begin(output: Path, plan: DatasetPlan) -> StagingFolder:
    """An unfinished build with one finished shard."""
    staging = StagingFolder(output, plan)
    with staging.opened():
        values = made_up_arrays(plan)["train"][TRAIN.start : TRAIN.stop]
        staging.record(TRAIN, write_shard(staging.path, TRAIN, values))
    return staging


def finished(output: Path, plan: DatasetPlan) -> set[str]:
    staging = StagingFolder(output, plan)
    with staging.opened():
        return set(staging.finished())


def test_a_finished_shard_counts(output, plan):
    begin(output, plan)
    assert finished(output, plan) == {"train-0-4.npy"}


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", b"not an array"])
def test_a_damaged_shard_is_made_again(output, plan, damage):
    staging = begin(output, plan)
    (staging.path / TRAIN.file_name).write_bytes(damage)
    assert finished(output, plan) == set()


def test_a_changed_shard_is_made_again(output, plan):
    staging = begin(output, plan)
    content = bytearray((staging.path / TRAIN.file_name).read_bytes())
    content[-1] ^= 1
    (staging.path / TRAIN.file_name).write_bytes(content)
    assert finished(output, plan) == set()


def test_a_shard_of_pickled_objects_is_not_loaded(output, plan):
    staging = begin(output, plan)
    np.save(staging.path / TRAIN.file_name, np.array([{}], dtype=object), allow_pickle=True)
    assert finished(output, plan) == set()


@pytest.mark.parametrize("kept", [0, 1, 5, 20, -1, -2])
def test_a_journal_that_was_cut_short(output, plan, kept):
    staging = begin(output, plan)
    journal = staging.path / "journal.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole[:kept])
    assert finished(output, plan) <= {TRAIN.file_name}
    second = Shard("train", 4, 7)
    with staging.opened():
        staging.record(second, write_shard(staging.path, second, made_up_arrays(plan)["train"][4:7]))
    # The line after the broken one counts.
    assert second.file_name in finished(output, plan)


def test_a_journal_names_no_files_elsewhere(output, plan, tmp_path):
    staging = begin(output, plan)
    with (staging.path / "journal.jsonl").open("a") as journal:
        journal.write("\n" + json.dumps({"file": "../../etc/passwd", "sha256": "0"}) + '\n[1]\n"x"\nnull')
    assert finished(output, plan) == {TRAIN.file_name}


def test_other_parameters_are_refused_and_shown(output, plan):
    begin(output, plan)
    other = made_up_plan(seed=8, parameters={"source": "cost2100", "environment": "outdoor"})
    with pytest.raises(ChannelInputError, match="begun with other parameters") as caught:
        finished(output, other)
    assert "parameters.environment: got 'outdoor', expected 'indoor'" in str(caught.value)
    assert "seed: got 8, expected 7" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_starting_anew_forgets_what_there_was(output, plan):
    begin(output, plan)
    staging = StagingFolder(output, made_up_plan(seed=8))
    with staging.opened(anew=True):
        assert staging.finished() == {}
    assert not (staging.path / TRAIN.file_name).exists()


def test_one_build_at_a_time(output, plan):
    with (
        StagingFolder(output, plan).opened(),
        pytest.raises(ChannelInputError, match="in use, expected one build of"),
        StagingFolder(output, plan).opened(),
    ):
        pass


def test_a_folder_of_something_else_is_left_alone(output, plan):
    folder = staging_path(output)
    folder.mkdir()
    (folder / "thesis.tex").write_text("x")
    with pytest.raises(ChannelInputError, match=r"without plan\.json"), StagingFolder(output, plan).opened(anew=True):
        pass
    discard(folder)
    assert (folder / "thesis.tex").exists()


def test_a_shard_that_changes_under_way_is_refused(output, plan):
    staging = begin(output, plan)
    with staging.opened(), pytest.raises(ChannelInputError, match="changed since it was written"):
        staging.assemble([TRAIN], {TRAIN.file_name: "0" * 64})
    assert not output.exists()


def test_nothing_but_the_file_remains(output, plan):
    write_dataset(output, plan, made_up_arrays(plan))
    assert [path.name for path in output.parent.iterdir()] == [output.name]


def test_nan_is_refused_before_it_is_written(tmp_path, plan):
    values = made_up_arrays(plan)["train"][:4]
    values[2, 1, 1] = np.nan
    with pytest.raises(ChannelInputError, match="train: got NaN or infinity in sample 2, expected"):
        write_shard(tmp_path, TRAIN, values)
    assert list(tmp_path.iterdir()) == []
