"""Scenario text and `--set` of any origin: a valid scenario, or one line; hints that name what was meant."""

import copy
import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from annotated_types import Le, Lt
from pydantic import BaseModel

from linksim.errors import InputError
from linksim.report.view.references import CURVES, REFERENCES
from linksim.reserved_names import RESERVED_NAMES
from linksim.scenario.file import load_scenario, validate_scenario
from linksim.scenario.model import Scenario
from linksim.scenario.plugin_kinds import KINDS, PluginKind
from linksim.scenario.sweep import MAX_POINTS, points_of

BASE: dict[str, Any] = {
    "name": "t",
    "channel": {"source": "cost2100", "environment": "indoor"},
    "compressors": [{"name": "topk"}],
    "monte_carlo": {"samples": 20},
}
TEXT = yaml.safe_dump(BASE, sort_keys=False)


def _load(tmp_path: Path, more: str, *overrides: str) -> Scenario:
    file = tmp_path / "s.yaml"
    file.write_text(TEXT + more, encoding="utf-8")
    return load_scenario(file, overrides)


def _lines(document: dict[str, Any]) -> list[str]:
    with pytest.raises(InputError) as caught:
        validate_scenario(document, "s.yaml")
    return [line.removeprefix("s.yaml: ") for line in caught.value.lines]


def _refused(tmp_path: Path, more: str, *overrides: str) -> str:
    with pytest.raises(InputError) as caught:
        points_of(_load(tmp_path, more, *overrides))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_yaml_1_2(tmp_path: Path) -> None:
    scenario = _load(tmp_path, "description: 2026-13-45\nseed: 1e3\nsnr_db: 2e1")
    assert (scenario.description, scenario.seed, scenario.snr_db) == ("2026-13-45", 1000, 20.0)
    assert "seed: got '1:30', expected an integer" in _refused(tmp_path, "seed: 1:30")


@pytest.mark.parametrize(
    ("override", "key", "expected"),
    [
        ("monte_carlo.samples=true", "monte_carlo.samples", "a number"),
        ("seed=false", "seed", "a number"),
        ("snr_db=true", "snr_db", "a number"),
        ("channel.normalise=1", "channel.normalise", "true or false"),
        ("channel.normalise=yes", "channel.normalise", "true or false"),
        ("training.fresh='true'", "training.fresh", "true or false"),
    ],
)
def test_a_truth_value_is_no_number_and_no_text(override: str, key: str, expected: str, tmp_path: Path) -> None:
    message = _refused(tmp_path, "", override)
    assert f"{key}: got " in message
    assert f"expected {expected}" in message


def test_a_number_where_a_text_is_expected_is_the_text_that_was_written(tmp_path: Path) -> None:
    sionna = "channel={source: sionna, model: UMa}"
    for text in ("16.1", "19.2", "'16.1'"):
        scenario = _load(tmp_path, "", sionna, f"channel.spec_version={text}")
        assert scenario.channel.model_dump()["spec_version"] == text.strip("'")
    scenario = _load(tmp_path, "", "compressors.0.label=007", "description=1.50", "zoo=1e3")
    assert (scenario.compressors[0].label, scenario.description, scenario.zoo) == ("007", "1.50", "1e3")
    assert "spec_version: got 15.0, " in _refused(tmp_path, "", sionna, "channel.spec_version=15.0")
    swept = _load(tmp_path, "sweeps: {v: {channel.spec_version: [16.1, 19.2]}}", sionna)
    versions = [point.scenario.channel.model_dump()["spec_version"] for point in points_of(swept)]
    assert versions == ["16.1", "19.2"]


def _misspelt(key: str, known: list[str]) -> str:
    """The key with two letters swapped or one doubled, so that it is none of the others."""
    found = next(
        (key[:i] + key[i + 1] + key[i] + key[i + 2 :] for i in range(len(key) - 1) if key[i] != key[i + 1]), ""
    )
    return found if found and found not in known and len(key) > 3 else key + key[-1]


PLUGINS = [(kind, name) for kind in KINDS if kind.section for name in kind.names]


@pytest.mark.parametrize(("kind", "name"), PLUGINS, ids=[f"{kind.section}-{name}" for kind, name in PLUGINS])
def test_misspelt_keys_of_every_plugin(kind: PluginKind, name: str) -> None:
    fields = [field.alias or key for key, field in kind.parameters(name).model_fields.items()]
    for key in [key for key in fields if key != kind.discriminator] or ["key_of_none"]:
        wrong = _misspelt(key, fields)
        section: Any = {kind.discriminator: name, wrong: 1}
        document = copy.deepcopy(BASE)
        *path, last = kind.section.split(".")
        outer = document
        for part in path:
            outer = outer.setdefault(part, {})
        outer[last] = [section] if kind.section == "compressors" else section
        place = f"{kind.section}{'.0' if kind.section == 'compressors' else ''}"
        first = _lines(document)[0]
        assert first.startswith(f"{place}.{wrong}: unknown key")
        near = difflib.get_close_matches(wrong, fields, n=1, cutoff=0.7)
        # Of this plug-in's keys, or all of them; never those of the section around it.
        assert f"did you mean {near[0]!r}" in first if near else all(field in first for field in fields)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.section], ids=lambda kind: kind.section)
