"""Content keys: which of them each key of a scenario moves, and what replaced files and other names do."""

import copy
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel, ValidationError

from feedback.checkpoint_key import checkpoint_key
from feedback.plugin_file import build_compressor, identity_of
from linksim.content_hash import content_hash
from linksim.errors import InputError
from linksim.preparation.scheme_spec import scheme_specs
from linksim.scenario.channel_section import channel_section
from linksim.scenario.file import validate_scenario
from linksim.scenario.identity import (
    MOVES,
    Key,
    channel_fit_key,
    channels_key,
    estimator_fit_key,
    fit_key,
    moved_by,
    point_key,
    result_document,
    run_key,
    taking_part,
    training_set_key,
    weights_document,
)
from linksim.scenario.model import Scenario

# Keys of every kind, also of sections that are left out by default.
FULL: dict[str, Any] = {
    "name": "full",
    "description": "All of it.",
    "seed": 3,
    "device": "cpu",
    "zoo": "/nowhere/zoo",
    "channel": {"source": "sionna", "model": "UMa", "n_subcarriers": 64, "n_columns": 8, "speed_m_s": 1.0},
    "transform": {"n_delay": 8},
    "compressors": [{"name": "csinet", "label": "net"}, {"name": "klt"}],
    "feedback": {
        "quantiser": {"name": "uniform", "bits": 4},
        "link": {"name": "bsc", "flip_rate": 0.01},
        "predictor": {"name": "ar"},
        "report_period_s": 0.01,
    },
    "monte_carlo": {"samples": 1000, "stop": {"half_width": 0.1}},
    "training": {"recipe": {"epochs": 1}, "budget": {"epochs": 2}},
    "sweeps": {"snr": {"snr_db": [0, 20]}},
}
SHAPE = (8, 8)


def keys(scenario: Scenario) -> dict[Key, str]:
    """All keys of a scenario, those of its compressors together."""
    found = {
        Key.RUN: run_key(scenario),
        Key.POINT: point_key(scenario),
        Key.RESULT: content_hash(result_document(scenario, "fitted", "cpu")),
        Key.CHANNELS: channels_key(scenario, "cpu"),
        Key.ESTIMATOR_FIT: estimator_fit_key(scenario),
    }
    learnt: dict[Key, list[str]] = {key: [] for key in (Key.FIT, Key.CHANNEL_FIT, Key.TRAINING_SET, Key.WEIGHTS)}
    for entry, ratio in taking_part(scenario):
        channel = scenario.channel if entry.trained_on is None else channel_section(entry.trained_on, "trained_on")
        taught = scenario.model_copy(update={"channel": channel})
        parameters = entry.model_copy(update={"compression_ratio": ratio})
        learnt[Key.FIT].append(fit_key(taught, parameters, None))
        learnt[Key.CHANNEL_FIT].append(channel_fit_key(taught))
        learnt[Key.TRAINING_SET].append(training_set_key(taught, parameters, None, None))
        learnt[Key.WEIGHTS].append(checkpoint_key(identity_of(parameters, SHAPE), weights_document(taught)))
    return found | {key: content_hash(parts) for key, parts in learnt.items()}


@cache
def keys_of_full() -> dict[Key, str]:
    return keys(checked_full()[0])


def moved(before: Scenario, after: Scenario) -> Key:
    old, new = keys_of_full() if before is checked_full()[0] else keys(before), keys(after)
    together = Key.NONE
    for key in old:
        together |= key if old[key] != new[key] else Key.NONE
    return together


def leaves(model: BaseModel, place: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any, Any]]:
    """Place, value and type of every key of a scenario, sections that are left out as one key."""
    for name, field in type(model).model_fields.items():
        value, here = getattr(model, name), (*place, name)
        if isinstance(value, BaseModel):
            yield from leaves(value, here)
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for number, part in enumerate(value):
                yield from leaves(part, (*here, number))
        else:
            yield here, value, field.annotation


def other_values(value: Any, annotation: Any) -> list[Any]:
    """Values that a key may have instead, more than enough of them."""
    if get_origin(annotation) is Literal:
        return [choice for choice in get_args(annotation) if choice != value]
    choices = [choice for part in get_args(annotation) if get_origin(part) is Literal for choice in get_args(part)]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value * 2, value + 1, value / 2, 0.25, 7, 32]
    if isinstance(value, str):
        return [*choices, f"{value}2", "outdoor", "nmse_e2e_db"]
    if isinstance(value, tuple | list):
        return [[*value[:-1]], [*value, 4.0], [*value, "ls"]] if value else [[4.0], ["x"]]
    if isinstance(value, dict):
        return [{"snr": {"snr_db": [0, 10]}}, {"x": 1}]
    known = [64.0, 8.0, 2, "x", True, {}, [4.0], [0, 1], {"epochs": 1}, {"bits": 4}, {"snr_db": [0, 10]}]
    sections = [FULL["channel"] | {"model": "UMi"}, {"teacher": {"name": "csinet"}}]
    return [*choices, *sections, *known, {"name": "uniform", "bits": 6}]


