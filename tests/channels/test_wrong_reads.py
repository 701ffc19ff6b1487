"""Every source refuses what names no samples: a wrong split would be channels that nobody else has."""

from typing import Any

import pytest

from channels import open_source
from channels.errors import ChannelInputError
from channels.source import SOURCES, PathSource

READS = {"read_truncated": {"n_delay": 8}, "read_hf_all": {}}


@pytest.mark.parametrize("name", ["cost2100", "sionna"])
@pytest.mark.parametrize("method", READS)
@pytest.mark.parametrize(
    ("split", "start", "stop", "found"),
    [("val", 0, 2, "'val'"), ("tests", 0, 2, "'tests'"), ("test", -1, 2, "-1 to 2"), ("test", 5, 2, "5 to 2")],
)
def test_a_wrong_range_is_one_line(name: str, method: str, split: Any, start: int, stop: int, found: str) -> None:
    source = open_source(name)
    with pytest.raises(ChannelInputError, match=f"got {found}, expected") as told:
        getattr(source, method)(split, start, stop, **READS[method])
    assert "\n" not in str(told.value)


def test_all_reads_of_all_sources_are_checked() -> None:
    classes = [PathSource, *(SOURCES.get_class(name) for name in SOURCES)]
    own = [
        vars(kind)[name]
        for kind in classes
        for name in ("read", "read_truncated", "read_truncated_sequences", "read_hf_all")
        if name in vars(kind)
    ]
    assert len(own) > len(classes)
    assert all(hasattr(method, "__wrapped__") for method in own)


def test_a_wrong_device_is_one_line() -> None:
    with pytest.raises(ChannelInputError, match="device: got 'gpu', expected cpu or cuda"):
        open_source("cost2100", device="gpu")
