"""What the documentation and the README show works as shown."""

import re

import pytest
import yaml

from docs.generators.chain_picture import STAGES, svg
from docs.generators.commands import commands
from linksim.preparation.dimension_check import check_points
from linksim.scenario.file import validate_scenario
from linksim.scenario.sweep import points_of
from tests.documentation.blocks import DOCS, PAGES, WALKED, Block, blocks, words_of
from tests.folder_listing import ROOT

README = ROOT / "README.md"
COMMANDS = dict(commands())
SHOWN = [block for page in [README, ROOT / "CONTRIBUTING.md", *PAGES] for block in blocks(page)]
INLINE = [
    (page.name, text)
    for page in [README, *PAGES]
    for text in re.findall(r"`(linksim [a-z][^`\n]*)`", page.read_text("utf-8"))
]


def check_command(words: list[str]) -> None:
    """The command exists, and every option with it."""
    name = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in COMMANDS), None)
    assert name is not None, f"no command linksim {words[0]}"
    known = {option for part in COMMANDS[name].params for option in (*part.opts, *part.secondary_opts)}
    asked = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert asked <= known | {"--help"}, f"linksim {name} has no {asked - known}"


@pytest.mark.parametrize("block", [block for block in SHOWN if block.commands], ids=lambda block: block.page)
def test_commands_and_options_exist(block: Block) -> None:
    for command in block.commands:
        words = words_of(command)
        if words:
            check_command(words)


@pytest.mark.parametrize(("page", "command"), INLINE)
def test_inline_commands_exist(page: str, command: str) -> None:
    words = [word for word in command.split()[1:] if "|" not in word]
    if words[0] != "…":
        check_command(words)


@pytest.mark.parametrize(
    "block", [block for block in SHOWN if block.language == "yaml" and block.title], ids=lambda block: str(block.title)
)
def test_scenarios_are_valid(block: Block, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = ROOT / block.page
    for other in blocks(page):
        if other.language == "python" and other.title:
            (tmp_path / other.title).write_text(other.text, "utf-8")
    points = points_of(validate_scenario(yaml.safe_load(block.text), str(block.title)))
    if not any(block.text.count(key) for key in ("file:",)):
        check_points(points)


@pytest.mark.parametrize(
    "block", [block for block in SHOWN if block.language == "python"], ids=lambda block: block.page
)
def test_python_compiles(block: Block) -> None:
    compile(block.text, block.page, "exec")


def test_channel_sections_of_tables_are_valid() -> None:
    text = (DOCS / "how-to" / "own-channels.md").read_text("utf-8")
    sections = re.findall(r"^\| .* \| `(\{source: .*\})` \|$", text, re.MULTILINE)
    assert len(sections) >= 5
    for section in map(yaml.safe_load, sections):
        validate_scenario({"name": "a", "channel": section, "compressors": [{"name": "klt"}]}, "own-channels.md")


def test_every_stage_of_the_picture_leads_to_its_reference() -> None:
    drawn = re.findall(r'<a href="([^"]+)"', svg())
    assert sorted(drawn) == sorted(stage.page.replace(".md", ".html") for stage in STAGES)
    assert len(STAGES) == 11


def test_code_files_that_pages_name_exist() -> None:
    for page in [README, *PAGES]:
        for name in re.findall(
            r"`((?:linksim|channels|feedback|tests|scenarios|docs)/[\w./*-]+\.\w+)`", page.read_text("utf-8")
        ):
            assert list(ROOT.glob(name)), f"{page.name} names {name}"


def test_every_how_to_is_walked() -> None:
    assert {page.parent.name for page in WALKED} == {"docs", "how-to"}
