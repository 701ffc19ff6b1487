"""The site's navigation holds every page, and links lead to pages that there are; no mkdocs is needed to say so."""

import re
from functools import cache
from typing import Any

import pytest
import yaml

from docs.generators import api_pages, commands
from tests.documentation.blocks import DOCS, NOTEBOOKS, PAGES, pages_of_keys
from tests.folder_listing import ROOT

WRITTEN = {str(page.relative_to(DOCS)) for page in PAGES}


@cache
def made() -> set[str]:
    """Pages that are made from the code, and from notebooks."""
    generated = pages_of_keys() | commands.pages() | api_pages.pages()
    return set(generated) | {f"notebooks/{file.stem}.md" for file in NOTEBOOKS}


def pages_of(nav: Any) -> set[str]:
    if isinstance(nav, str):
        return {nav}
    return {page for part in (nav.values() if isinstance(nav, dict) else nav) for page in pages_of(part)}


def test_every_page_is_in_the_navigation() -> None:
    class Loader(yaml.SafeLoader):
        """Reads past what only mkdocs understands."""

    Loader.add_multi_constructor("!", lambda *_: None)
    config = yaml.load((ROOT / "mkdocs.yml").read_text("utf-8"), Loader)
    assert pages_of(config["nav"]) == made() | WRITTEN
    assert config["theme"]["font"] is False


@pytest.mark.parametrize("page", sorted(WRITTEN))
def test_links_between_pages(page: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", (DOCS / page).read_text("utf-8")):
        if re.match(r"https?://|#", target):
            continue
        path = (DOCS / page).parent / target.split("#")[0]
        relative = str(path.resolve().relative_to(DOCS))
        assert path.exists() or relative in made(), target


def test_the_faces_of_all_packages_are_documented() -> None:
    for package in api_pages.PACKAGES:
        names = set(__import__(package).__all__)
        assert names == set(re.findall(r"^::: [\w.]+\.(\w+)$", api_pages.pages()[f"api/{package}.md"], re.MULTILINE))


def test_nothing_is_fetched_from_elsewhere() -> None:
    for file in [*DOCS.rglob("*.css"), *DOCS.rglob("*.md")]:
        assert not re.search(r"url\(|<script|<link|!\[[^\]]*\]\(http", file.read_text("utf-8")), file
