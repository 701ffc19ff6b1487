"""YAML from outside as plain Python values: the core schema of YAML 1.2, bounded, without tags.

PyYAML's parser makes the events; what they mean is decided here. PyYAML's own loaders follow YAML 1.1, in which
``1:30`` is 90, ``yes`` is true and ``2026-13-45`` a broken date, and they follow aliases and nesting without a bound.
"""

import copy
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

# Far above what a scenario needs, far below what hurts: all of it is read and validated in seconds.
MAX_CHARACTERS = 1_000_000
MAX_NODES = 100_000
MAX_DEPTH = 50
MAX_DIGITS = 100

# Core schema, https://yaml.org/spec/1.2.2/#103-core-schema.
_NULL = re.compile(r"null|Null|NULL|~|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITY = re.compile(r"[-+]?\.(?:inf|Inf|INF)")
_NAN = re.compile(r"\.(?:nan|NaN|NAN)")

# Controls of C0 and C1 but tab and line breaks: no text of a scenario needs them, and terminals obey them.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class YamlTextError(ValueError):
    """Text that is no YAML, or YAML that is not taken; the message is one line."""


class WrittenInt(int):
    """A whole number and how it was written, for keys that take a text."""

    text: str


class WrittenFloat(float):
    """A number and how it was written, for keys that take a text."""

    text: str


def read_yaml(text: str) -> Any:
    """The one document of a YAML text: dicts with text as keys, lists, texts, numbers, booleans and None.

    Numbers that Python would write otherwise than they stand there (``007``, ``1e3``) are ``WrittenInt`` and
    ``WrittenFloat``.

    Raises:
        YamlTextError: if it is not YAML, has tags, merge keys, keys given twice or keys that are no scalars, aliases
            of what they lie in, control characters, or is larger than the bounds above.
    """
    if len(text) > MAX_CHARACTERS:
        raise YamlTextError(f"got {len(text)} characters, expected at most {MAX_CHARACTERS}")
    if _IN_C is not None and _ALIKE.fullmatch(text) and not _LAXER.search(text):
        try:
            return _Reader(_IN_C).read(text)
        except (YamlTextError, yaml.YAMLError, ValueError, OverflowError):
            pass  # What is wrong, and where, is said by the parser in Python alone.
    try:
        return _Reader(yaml.SafeLoader).read(text)
    except YamlTextError:
        raise
    except yaml.MarkedYAMLError as error:
        place = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise YamlTextError(f"{place}{error.problem or 'not valid YAML'}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlTextError(f"line {line}: got the character U+{ord(text[error.position]):04X}, {_PLAIN}") from None
    except (ValueError, OverflowError):
        # Numbers of versions and of escaped characters that are none.
        raise YamlTextError("not valid YAML") from None


# Ten times as fast as the parser in Python; builds of PyYAML without libyaml have none.
_IN_C: Any = getattr(yaml, "CSafeLoader", None)
# Text that both read alike where libyaml reads it: plain characters, no explicit keys, no comment right behind the
# indicator of a block, both of which libyaml takes where PyYAML and the standard do not.
_ALIKE = re.compile(r"[\n -~]*")
_LAXER = re.compile(r"\?|[|>][-+0-9]*#")
_PLAIN = "expected plain text without control characters"


@dataclass
class _Open:
    """A collection that has begun: its value so far, the pending key of a mapping, its anchor and where it began."""

    value: Any
    anchor: str | None
    nodes_before: int
    line: int
    key: str | None = None


@dataclass
class _Reader:
    """Builds values from events with a stack of its own, so that no text can exhaust Python's."""

    loader: Any
    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, tuple[Any, int]] = field(default_factory=dict)
    nodes: int = 0
    root: Any = None

    def read(self, text: str) -> Any:
        documents = 0
        for event in yaml.parse(text, Loader=self.loader):
            line = event.start_mark.line + 1 if event.start_mark else 0
            match event:
                case yaml.DocumentStartEvent():
                    documents += 1
                    if documents > 1:
                        raise YamlTextError(f"line {line}: got a second document, expected one")
                case yaml.AliasEvent():
                    self._add(*self._alias(str(event.anchor), line), line)
                case yaml.ScalarEvent():
                    self._scalar(event, line)
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    self._begin(event, {} if isinstance(event, yaml.MappingStartEvent) else [], line)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self._end()
        return self.root

    def _alias(self, anchor: str, line: int) -> tuple[Any, int]:
        if any(opened.anchor == anchor for opened in self.stack):
            raise YamlTextError(f"line {line}: the alias *{anchor} lies inside of what it stands for")
        if anchor not in self.anchors:
            raise YamlTextError(f"line {line}: got the alias *{anchor}, expected the anchor &{anchor} before it")
        value, nodes = self.anchors[anchor]
        # Before the copy is made.
        self._count(nodes, line)
        return copy.deepcopy(value), 0

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        _refuse_tag(event.tag, line)
        awaits_key = bool(self.stack) and isinstance(self.stack[-1].value, dict) and self.stack[-1].key is None
        value: Any = _whole_text(event.value, line)
        if awaits_key and not event.style and value == "<<":
            raise YamlTextError(f"line {line}: merge keys (<<) are no part of YAML 1.2, expected the keys themselves")
        # The style is that of quotes or blocks, which make a text of anything.
        if not event.style and not awaits_key:
            value = _plain(value, line)
        if event.anchor:
            self.anchors[event.anchor] = (value, 1)
        self._add(value, 1, line)

    def _begin(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent, value: Any, line: int) -> None:
        _refuse_tag(event.tag, line)
        if len(self.stack) >= MAX_DEPTH:
            raise YamlTextError(f"line {line}: nested more than {MAX_DEPTH} deep, expected at most that")
        if self.stack and isinstance(self.stack[-1].value, dict) and self.stack[-1].key is None:
            raise YamlTextError(f"line {line}: got a list or mapping as a key, expected a name")
        self.stack.append(_Open(value, event.anchor, self.nodes, line))
        self._count(1, line)

    def _end(self) -> None:
        ended = self.stack.pop()
        if ended.anchor:
            self.anchors[ended.anchor] = (ended.value, self.nodes - ended.nodes_before)
        self._add(ended.value, 0, ended.line)

    def _add(self, value: Any, nodes: int, line: int) -> None:
        """Puts a whole value where it belongs."""
        self._count(nodes, line)
        if not self.stack:
            self.root = value
            return
        top = self.stack[-1]
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key is not None:
            top.value[top.key] = value
            top.key = None
        elif not isinstance(value, str):
            raise YamlTextError(f"line {line}: got an alias of a value as a key, expected a name")
        elif value in top.value:
            raise YamlTextError(f"line {line}: got the key {_short(value)} twice, expected it once")
        else:
            top.key = value

    def _count(self, nodes: int, line: int) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            raise YamlTextError(f"line {line}: more than {MAX_NODES} values, aliases counted, expected at most that")


def _refuse_tag(tag: str | None, line: int) -> None:
    if tag is not None:
        shown = tag.replace("tag:yaml.org,2002:", "!!")
        raise YamlTextError(f"line {line}: got the tag {_short(shown)}, expected a value without a tag")


def _whole_text(text: str, line: int) -> str:
    """Text with the two halves of a character that JSON writes apart put together."""
    if _SURROGATE.search(text):
        try:
            text = text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            half = _SURROGATE.findall(text)[0]
            raise YamlTextError(
                f"line {line}: got U+{ord(half):04X}, half of a character, expected a whole one"
            ) from None
    if control := CONTROL.search(text):
        raise YamlTextError(f"line {line}: got the character U+{ord(control[0]):04X}, {_PLAIN}")
    return text


def _plain(text: str, line: int) -> Any:
    """A scalar without quotes."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text):
        return True
    if _FALSE.fullmatch(text):
        return False
    if not (
        _DECIMAL.fullmatch(text) or _OCTAL.fullmatch(text) or _HEXADECIMAL.fullmatch(text) or _FLOAT.fullmatch(text)
    ):
        if _INFINITY.fullmatch(text):
            return float("-inf" if text.startswith("-") else "inf")
        return float("nan") if _NAN.fullmatch(text) else text
    if len(text) > MAX_DIGITS:
        raise YamlTextError(f"line {line}: got a number of {len(text)} digits, expected at most {MAX_DIGITS}")
    number = _number(text)
    if repr(number) == text:
        return number
    written = WrittenInt(number) if isinstance(number, int) else WrittenFloat(number)
    written.text = text
    return written


def _number(text: str) -> int | float:
    if _DECIMAL.fullmatch(text):
        return int(text)
    if text.startswith(("0o", "0x")):
        return int(text, 0)
    return float(text)


def _short(text: str) -> str:
    shown = repr(text)
    return shown if len(shown) <= 60 else shown[:57] + "..."


class _Dumper(yaml.SafeDumper):
    """Quotes texts that are numbers in YAML 1.2, beside those that are something else in YAML 1.1."""


for _form, _starts in ((_FLOAT, "-+.0123456789"), (_OCTAL, "0"), (_HEXADECIMAL, "0")):
    _Dumper.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(f"^(?:{_form.pattern})$"), list(_starts))


def write_yaml(document: Any, *, flow: bool | None = False) -> str:
    """A document that ``read_yaml`` reads as it is, keys in their order.

    Args:
        document: plain values.
        flow: braces and brackets; ``None`` only for what holds no further lists or mappings.
    """
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, default_flow_style=flow, allow_unicode=True)
    return text
