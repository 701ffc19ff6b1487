"""YAML of unknown origin: the core schema of YAML 1.2, and bounds."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.formats.yaml_text import (
    MAX_DEPTH,
    MAX_NODES,
    WrittenFloat,
    WrittenInt,
    YamlTextError,
    read_yaml,
    write_yaml,
)

# Texts that some version of YAML takes for something else, and any others.
_TEXTS = st.sampled_from(
    ["1e5", "0o7", "1:30", "yes", "null", "=", "<<", "1_0", "2026-01-01", "+1", ".5", "0x", "~"]
) | (st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8))


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(_TEXTS.filter(lambda key: key != "<<"), inner, max_size=3)


# Examples of https://yaml.org/spec/1.2.2/#103-core-schema, and what YAML 1.1 takes for something else.
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        ("~", None),
        ("", None),
        ("true", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("off", "off"),
        ("0", 0),
        ("-19", -19),
        ("007", 7),
        ("0o7", 7),
        ("0x3A", 58),
        ("28e9", 28e9),
        ("-2E+05", -2e5),
        (".5", 0.5),
        ("1:30", "1:30"),
        ("2026-13-45", "2026-13-45"),
        ("2026-01-01", "2026-01-01"),
        ("1_000", "1_000"),
        ("'1'", "1"),
        ("\N{ARABIC-INDIC DIGIT ONE}", "\N{ARABIC-INDIC DIGIT ONE}"),
        ('"\\ud83d\\ude00"', "\N{GRINNING FACE}"),
    ],
)
def test_scalars(text: str, value: Any) -> None:
    (found,) = read_yaml(f"[{text}]") or [None] if text else [read_yaml("a:")["a"]]
    assert found == value
    assert isinstance(found, bool) == isinstance(value, bool)
    assert isinstance(found, type(value))


def test_numbers_know_how_they_were_written() -> None:
    octal, plain, power = read_yaml("[007, 16.1, 1e3]")
    assert isinstance(octal, WrittenInt)
    assert octal.text == "007"
    assert type(plain) is float
    assert isinstance(power, WrittenFloat)
    assert power.text == "1e3"


def test_infinities_and_nan() -> None:
    low, high, nan = read_yaml("[-.inf, .INF, .nan]")
    assert (low, high) == (float("-inf"), float("inf"))
    assert nan != nan


def test_aliases_are_copies() -> None:
    document = read_yaml("a: &x [1, {b: 2}]\nc: *x\n? &k d\n: 3\ne: *k")
    assert document == {"a": [1, {"b": 2}], "c": [1, {"b": 2}], "d": 3, "e": "d"}
    document["c"].append(4)
    assert len(document["a"]) == 2


def test_keys_are_texts() -> None:
    assert read_yaml("{1: a, true: b, null: c, 1.50: d}") == {"1": "a", "true": "b", "null": "c", "1.50": "d"}


_LAUGHS = "\n".join(["a0: &a0 [x]", *(f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 10)}]" for i in range(9))])


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("a: !!bool maybe", 1, "tag '!!bool'"),
        ("a:\n  b: !!timestamp x", 2, "tag '!!timestamp'"),
        ("!!python/object/apply:os.system ['true']", 1, "tag '!!python/object/apply:os.system'"),
        ("a: !<x> [1]", 1, "tag"),
        ("a: 1\nb: 2\na: 3", 3, "'a' twice"),
        ("{1: a, '1': b}", 1, "'1' twice"),
        ("t: {<<: {n: 16}}", 1, "merge keys"),
        ("x: 1\n? [a, b]\n: 3", 2, "list or mapping as a key"),
        ("{a: b}: c", 1, "list or mapping as a key"),
        ("a: &p {b: *p}", 1, "inside"),
        ("- *x", 1, "&x"),
        ("--- 1\n--- 2", 2, "second document"),
        ("[" * 1100, 1, f"{MAX_DEPTH} deep"),
        ("\n".join(" " * i + "a:" for i in range(MAX_DEPTH + 1)), MAX_DEPTH + 1, f"{MAX_DEPTH} deep"),
        ("a: " + "9" * 5000, 1, "5000 digits"),
        (_LAUGHS, 6, f"more than {MAX_NODES} values"),
        ('a: "\\ud800"', 1, "U+D800"),
        ('a: "\\e[31m"', 1, "U+001B"),
        ("a: 1\nb: \x07", 2, "U+0007"),
        ("a: [1,\n", 2, ""),
        ("a: 'x", 1, ""),
    ],
)
def test_refused_in_one_line(text: str, line: int, part: str) -> None:
    with pytest.raises(YamlTextError) as caught:
        read_yaml(text)
    message = str(caught.value)
    assert message.startswith(f"line {line}: ")
    assert part in message
    assert "\n" not in message


def test_as_many_values_as_a_text_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    # Values that aliases stand for are refused at the real limit, above; to write so many takes seconds.
    monkeypatch.setattr("channels.formats.yaml_text.MAX_NODES", 100)
    assert read_yaml(f"[{'1, ' * 99}]") == [1] * 99
    with pytest.raises(YamlTextError, match=r"line 1: .*more than 100 values"):
        read_yaml(f"[{'1, ' * 100}]")


@pytest.mark.parametrize("text", ['a: "\\UFFFFFFFF"', "%YAML 1." + "9" * 5000 + "\n--- 1", "a" * 1_000_001])
def test_what_the_parser_itself_trips_over(text: str) -> None:
    with pytest.raises(YamlTextError):
        read_yaml(text)


@settings(max_examples=50)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXTS, _nested))
def test_what_is_written_is_read(document: Any) -> None:
    found = read_yaml(write_yaml({"a": document}))["a"]
    assert found == document
    assert isinstance(found, str) == isinstance(document, str)
    assert isinstance(found, bool) == isinstance(document, bool)


def _read(text: str) -> str:
    try:
        return repr(read_yaml(text))
    except YamlTextError as error:
        return f"refused: {error}"


@settings(max_examples=200)
@given(st.text("ab:-,[]{}#&*!|>'\"%@`?~ \n01.e\\", max_size=30))
def test_both_parsers_read_alike(text: str) -> None:
    fast = _read(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("channels.formats.yaml_text._IN_C", None)
        assert _read(text) == fast
