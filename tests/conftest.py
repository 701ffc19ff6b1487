"""Fixtures for all tests."""

import gc
from pathlib import Path

import pytest
import torch
from hypothesis import settings

# One thread per test process: the suite runs one process a core.
torch.set_num_threads(1)

# No test measures time.
settings.register_profile("linksim", deadline=None)
settings.load_profile("linksim")


def pytest_collection_finish() -> None:
    """The garbage collector leaves modules and collected tests alone: a tenth of the suite's time went into them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Folder of the reference data, beside the repository."""
    folder = Path(__file__).resolve().parents[1] / "../shared/data"
    if not folder.is_dir():
        pytest.skip("the reference data are not at hand")
    return folder.resolve()
