"""``linksim context-tables``: tables of the context codec from the sources of a document."""

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from channels.channel_batch import ArrayShape
from feedback.context_codec.tables import ContextTables as Tables
from feedback.context_codec.tables import (
    read_tables,
    shipped_eigenvector_tables,
    shipped_following_tables,
    shipped_tables,
)
from linksim.errors import InputError
from linksim.preparation.context_tables import ContextTables, train_context_tables
from linksim.scenario.document import validated
from linksim.scenario.file import read_overridden

STUDIES = Path(__file__).parents[2] / "scenarios" / "studies"
SHIPPED = STUDIES / "context_tables.yaml"
TINY = """
name: tiny
samples: 3
n_delay: 4
network_steps: 3
sources:
  indoor: {source: cost2100, environment: indoor}
"""


def test_tables_say_what_they_are_from(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    out = tmp_path / "tables.safetensors"
    caplog.set_level("INFO")
    train_context_tables(tmp_path / "tiny.yaml", ["seed=5"], out, "linksim context-tables tiny.yaml")
    document = json.loads(out.with_suffix(".json").read_text("utf-8"))
    assert document["sha256"] == read_tables(out).digest
    assert document["seed"] == 5
    assert document["command"] == "linksim context-tables tiny.yaml"
    assert document["sources"]["indoor"]["environment"] == "indoor"
    assert caplog.messages[0] == "making 3 channels of indoor"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["samples=0"], r"tiny\.yaml: samples: got 0, expected"),
        (["sources.indoor.source=nowhere"], r"sources\.indoor.*'nowhere'"),
        (["hidden_units=99"], r"hidden_units: got 99"),
        (["nonsense=1"], "nonsense: unknown key"),
        (["memory=1"], "memory: got 1 with csi 'matrix', expected it with csi 'eigenvectors'"),
        (["n_reports=1"], "n_reports: got 1, expected"),
    ],
)
def test_documents_are_checked(overrides: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    with pytest.raises(InputError, match=message):
        train_context_tables(tmp_path / "tiny.yaml", overrides, tmp_path / "a.safetensors", "")


def test_a_source_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY + "  outdoor: {source: cost2100, environment: outdoor}\n")
    out = tmp_path / "tables.safetensors"
    train_context_tables(tmp_path / "tiny.yaml", [], out, "", ["outdoor"])
    assert list(json.loads(out.with_suffix(".json").read_text("utf-8"))["sources"]) == ["indoor"]
    with pytest.raises(InputError, match="--without: got 'garden', expected one of indoor, outdoor"):
        train_context_tables(tmp_path / "tiny.yaml", [], out, "", ["garden"])
    with pytest.raises(InputError, match="--without: got all sources, expected one to be left"):
        train_context_tables(tmp_path / "tiny.yaml", [], out, "", ["indoor", "outdoor"])


