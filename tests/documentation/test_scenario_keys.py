"""The reference of scenario keys names every section, plug-in and key, each with type, default and meaning."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from docs.generators.scenario_keys import SECTIONS_PAGE, kind_page
from linksim.scenario.model import Scenario
from linksim.scenario.plugin_kinds import KINDS, PluginKind
from tests.documentation.blocks import pages_of_keys

ROW = re.compile(r"^\| `([^`]+)` \| (.*?) \| (.*?) \| (.*?) \|$", re.MULTILINE)


def under(heading: str, page: str) -> str:
    return page.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def documented_keys(text: str) -> set[str]:
    return {row[0] for row in ROW.findall(text)}


def sections(model: type[BaseModel], name: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Sections by what pydantic makes of them, independently of how the reference walks through the models."""
    yield name, model
    for key, field in model.model_fields.items():
        if field.annotation is None or any(kind.section == f"{name}.{key}".strip(".") for kind in KINDS):
            continue
        alternatives = getattr(field.annotation, "__args__", (field.annotation,))
        for part in alternatives:
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from sections(part, f"{name}.{key}".strip("."))


@pytest.mark.parametrize(("name", "model"), list(sections(Scenario)), ids=str)
def test_every_section_lists_its_keys(name: str, model: type[BaseModel]) -> None:
    text = under(f"`{name}`" if name else "Top level", pages_of_keys()[SECTIONS_PAGE])
    assert documented_keys(text) == set(model.model_fields)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.title)
def test_every_plugin_lists_its_keys(kind: PluginKind) -> None:
    page = pages_of_keys()[kind_page(kind)]
    headings = re.findall(r"^## (.*)$", page, re.MULTILINE)
    shared_title = f"Keys of all {kind.title}"
    shared = documented_keys(under(shared_title, page)) if shared_title in headings else set()
    for name in kind.names:
        heading = next(heading for heading in headings if f"`{name}`" in heading.split(", "))
        if kind.section:
            own = documented_keys(under(heading, page).split("\nSection `")[0])
            assert own | shared | {kind.discriminator} == set(kind.parameters(name).model_fields), name


@pytest.mark.parametrize("page", [SECTIONS_PAGE, *map(kind_page, KINDS)])
def test_every_key_has_type_default_and_meaning(page: str) -> None:
    rows: list[Any] = ROW.findall(pages_of_keys()[page])
    assert not [name for name, takes, default, meaning in rows if not (takes and default and meaning)]
    assert not re.search(r"(?m)^## .*\n\n\n", pages_of_keys()[page]), "a heading without a text"
