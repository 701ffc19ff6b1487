"""Reference of the scenario's keys, from the pydantic models: a page of sections, and one for each kind of plug-in."""

import inspect
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from linksim.scenario.model import Scenario
from linksim.scenario.plugin_kinds import COMPRESSOR, KINDS, METRIC, PluginKind

SECTIONS_PAGE = "reference/scenario.md"

_INTRODUCTIONS = {
    "channel": "Where channels come from. The key `source` names one.",
    "estimation": "What the UE makes of the pilots. The key `name` names an estimator.",
    "compressors": "A list; each entry has its `name`, or `plugin: my_net.py:MyNet` for one of your own.",
    "feedback.quantiser": "How codeword values become bits.",
    "feedback.link": "What carries reports from UE to BS; what it delivers is all that the BS sees.",
    "feedback.denoiser": "What takes the link's noise off a received codeword at the BS.",
    "feedback.predictor": "What the BS makes of the reports so far when it needs the channel.",
    "precoder": "One unit-power weight vector per subcarrier, from what the BS knows.",
}


@dataclass(frozen=True)
class Key:
    """One key of a section: its name, and what the tables say of it, in Markdown."""

    name: str
    type: str
    default: str
    description: str


def pages() -> dict[str, str]:
    """Markdown of every page by its path in the documentation."""
    return {SECTIONS_PAGE: sections_page()} | {kind_page(kind): plugin_page(kind) for kind in KINDS}


def kind_page(kind: PluginKind) -> str:
    """Path of the page of a kind of plug-in."""
    return f"reference/{kind.title.replace(' ', '-')}.md"


def sections_page() -> str:
    """The scenario's own sections, each with its keys."""
    lines = [
        "# Scenario keys",
        "",
        "One YAML file says everything about a run. Made from the models that check it; `linksim schema` prints the "
        "same as a JSON schema, for completion in an editor. Unknown keys are errors.",
        "",
    ]
    for name, model in _sections("", Scenario):
        heading = f"## `{name}`" if name else "## Top level"
        lines += [heading, "", _summary(model), "", *_table(keys_of(model, name)), ""]
    return "\n".join(lines)


def plugin_page(kind: PluginKind) -> str:
    """All plug-ins of a kind, each with its keys; those that share a class stand together."""
    title = kind.title[0].upper() + kind.title[1:]
    if kind is METRIC:
        return "\n".join([f"# {title}", "", *_metrics()])
    lines = [f"# {title}", "", f"Section `{kind.section}` of a scenario. {_INTRODUCTIONS[kind.section]}", ""]
    classes = sorted(set(kind.registry.classes()), key=lambda plugin: _names(kind, plugin)[0])
    for plugin in classes:
        names = _names(kind, plugin)
        lines += [f"## {', '.join(f'`{name}`' for name in names)}", "", _text(plugin), ""]
        if "\n\n" in (more := _text(plugin.Parameters)):
            lines += [more, ""]
        for place, model in _sections("", plugin.Parameters):
            heading = [f"Section `{place}`: {_summary(model)}", ""] if place else []
            left_out = {kind.discriminator, *(() if place else _shared(kind))}
            keys = [key for key in keys_of(model, "") if key.name not in left_out]
            if keys:
                lines += [*heading, *_table(keys), ""]
            elif not place:
                lines += ["No keys of its own.", ""]
    if shared := _shared(kind):
        own = [key for key in keys_of(classes[0].Parameters, "") if key.name in shared]
        lines += [f"## Keys of all {kind.title}", "", *_table(own), ""]
    if kind is COMPRESSOR:
        lines += _own_compressor(shared)
    return "\n".join(lines)


def keys_of(model: type[BaseModel], place: str) -> list[Key]:
    """The keys of a section in the order of the model; ``place`` is the section's dotted key."""
    schema = model.model_json_schema(mode="validation")
    definitions = schema.get("$defs", {})
    schema = definitions[schema["$ref"].split("/")[-1]] if "$ref" in schema else schema
    rows = []
    for name, field in model.model_fields.items():
        dotted = f"{place}.{name}" if place else name
        rows.append(Key(name, _type(schema["properties"][name], dotted), _default(field), _described(field, dotted)))
    return rows


