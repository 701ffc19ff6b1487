"""Digits of every stage stay what they are, or its version is raised."""

import importlib
import sys
from pathlib import Path

import pytest

from linksim.scenario.plugin_kinds import COMPRESSOR, PluginKind
from linksim.scenario.results_versions import _STAGES, _version
from tests.linksim import stage_digits

STAGES = stage_digits.stages()


@pytest.mark.parametrize("stage", STAGES)
def test_digits_change_with_the_version_only(stage: str) -> None:
    remedy = (
        "if that is meant, raise its `results_version` (`CHAIN` in linksim/results_versions.py), so that kept results "
        "are not mistaken for new ones, and run `python -m tests.linksim.stage_digits`"
    )
    kept, version = stage_digits.kept().get(stage), stage_digits.version(stage)
    assert kept is not None, f"{stage}: no digits yet: run `python -m tests.linksim.stage_digits`"
    assert kept["version"] == version, f"{stage}: version {version}, digits of {kept['version']}: {remedy}"
    found = STAGES[stage]()
    assert found, f"{stage}: no digits, expected some"
    assert stage_digits.same(found, kept["digits"]), f"{stage}: got {found}, expected {kept['digits']}: {remedy}"


def test_no_digits_of_stages_that_are_gone() -> None:
    assert set(stage_digits.kept()) == set(STAGES)


@pytest.mark.parametrize("kind", [COMPRESSOR, *_STAGES.values()], ids=lambda kind: kind.title)
def test_a_class_of_ones_own_is_what_its_file_holds(
    kind: PluginKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = next(iter(map(str, kind.registry.keys())))
    shipped = kind.registry.get_class(name)
    assert isinstance(_version(kind, name), int)
    code = f"from {shipped.__module__} import {shipped.__name__}\nimport beside\nclass Own({shipped.__name__}): pass\n"
    file, helper = tmp_path / "my_own_class.py", tmp_path / "beside.py"
    file.write_text(code)
    helper.write_text("LIMIT = 5\n")
    monkeypatch.syspath_prepend(tmp_path)
    own = importlib.import_module("my_own_class").Own
    kind.registry.register("own")(own)
    try:
        versions = [_version(kind, "own")]
        for edited, text in ((file, code + "# edited\n"), (helper, "LIMIT = 6\n")):
            edited.write_text(text)
            versions.append(_version(kind, "own"))
        # As a class that was typed in has none.
        del sys.modules["my_own_class"]
        versions.append(_version(kind, "own"))
    finally:
        kind.registry.unregister("own")
        sys.modules.pop("my_own_class", None)
        sys.modules.pop("beside", None)
    assert len(set(versions)) == len(versions)