def test_tables_of_eigenvectors_from_channels_that_were_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The second time nothing is made, and the tables are the same; other subbands are other channels."""
    document = tmp_path / "tiny.yaml"
    document.write_text(TINY.replace("n_delay: 4", "csi: eigenvectors\nn_subbands: 3"))
    caplog.set_level("INFO")
    digests = []
    for number, overrides in enumerate(([], [], ["n_subbands=2"])):
        out = tmp_path / f"{number}.safetensors"
        train_context_tables(document, overrides, out, "", keep=tmp_path / "kept")
        digests.append(read_tables(out).digest)
    assert caplog.messages.count("making 3 channels of indoor") == 2
    assert digests[0] == digests[1] != digests[2]
    assert read_tables(tmp_path / "0.safetensors").inputs == 24
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_tables_of_reports_that_build_on_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Of UEs over time, which are kept as well; another period is another walk."""
    document = tmp_path / "tiny.yaml"
    document.write_text(TINY.replace("n_delay: 4", "csi: eigenvectors\nmemory: 1\nn_reports: 2\nn_subbands: 3"))
    caplog.set_level("INFO")
    digests = []
    for number, overrides in enumerate(([], [], ["report_period_s=0.5"])):
        out = tmp_path / f"{number}.safetensors"
        train_context_tables(document, overrides, out, "", keep=tmp_path / "kept")
        digests.append(read_tables(out).digest)
    assert caplog.messages.count("making 3 channels of indoor at 2 times") == 2
    assert digests[0] == digests[1]
    assert read_tables(tmp_path / "0.safetensors").inputs == 32
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_damaged_channels_are_set_aside_and_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    keep = tmp_path / "kept"
    train_context_tables(tmp_path / "tiny.yaml", [], tmp_path / "whole.safetensors", "", keep=keep)
    (file,) = keep.iterdir()
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    train_context_tables(tmp_path / "tiny.yaml", [], tmp_path / "again.safetensors", "", keep=keep)
    aside = file.with_name(f"{file.name}.damaged")
    assert caplog.messages == [
        f"{file}: damaged (its checksum is another), set aside as {aside.name}; what it held is made again"
    ]
    assert set(keep.iterdir()) == {file, aside}
    assert file.read_bytes() == content
    assert read_tables(tmp_path / "again.safetensors").digest == read_tables(tmp_path / "whole.safetensors").digest


def test_tables_that_cannot_be_written_are_noticed_before_and_kept_elsewhere_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("linksim.preparation.context_tables.opened_source", lambda *_: pytest.fail("made channels"))
    with pytest.raises(InputError, match=r"--out: cannot write to .*file/x \(Not a directory\), expected a writable"):
        train_context_tables(tmp_path / "tiny.yaml", [], tmp_path / "file" / "x" / "a.safetensors", "")
    monkeypatch.undo()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "elsewhere"))
    out = tmp_path / "a.safetensors"
    # What no file replaces: as on a disk that others filled meanwhile, writing fails in the end.
    out.mkdir()
    with pytest.raises(InputError, match=r"--out: .*a.safetensors: Is a directory, .*; it is in .*elsewhere/a.safeten"):
        train_context_tables(tmp_path / "tiny.yaml", [], out, "")
    assert json.loads((tmp_path / "elsewhere" / "a.json").read_text())["name"] == "tiny"


def test_only_safetensors_are_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--out: got a\.npz, expected"):
        train_context_tables(tmp_path / "tiny.yaml", [], tmp_path / "a.npz", "")


def test_the_shipped_document_is_one() -> None:
    """Its sources have one antenna array each, all of 16 or 32 ports; two are dual polarised."""
    wanted = validated(ContextTables, read_overridden(SHIPPED, ()), str)
    assert len(wanted.sources) == 10
    arrays = [
        ArrayShape(1 + (section.polarization == "dual"), section.n_rows, section.n_columns, section.n_rx)
        for section in wanted.sources.values()
        if section.source == "sionna"
    ]
    assert [array.n_ports for array in arrays] == [32, 32, 32, 32, 16, 32, 32, 32]
    assert sum(array.n_polarizations == 2 for array in arrays) == 2


@pytest.mark.parametrize(
    ("document", "tables", "shipped"),
    [
        ("context_tables", "tables", shipped_tables),
        ("eigenvector_tables", "eigenvectors", shipped_eigenvector_tables),
        ("eigenvector_memory_tables", "following", shipped_following_tables),
    ],
)
def test_shipped_tables_say_what_they_are_from(document: str, tables: str, shipped: Callable[[], Tables]) -> None:
    """The document beside them is the one that ships, but for what sources have gained since."""
    wanted = validated(ContextTables, read_overridden(STUDIES / f"{document}.yaml", ()), str).model_dump(mode="json")
    said = json.loads(files("feedback.context_codec").joinpath(f"data/{tables}.json").read_text("utf-8"))
    for key in said.keys() & wanted.keys() - {"sources"}:
        assert said[key] == wanted[key], key
    assert list(said["sources"]) == list(wanted["sources"])
    found = shipped()
    assert said["sha256"] == found.digest
    assert said["ue_bytes"] == found.ue_bytes < 2**15