LEAVES = {
    ".".join(map(str, place)): (place, value, kind)
    for place, value, kind in leaves(validate_scenario(copy.deepcopy(FULL), "full"))
}
# Whole plug-ins are exchanged in a test of their own, and `trained_on` needs a channel of the same shape.
NAMES = [place for place in LEAVES if place.endswith((".name", ".source"))]


@cache
def checked_full() -> tuple[Scenario, dict[str, Any]]:
    """The full scenario, and as a document with all its defaults."""
    scenario = validate_scenario(copy.deepcopy(FULL), "full")
    return scenario, scenario.model_dump(mode="json")


def changed(place: tuple[str | int, ...], value: Any) -> Scenario | None:
    document = copy.deepcopy(checked_full()[1])
    here: Any = document
    for part in place[:-1]:
        here = here[part]
    here[place[-1]] = value
    try:
        return validate_scenario(document, "changed")
    except (InputError, ValidationError, ValueError):
        return None


def forced(model: Any, place: tuple[str | int, ...], value: Any) -> Any:
    """A copy with a value that would not pass, for keys that exclude others."""
    if not place:
        return value
    if isinstance(model, tuple):
        return tuple(
            forced(part, place[1:], value) if number == place[0] else part for number, part in enumerate(model)
        )
    name = str(place[0])
    return model.model_copy(update={name: forced(getattr(model, name), place[1:], value)})


@pytest.mark.filterwarnings("ignore:Pydantic serializer")
@pytest.mark.parametrize("name", [name for name in LEAVES if name not in NAMES])
def test_a_changed_key_moves_what_the_table_says(name: str) -> None:
    place, value, kind = LEAVES[name]
    full, document = checked_full()
    table_place = ".".join(part for part in place if isinstance(part, str))
    valid = (scenario for other in other_values(value, kind) if (scenario := changed(place, other)) is not None)
    others = (scenario for scenario in valid if scenario.model_dump(mode="json") != document)
    expected = moved_by(table_place)
    found = moved(full, next(others, None) or forced(full, place, 0.125))
    assert found == expected, f"{name}: moves {found}, expected {expected} by the table of linksim/identity.py"


def test_every_key_has_a_line_and_every_line_a_key() -> None:
    document = Scenario.model_fields
    lines = {line.split(".")[0] for line in MOVES}
    assert lines == set(document), "expected a line in the table of linksim/identity.py for every key of a scenario"
    full = validate_scenario(copy.deepcopy(FULL), "full").model_dump(mode="json")
    for line in MOVES:
        here: Any = full
        for part in line.split("."):
            here = here[0] if isinstance(here, list) else here
            assert part in here, f"{line}: no such key in a scenario"
            here = here[part]


def test_what_says_how_a_run_goes_on_moves_nothing() -> None:
    full = validate_scenario(copy.deepcopy(FULL), "full")
    for name in ("name", "description", "device", "zoo", "compressors.label", "monte_carlo.batch_size"):
        assert moved_by(name) is Key.NONE
    document = copy.deepcopy(FULL) | {"name": "other", "description": "", "device": "auto", "zoo": "/elsewhere"}
    document["compressors"] = [{"name": "csinet", "label": "CsiNet, ours"}, {"name": "klt", "label": "optimum"}]
    document["monte_carlo"] = document["monte_carlo"] | {"batch_size": 7}
    assert moved(full, validate_scenario(document, "other")) is Key.NONE


def test_all_digits_of_a_number_count() -> None:
    full = validate_scenario(copy.deepcopy(FULL), "full")
    for value in (10.000000001, 10 + 2e-15):
        assert moved(full, full.model_copy(update={"snr_db": value})) == moved_by("snr_db")


def test_what_moves_counts_for_networks_that_learn_over_time() -> None:
    def with_nets(period_s: float = 0.01, speed_m_s: float = 1.0) -> dict[str, list[str]]:
        document = copy.deepcopy(FULL) | {"compressors": [{"name": "csinet"}, {"name": "markovnet"}]}
        document["feedback"]["report_period_s"] = period_s
        document["channel"] = document["channel"] | {"speed_m_s": speed_m_s}
        specs = scheme_specs(validate_scenario(document, "full"))
        return {
            spec.label: [
                spec.key,
                training_set_key(spec.scenario, spec.parameters, None, None),
                checkpoint_key(build_compressor(spec.parameters, SHAPE), spec.trained_for),
            ]
            for spec in specs
        }

    before = with_nets()
    for after in (with_nets(period_s=0.02), with_nets(speed_m_s=2.0)):
        assert after["csinet"] == before["csinet"]
        assert all(new != old for new, old in zip(after["markovnet"], before["markovnet"], strict=True))