def _sections(name: str, model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """A section and those inside it, with their dotted keys; a plug-in's section is none, its kind has a page."""
    yield name, model
    for key, field in model.model_fields.items():
        dotted = f"{name}.{key}" if name else key
        inner = [] if _kind_at(dotted) else list(_models(field.annotation))
        if len(inner) == 1:
            yield from _sections(dotted, inner[0])


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _kind_at(dotted: str) -> PluginKind | None:
    return next((kind for kind in KINDS if kind.section == dotted), None)


def _shared(kind: PluginKind) -> list[str]:
    """Keys that every plug-in of a kind has, the one that names it aside; empty where a kind has a single plug-in."""
    models = [plugin.Parameters for plugin in kind.registry.classes()]
    first, *rest = models
    return [
        name
        for name, field in first.model_fields.items()
        if name != kind.discriminator and rest and all(_same(field, model.model_fields.get(name)) for model in rest)
    ]


def _same(field: FieldInfo, other: FieldInfo | None) -> bool:
    return other is not None and (field.description, field.default) == (other.description, other.default)


def _names(kind: PluginKind, plugin: type) -> list[str]:
    return [name for name in kind.names if kind.registry.get_class(name) is plugin]


def _type(schema: dict[str, Any], dotted: str) -> str:
    """What a key takes, in words."""
    if (kind := _kind_at(dotted)) is not None:
        of_many = "list of " if kind is COMPRESSOR else ""
        return f"{of_many}[{kind.title}]({kind_page(kind).removeprefix('reference/')})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(part, dotted) for part in schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "$ref" in schema or "oneOf" in schema:
        return "section"
    return _type_of(schema, dotted)


def _type_of(schema: dict[str, Any], dotted: str) -> str:
    match schema.get("type"):
        case "array" if "prefixItems" in schema:
            return f"list of {len(schema['prefixItems'])}: {_type(schema['prefixItems'][0], dotted)}"
        case "array":
            return f"list of {_type(schema.get('items', {}), dotted)}"
        case "integer":
            return f"whole number{_range(schema)}"
        case "number":
            return f"number{_range(schema)}"
        case "boolean":
            return "`true`, `false`"
        case "string" if schema.get("format") == "path":
            return "file"
        case "string":
            return "text"
        case "object":
            return "section"
        case "null":
            return "nothing"
        case _:
            return "any value"


def _range(schema: dict[str, Any]) -> str:
    bounds = []
    for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<")):
        if key in schema:
            bounds.append(f"{sign} {_number(schema[key])}")
    return " " + ", ".join(bounds) if bounds else ""


def _number(value: float) -> str:
    return "2^63" if value == 2**63 else f"{value:.12g}"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None:
        return "none"
    if isinstance(value, BaseModel):
        return "see there"
    plain = [*value] if isinstance(value, tuple | set | frozenset) else value
    text = plain if isinstance(plain, str) else json.dumps(plain, default=str, ensure_ascii=False).replace('"', "")
    return f"`{text or chr(39) * 2}`"


def _described(field: FieldInfo, dotted: str) -> str:
    inner = list(_models(field.annotation))
    described = field.description or (_summary(inner[0]).rstrip(".") if len(inner) == 1 else "")
    kind = _kind_at(dotted)
    if not described and kind is not None:
        described = _INTRODUCTIONS[kind.section].split(".")[0]
    return " ".join(described.split()).replace("|", "\\|")


def _table(keys: list[Key]) -> list[str]:
    rows = [f"| `{key.name}` | {key.type} | {key.default} | {key.description} |" for key in keys]
    return ["| key | takes | default | meaning |", "|---|---|---|---|", *rows]


def _summary(model: type) -> str:
    return _text(model).split("\n\n")[0].replace("\n", " ")


def _text(documented: type) -> str:
    """The docstring of a class, without the parts that describe its Python interface."""
    paragraphs = inspect.cleandoc(documented.__doc__ or "").split("\n\n")
    kept: list[str] = []
    for paragraph in paragraphs:
        if paragraph.split("\n")[0] in ("Args:", "Attributes:", "Returns:", "Raises:"):
            break
        kept.append(paragraph)
    return "\n\n".join(kept)


def _metrics() -> list[str]:
    lines = ["The list `metrics` of a scenario names them. Each has one definition, a domain, and an aggregation.", ""]
    for name in METRIC.names:
        metric = METRIC.registry.get_class(name)
        lines += [
            f"## `{name}`",
            "",
            f"**{metric.label}**. {metric.meaning}",
            "",
            f"- unit: {metric.unit or 'none'}; domain: {metric.domain}",
            f"- aggregation: {metric.aggregation}",
            f"- {'only where a scenario asks for it' if metric.on_request else 'computed by default'}",
            "",
        ]
    return lines


def _own_compressor(shared: list[str]) -> list[str]:
    from feedback.plugin_file import PluginParameters

    keys = [key for key in keys_of(PluginParameters, "") if key.name not in {"name", *shared}]
    how = "See [Your own compressor](../how-to/own-compressor.md). Further keys are those of the class's `Parameters`."
    return ["## `plugin`", "", how, "", *_table(keys), ""]
