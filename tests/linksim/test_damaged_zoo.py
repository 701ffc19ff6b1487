"""What `linksim zoo` finds wrong: damaged weights, and documents that others made."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from feedback.errors import FeedbackInputError
from linksim.errors import InputError
from linksim.zoo.entries import networks_that_ship, read_zoo, zoo_table
from linksim.zoo.problems import problems

Command = Callable[..., tuple[int, str, str]]


def _flip_a_bit(zoo: Path, file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def _edit(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(file.with_suffix(".json").read_text())
    change(document)
    file.with_suffix(".json").write_text(json.dumps(document))


def _rename(zoo: Path, file: Path) -> None:
    for suffix in (".json", ".safetensors"):
        file.with_suffix(suffix).rename(zoo / f"csinet-cr4-000000000000{suffix}")


DAMAGES: list[tuple[Callable[[Path, Path], object], str]] = [
    (_flip_a_bit, "csinet-cr4-.*safetensors: got SHA-256 .*, expected"),
    (lambda zoo, file: file.unlink(), "csinet-cr4-.*json: no .safetensors file beside it"),
    (lambda zoo, file: file.with_suffix(".json").unlink(), "csinet-cr4-.*json: No such file"),
    (_rename, "000000000000.safetensors: its document describes csinet-cr4-.*, expected the name of the file"),
    (
        lambda zoo, file: _edit(file, lambda document: document["training"]["channel"].update(carrier_hz=3.5e9)),
        "its document describes csinet-cr4-",
    ),
    (
        lambda zoo, file: _edit(file, lambda document: document.update(shape=[8, 16])),
        "learnt|made for|got shape|got a code of|got a file of|SHA",
    ),
    (
        lambda zoo, file: _edit(file, lambda document: document["compressor"].update(name="csinot")),
        "json: compressors.0.name: got 'csinot', did you mean 'csinet'",
    ),
    (lambda zoo, file: _edit(file, lambda document: document["training"].pop("channel")), "json: channel: got None"),
    (lambda zoo, file: _edit(file, lambda document: document.pop("seed")), "json: seed: Field required"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGES)
def test_verify_finds_damage(damage: Callable[[Path, Path], object], message: str, zoo: Path, command: Command) -> None:
    assert command("zoo", "verify", "--zoo", zoo)[0] == 0
    (file,) = zoo.glob("csinet-*.safetensors")
    damage(zoo, file)
    code, out, err = command("zoo", "verify", "--zoo", zoo)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1, err
    assert pd.Series([err]).str.contains(message).all(), err


def test_verify_finds_all_problems(zoo: Path, command: Command) -> None:
    for file in zoo.glob("*.safetensors"):
        _flip_a_bit(zoo, file)
    code, _, err = command("zoo", "verify", "--zoo", zoo, "--max-mb", "0.01")
    assert code == 2
    assert len(err.splitlines()) == 3
    assert "expected at most 0.0 MB" in err


def test_weights_of_ones_own_file_are_no_damage(zoo: Path, command: Command) -> None:
    (file,) = zoo.glob("csinet-*.safetensors")
    _edit(file, lambda document: document["compressor"].update(code="Mine 0123"))
    assert command("zoo", "verify", "--zoo", zoo)[0] == 0
    with_others = networks_that_ship(read_zoo(zoo))
    assert [entry.network for entry in with_others] == ["crnet"]
    with pytest.raises(InputError, match=r"csinet-.*: weights of a file of one's own"):
        networks_that_ship([entry for entry in read_zoo(zoo) if entry.plugin])
    _flip_a_bit(zoo, file)
    code, _, err = command("zoo", "verify", "--zoo", zoo)
    assert code == 2
    assert "got SHA-256" in err


def test_documents_name_no_code_to_run(zoo: Path, command: Command, tmp_path: Path) -> None:
    code_file = tmp_path / "evil.py"
    code_file.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    (file,) = zoo.glob("csinet-*.safetensors")
    _edit(file, lambda document: document["compressor"].update(plugin=f"{code_file}:Evil"))
    for arguments in (("verify",), ("list",), ("eval",)):
        code, _, err = command("zoo", *arguments, "--zoo", zoo)
        assert code == (0 if arguments == ("list",) else 2)
        assert not (tmp_path / "ran").exists()
    assert "compressor.plugin: got a file to run, expected it in scenarios only" in err


_BAD: list[Any] = ["x", None, -1, 0, True, [], {}, [1], {"a": [None]}, 1e999, 10**400, "\x1b[31m", [60000, 60000]]
_PLACES = [
    "shape", "compressor", "compressor.name", "compressor.compression_ratio", "compressor.disturbance",
    "compressor.disturbance.snr_db", "compressor.init", "training", "training.channel", "training.channel.carrier_hz",
    "training.channel.source", "training.transform", "training.samples", "training.command", "training.scenario",
    "training.adapted_to", "samples_seen", "seed", "start_nmse_db", "best_epoch", "storage", "sha256", "recipe",
    "versions", "diagnostics", "distinct_channels",
]  # fmt: skip


@pytest.mark.parametrize("place", _PLACES)
def test_documents_of_others_are_one_line(place: str, zoo: Path) -> None:
    (document, *others) = sorted(zoo.glob("*.json"))
    for other in others:
        other.unlink()
        other.with_suffix(".safetensors").unlink()
    content = json.loads(document.read_text())
    *path, last = place.split(".")
    for bad in _BAD:
        damaged = json.loads(json.dumps(content))
        section = damaged
        for part in path:
            section = section.setdefault(part, {})
        section[last] = bad
        document.write_text(json.dumps(damaged))
        lines = []
        try:
            zoo_table(read_zoo(zoo)).to_csv()
        except (InputError, FeedbackInputError) as error:
            lines = [str(error)]
            assert list(problems(zoo, 10**9)) == lines
        else:
            lines = list(problems(zoo, 10**9))
        for line in lines:
            assert len(line.splitlines()) == 1
            assert document.stem in line
            assert len(line) < 1000
