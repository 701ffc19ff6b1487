"""The README is short, and leads to what there is."""

import re

import pytest

from tests.folder_listing import ROOT

README = ROOT / "README.md"
LINKED = [README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]


def test_it_is_short() -> None:
    assert len(README.read_text("utf-8").splitlines()) <= 120


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.name)
def test_links_lead_somewhere(page) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if not target.startswith("http"):
            assert (ROOT / target.split("#")[0]).exists(), target