def test_misspelt_names_of_every_kind(kind: PluginKind) -> None:
    name = kind.names[-1]
    document = copy.deepcopy(BASE)
    *path, last = kind.section.split(".")
    outer = document
    for part in path:
        outer = outer.setdefault(part, {})
    section = {kind.discriminator: name + name[-1]}
    outer[last] = [section] if kind.section == "compressors" else section
    (line,) = _lines(document)
    assert f"{kind.discriminator}: got {name + name[-1]!r}, did you mean {name!r}?" in line


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("compressors.0.name=csinett", ["did you mean 'csinet'?"]),
        ("channel.n_tx=64", ["channel.n_tx: unknown key", "did you mean 'n_columns'?"]),
        ("n_delay=16", ["n_delay: unknown key", "'transform.n_delay'"]),
        ("predictor.name=ar", ["predictor: unknown key here", "'feedback.predictor'"]),
        (
            "compressors.0.checkpoint=x.pth",
            ["compressors.0.checkpoint: unknown key, expected one of align, compression_ratio,"],
        ),
        ("training.epochs=3", ["training.epochs: unknown key here", "'training.budget.epochs'"]),
        ("metrics=[nmse_dB]", ["metrics: got 'nmse_dB', did you mean 'nmse_db'? expected one of bits,"]),
        ("bits=4", ["bits: unknown key", "'feedback.quantiser.bits'"]),
        ("snr_db=[0, 10]", ["snr_db: got [0, 10], expected a number", "`sweeps: {NAME: {snr_db: [0, 10]}}`"]),
        ("feedback.quantiser=[a, b]", ["feedback.quantiser: got ['a', 'b']", "sweeps: {NAME: {feedback.quantiser:"]),
        ("channel=5", ["channel: got 5, expected a mapping of keys"]),
        ("compressors={a: 1}", ["compressors: got {'a': 1}, expected a list"]),
        ("metrics=rho", ["metrics: got 'rho', expected a list"]),
        ("sweeps={s: {snr_db: [null]}}", ["sweeps.s.snr_db.0: got None, expected a finite number, a text"]),
        ("compressors.\N{SUPERSCRIPT TWO}.name=x", ["expected a number from 0 to 0"]),
        ("compression_ratio=1e-320", ["compression_ratio: got 1e-320, expected greater than or equal to"]),
        (".".join("a" * 60) + "=1", ["60 keys", "at most 50"]),
        ("seed=" + "9" * 5000, ["5000 digits"]),
        ("seed='" + "9" * 5000 + "'", ["seed: got '999", "expected an integer"]),
        ("description=\udcff", ["U+DCFF"]),
        ("monte_carlo.samples=1e21", ["monte_carlo.samples: got 1e+21", "an integer of at most 10000000"]),
    ],
)
def test_hints(override: str, parts: list[str], tmp_path: Path) -> None:
    message = _refused(tmp_path, "", override)
    for part in parts:
        assert part in message
    for jargon in ("dictionary", "object to extract", "instance", "union", "pydantic", "Input should"):
        assert jargon not in message


@pytest.mark.parametrize("key", ["link_budget.geometry_db", "channel.element_spacing"])
@pytest.mark.parametrize(
    ("value", "place", "expected"),
    [
        ("x", "", "a number"),
        ({"a": 1}, "", "a number"),
        ([1, 2, 3], "", "at most 2 items"),
        ([1], ".1", "a value"),
        ([1, -1], ".1", "greater than"),
        ([1, float("nan")], ".1", "a finite number"),
    ],
    ids=str,
)
def test_a_list_or_a_number(key: str, value: Any, place: str, expected: str) -> None:
    document = BASE | {"channel": {"source": "sionna"}, "link_budget": {"transmit_power_dbm": 40}}
    section, _, name = key.partition(".")
    (line,) = _lines(document | {section: document[section] | {name: value}})
    assert line.startswith(f"{key}{place}: ")
    assert f"expected {expected}" in line


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "." in kind.section], ids=lambda kind: kind.section)
def test_sections_in_the_wrong_place(kind: PluginKind) -> None:
    section = kind.section.rpartition(".")[2]
    assert repr(kind.section) in _lines(copy.deepcopy(BASE) | {section: {}})[0]


def test_all_problems_at_once() -> None:
    document = copy.deepcopy(BASE) | {"sed": 1, "snr_db": "high", "compression_ratio": 0}
    document["channel"]["n_colums"] = 3
    lines = _lines(document)
    assert [line.partition(":")[0] for line in lines] == ["channel.n_colums", "sed", "snr_db", "compression_ratio"]


