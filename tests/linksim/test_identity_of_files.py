"""Files in content keys: by what they hold and not by their names, which count from the scenario's folder."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from channels.source import SOURCES
from linksim.scenario.file import validate_scenario
from linksim.scenario.identity import (
    Key,
)
from linksim.scenario.paths import resolve_paths
from tests.linksim.test_identity import FULL, keys, moved

# Keys that some sources that read files want beside their names.
REQUIRED: dict[str, Any] = {"carrier_hz": 3.5e9, "bandwidth_hz": 20e6}


def file_sections(folder: Path) -> dict[str, dict[str, Any]]:
    """A section of every source that reads files, each file or folder made under the name of its key."""
    sections = {}
    for source in map(str, SOURCES.keys()):
        model = SOURCES.get_class(source).Parameters
        named = [key for key in model.model_fields if model.names_file(key, "some/file.yaml")]
        fields = model.model_fields
        section: dict[str, Any] = {"source": source, **{key: value for key, value in REQUIRED.items() if key in fields}}
        for key in named:
            target = folder / source / key
            target.parent.mkdir(exist_ok=True)
            if key == "folder":
                target.mkdir()
                target = target / "params.json"
            target.write_bytes(b"first")
            section[key] = str(folder / source / key)
        if named:
            sections[source] = section
    parts = [sections["hdf5"], sections["mat"]]
    return sections | {"mixture": {"source": "mixture", "parts": parts}}


INPUTS = Key.RESULT | Key.FIT | Key.CHANNEL_FIT | Key.ESTIMATOR_FIT | Key.TRAINING_SET | Key.WEIGHTS | Key.CHANNELS


@pytest.mark.parametrize("source", [*sorted(set(map(str, SOURCES.keys())) - {"sionna"})])
def test_files_count_by_what_they_hold(source: str, tmp_path: Path) -> None:
    section = file_sections(tmp_path)[source]
    full = validate_scenario(FULL | {"channel": section}, "full")
    before = keys(full)
    for file in sorted(
        path
        for path in tmp_path.rglob("*")
        if path.is_file() and (source in path.parts or (source == "mixture" and "hdf5" in path.parts))
    ):
        file.write_bytes(b"other")
        after = keys(full)
        together = Key.NONE
        for key, value in after.items():
            together |= key if value != before[key] else Key.NONE
        assert together == INPUTS, file
        file.write_bytes(b"first")
    assert keys(full) == before
    # Elsewhere, the same files are the same channels.
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    copied = validate_scenario(FULL | {"channel": file_sections(elsewhere)[source]}, "full")
    assert moved(full, copied) == Key.RUN | Key.POINT


def test_a_compressors_own_channel_counts_by_content(tmp_path: Path) -> None:
    section = file_sections(tmp_path)["hdf5"]
    document = FULL | {"compressors": [{"name": "csinet", "trained_on": section}]}
    full = validate_scenario(copy.deepcopy(document), "full")
    before = keys(full)
    (tmp_path / "hdf5" / "file").write_bytes(b"other")
    after = keys(full)
    assert {key for key in before if before[key] != after[key]} == set(INPUTS) - {Key.CHANNELS, Key.ESTIMATOR_FIT}


def test_names_count_from_the_scenario_file(tmp_path: Path) -> None:
    document: dict[str, Any] = {
        "channel": {
            "source": "mixture",
            "parts": [{"source": "hdf5", "file": "a.h5"}, {"source": "deepmimo", "folder": "d"}],
        },
        "zoo": "../zoo",
        "compressors": [
            {"plugin": "nets/mine.py:Mine"},
            {"name": "csinet", "trained_on": {"source": "mat", "test_file": "/abs/t.mat"}},
            {"name": "csinet", "distillation": {"teacher": {"plugin": "nets/mine.py:Mine"}}},
        ],
        "sweeps": {
            "a": {"channel.file": ["b.h5", "c.h5"], "snr_db": [0]},
            "b": {"channel": [{"source": "hdf5", "file": "e.h5"}]},
            "c": {"channel.test_file, channel.hf_all_file": [["f.mat", "g.mat"]]},
        },
    }
    folder = tmp_path / "here"
    resolve_paths(document, folder)
    assert document["zoo"] == str(tmp_path / "zoo")
    assert [part.get("file", part.get("folder")) for part in document["channel"]["parts"]] == [
        str(folder / "a.h5"),
        str(folder / "d"),
    ]
    mine = f"{folder}/nets/mine.py:Mine"
    assert document["compressors"][0]["plugin"] == mine
    assert document["compressors"][1]["trained_on"]["test_file"] == "/abs/t.mat"
    assert document["compressors"][2]["distillation"]["teacher"]["plugin"] == mine
    assert document["sweeps"]["a"] == {"channel.file": [str(folder / "b.h5"), str(folder / "c.h5")], "snr_db": [0]}
    assert document["sweeps"]["b"]["channel"][0]["file"] == str(folder / "e.h5")
    assert document["sweeps"]["c"] == {
        "channel.test_file, channel.hf_all_file": [[str(folder / "f.mat"), str(folder / "g.mat")]]
    }
    again = copy.deepcopy(document)
    resolve_paths(again, tmp_path / "elsewhere")
    assert again == document


def test_bundled_environments_are_no_files(tmp_path: Path) -> None:
    for environment, expected in (("outdoor", "outdoor"), ("mine.yaml", str(tmp_path / "mine.yaml"))):
        document = {"channel": {"source": "cost2100", "environment": environment}}
        resolve_paths(document, tmp_path)
        assert document["channel"]["environment"] == expected


def test_overrides_count_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scenario_file: Callable[[dict[str, Any]], Path]
) -> None:
    from linksim.scenario.file import load_scenario

    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    file = scenario_file(FULL | {"zoo": "weights", "channel": {"source": "hdf5", "file": "a.h5"}})
    scenario = load_scenario(file, ["channel.train_fraction=0.5"])
    assert (scenario.zoo, str(getattr(scenario.channel, "file"))) == (str(tmp_path / "weights"), str(tmp_path / "a.h5"))  # noqa: B009
    scenario = load_scenario(file, ["zoo=mine", "channel.file=b.h5"])
    assert scenario.zoo == str(tmp_path / "work" / "mine")
    assert str(getattr(scenario.channel, "file")) == str(tmp_path / "work" / "b.h5")  # noqa: B009


def test_a_plugin_counts_by_its_code_wherever_it_lies(tmp_path: Path) -> None:
    shipped = Path(__file__).resolve().parents[2] / "scenarios/plugins/shallow_net.py"
    file = tmp_path / "net.py"
    file.write_text(shipped.read_text())

    def with_net(file: Path) -> dict[Key, str]:
        document = FULL | {"compressors": [{"plugin": f"{file}:ShallowNet"}]}
        return keys(validate_scenario(copy.deepcopy(document), "full"))

    made = with_net(file)
    (tmp_path / "elsewhere").mkdir()
    moved_file = file.rename(tmp_path / "elsewhere" / "other.py")
    found = with_net(moved_file)
    assert {key for key in made if made[key] != found[key]} == {Key.RUN, Key.POINT}
    moved_file.write_text(moved_file.read_text() + "\n# Edited.\n")
    edited = with_net(moved_file)
    assert {Key.RESULT, Key.FIT, Key.WEIGHTS} <= {key for key in made if found[key] != edited[key]}
