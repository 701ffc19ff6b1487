"""docs/glossary.md names files, classes, keys and metrics that there are."""

import re

import pytest
from pydantic import BaseModel

from linksim.metrics import METRICS
from linksim.scenario.model import Scenario
from tests.folder_listing import ROOT

TEXT = (ROOT / "docs" / "glossary.md").read_text("utf-8")
FILES = sorted(set(re.findall(r"`((?:channels|feedback|linksim)/[\w/]*(?:\.\w+)?)`", TEXT)))
SYMBOLS = sorted(set(re.findall(r"`([\w/]+\.py)` \(`(\w+)`\)", TEXT)))
_KEYS_OF_A_TERM = re.findall(r"\b[Kk]ey ((?:`[\w.]+`(?:, )?)+)", TEXT)
KEYS = sorted({key for keys in _KEYS_OF_A_TERM for key in re.findall(r"[\w.]+", keys)})
# Keys of compressors, not of the scenario.
OF_NETWORKS = {"init"}


def test_files_are_there() -> None:
    assert FILES
    assert not [file for file in FILES if not (ROOT / file).exists()]


def test_symbols_are_in_their_files() -> None:
    assert SYMBOLS
    assert not [
        (file, symbol) for file, symbol in SYMBOLS if not re.search(rf"\b{symbol}\b", (ROOT / file).read_text("utf-8"))
    ]


@pytest.mark.parametrize("key", [key for key in KEYS if key not in OF_NETWORKS])
def test_keys_are_the_scenarios(key: str) -> None:
    model: type[BaseModel] = Scenario
    *sections, last = key.split(".")
    for section in sections:
        annotation = model.model_fields[section].annotation
        assert isinstance(annotation, type)
        model = annotation
    assert last in model.model_fields


def test_metrics_are_registered() -> None:
    named = re.findall(r"metrics? ((?:`\w+`(?:, )?)+)", TEXT)
    assert {name for names in named for name in re.findall(r"\w+", names)} <= {str(name) for name in METRICS}
