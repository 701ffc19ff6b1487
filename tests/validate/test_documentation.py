"""The documentation as a reader follows it: every file written, every block and command of a page run in order."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documentation.blocks import WALKED, blocks, words_of
from tests.folder_listing import ROOT


def run(words: list[str], folder: Path) -> None:
    ended = subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True)
    assert ended.returncode == 0, f"{' '.join(words)}\n{ended.stdout[-2000:]}\n{ended.stderr[-2000:]}"


@pytest.mark.validate
@pytest.mark.parametrize("page", WALKED, ids=lambda page: page.stem)
def test_page_as_it_stands(page: Path, tmp_path: Path) -> None:
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    for block in blocks(page):
        if block.title:
            (tmp_path / block.title).write_text(block.text, "utf-8")
        elif block.language == "python":
            (tmp_path / "block.py").write_text(block.text, "utf-8")
            run(["block.py"], tmp_path)
        for command in block.quick_commands:
            words = words_of(command)
            if words is not None:
                run(["-m", "linksim", *words], tmp_path)
            elif command.startswith("python "):
                run(command.split()[1:], tmp_path)


@pytest.mark.validate
def test_the_site_builds_without_warnings_and_refers_to_no_script_of_elsewhere(tmp_path: Path) -> None:
    run(
        ["-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path), "--config-file", str(ROOT / "mkdocs.yml")],
        ROOT,
    )
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        outside = re.findall(r'<(?:script|img|iframe)[^>]*src="(https?:[^"]*)"', page.read_text("utf-8"))
        sheets = re.findall(
            r'<link[^>]*rel="(?:stylesheet|preconnect|icon)"[^>]*href="(https?:[^"]*)"', page.read_text("utf-8")
        )
        assert not outside + sheets, page.name
