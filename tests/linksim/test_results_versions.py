"""Digits of every stage stay what they are, or its version is raised."""

import pytest

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
