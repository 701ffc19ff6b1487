"""CONTRIBUTING.md lists every room and every module outside of one, by their docstrings."""

import ast

from tests.folder_listing import FILE, PACKAGES, ROOT, listing, with_listing

ROOMS = sorted(file.parent.relative_to(ROOT) for package in PACKAGES for file in (ROOT / package).rglob("__init__.py"))


def test_the_listing_is_current() -> None:
    text = FILE.read_text("utf-8")
    assert text == with_listing(text, listing()), "CONTRIBUTING.md is out of step: run python -m tests.folder_listing"


def test_every_room_says_in_one_line_what_it_is_for() -> None:
    # Modules are parsed for it, so once.
    lines = listing()
    for room in ROOMS:
        docstring = ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text("utf-8")))
        assert docstring is not None, room
        summary = docstring.split("\n\n")[0]
        assert summary.endswith("."), room
        assert "\n" not in summary, room
        name = f"**`{room.name}/`**" if len(room.parts) == 1 else f"- `{room.name}/`"
        assert f"{name} {summary.replace('``', '`')}" in lines, room