@pytest.mark.parametrize(
    ("sweep", "parts"),
    [
        ("{snr_db: [1, 1]}", ["snr_db", "1.0 and 1.0"]),
        ("{snr_db: [0, -0.0]}", ["snr_db", "0.0 and -0.0"]),
        ("{snr_db: [1, 1.0000000001]}", ["snr_db", "nine digits"]),
        ("{channel.environment: [indoor, outdoor, indoor]}", ["channel.environment", "'indoor'"]),
        ("{feedback.quantiser: [{name: uniform, bits: 4}, {bits: 4.0, name: uniform}]}", ["feedback.quantiser"]),
        ("{estimation: [{name: ls}, {name: ls, snr_db: null}]}", ["same point"]),
        ("{zoo: [a, b]}", ["same point", "keys that results are told apart by"]),
        ("{description: [a, b]}", ["same point"]),
        ("{compressors.0.label: [a, b]}", ["same point"]),
        ("{monte_carlo.batch_size: [10, 20]}", ["same point"]),
        ("{'snr_db, compression_ratio': [[1, 4], [1, 8], [1, 4]]}", ["snr_db, compression_ratio", "[1.0, 4.0]"]),
        ("{channel.normalise: [true, true]}", ["channel.normalise", "True and True"]),
        (f"{{snr_db: {list(range(1001))}}}", ["snr_db", "1001 values", "at most 1000"]),
        (
            f"{{snr_db: {list(range(51))}, feedback.delay_s: {[i / 200 for i in range(100)]}}}",
            ["5100 points", f"at most {MAX_POINTS}"],
        ),
    ],
)
def test_axes(sweep: str, parts: list[str], tmp_path: Path) -> None:
    message = _refused(tmp_path, f"sweeps: {{s: {sweep}}}")
    for part in parts:
        assert part in message


@pytest.mark.parametrize("key", ["training.network_samples", "training.validation_samples", "training.recipe.epochs"])
def test_one_file_of_weights_is_no_sweep_over_trainings(key: str, tmp_path: Path) -> None:
    values = f"sweeps: {{s: {{'{key}, snr_db': [[50, 1], [60, 2]]}}}}"
    assert f"sweeps.s: {key}: got a sweep over how csinet is trained" in _refused(
        tmp_path, values, "compressors=[{name: topk}, {name: csinet}]"
    )
    assert len(points_of(_load(tmp_path, "sweeps: {s: {training.samples: [50, 60]}}"))) == 2
    untrained = _load(tmp_path, values, "compressors=[{name: csinet, untrained: true}]", "training.recipe={epochs: 1}")
    assert len(points_of(untrained)) == 2


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("sweeps: {'': {snr_db: [1, 2]}}", "sweeps: got a sweep without a name"),
        ("sweeps: {' ': {snr_db: [1, 2]}}", "sweeps: got a sweep without a name"),
    ],
)
def test_a_sweep_has_a_name(more: str, message: str, tmp_path: Path) -> None:
    assert message in _refused(tmp_path, more)


def test_what_stands_beside_compressors_is_reserved() -> None:
    titles = {reference.title for found in REFERENCES.values() for reference in found}
    assert titles | {look.title for look in CURVES.values()} < RESERVED_NAMES


@pytest.mark.parametrize("label", [*sorted(RESERVED_NAMES), " ", " perfect  CSI"])
def test_labels_are_names_that_results_do_not_use(label: str, tmp_path: Path) -> None:
    # Messages hold no more than one blank in a row.
    named = f"compressors: got the label {re.sub(' +', ' ', label)!r}"
    assert named in _refused(tmp_path, "", f"compressors.0.label='{label}'")


def test_a_compressor_may_be_swept_by_its_name(tmp_path: Path) -> None:
    points = points_of(_load(tmp_path, "sweeps: {s: {compressors.0.name: [topk, klt]}}"))
    assert [point.scenario.compressors[0].name for point in points] == ["topk", "klt"]
    assert "compressors.1" in _refused(tmp_path, "sweeps: {s: {compressors.1.name: [topk, klt]}}")


def test_near_but_different_values_are_two_points(tmp_path: Path) -> None:
    assert len(points_of(_load(tmp_path, "sweeps: {s: {feedback.delay_s: [0.1, 0.1000004]}}"))) == 2


def _models(model: Any) -> Iterator[type[BaseModel]]:
    """A model and those of the sections inside."""
    for part in (model, *get_args(model)):
        if isinstance(part, type) and issubclass(part, BaseModel):
            yield part
            for field in part.model_fields.values():
                yield from _models(field.annotation)
        elif part is not model:
            yield from _models(part)


MODELS = sorted(
    {model for root in (Scenario, *(kind.parameters(name) for kind, name in PLUGINS)) for model in _models(root)},
    key=lambda model: (model.__module__, model.__qualname__),
)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{model.__module__}.{model.__qualname__}")
def test_every_whole_number_has_an_upper_bound(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        if field.annotation in (int, int | None):
            assert any(isinstance(entry, Le | Lt) for entry in field.metadata), name
