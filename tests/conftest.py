"""Fixtures for all tests."""

import gc
import importlib.metadata
import logging
from collections.abc import Generator, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# Collecting makes objects that all stay: looking among them for some to free takes a fifth of its time.
gc.disable()

# No test measures time.
settings.register_profile("linksim", deadline=None)
settings.load_profile("linksim")


class Backwards(pytest.Dir):
    """A folder whose last file is collected first."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        return reversed(list(super().collect()))


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Every other worker begins at the end, so that two do not compile and rewrite each file at the same moment."""
    worker = getattr(parent.config, "workerinput", {}).get("workerid", "gw0")
    return Backwards.from_parent(parent, path=path) if int(worker.removeprefix("gw")) % 2 else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All workers have the tests in one order, as pytest-xdist demands; fixtures of tests that are left out exist."""
    items.sort(key=lambda item: str(item.path))
    for item in items:
        known = getattr(item, "_fixtureinfo", None)
        missing = set() if known is None else {*known.names_closure} - {*known.name2fixturedefs} - {"request"}
        # Parameters are no fixtures.
        missing -= {*getattr(getattr(item, "callspec", None), "params", ())}
        if missing:
            raise pytest.UsageError(f"{item.nodeid}: no fixture {', '.join(sorted(missing))}")


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, Any, Any]:
    """Test files import Sionna without PyTorch's compiler, as the program does."""
    if session.config.getoption("numprocesses", None):
        return (yield)  # The process that hands tests to others.
    from channels.sources.sionna.deferred_compilation import deferred_compilation

    with deferred_compilation():
        return (yield)


def pytest_collection_finish() -> None:
    """Modules and collected tests are left alone: a tenth of the suite's time went into them."""
    # Pytest gives its handlers to every logger that passes nothing on, six times a test: PyTorch has sixty of them.
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger) and logger.name.startswith("torch"):
            logger.propagate = True
    # What collecting left behind stays too: to look for it takes longer than it takes room.
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    gc.enable()


# PyTorch is imported by tests and fixtures, as the process that hands tests to others needs none.
@pytest.fixture(scope="session", autouse=True)
def one_core() -> Iterator[None]:
    """One thread per test process, as the suite runs one process a core, and memory that it keeps."""
    import torch

    from feedback.cpu_kernels.acceleration import memory_kept

    torch.set_num_threads(1)
    with memory_kept():
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_figures() -> Iterator[None]:
    """Vector files with fonts of type 3, and few pixels.

    To cut TrueType fonts to what a figure shows takes longer than the rest, pixels half of the time of a raster file.
    """
    from linksim.report.view.style import STYLE

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(STYLE, "pdf.fonttype", 3)
        patch.setattr("linksim.report.view.style.PNG_DPI", 72)
        yield


@pytest.fixture(scope="session", autouse=True)
def packages_asked_once() -> Iterator[None]:
    """Lightning looks through all installed packages for extensions, each time that a network is trained."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("importlib.metadata.entry_points", cache(importlib.metadata.entry_points))
        yield


@pytest.fixture(scope="session")
def operators_listed_once() -> Iterator[None]:
    """PyTorch lists its operators for each ONNX file, which takes as long as the file."""
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(cache(ONNXRegistry.from_torchlib)))
        yield


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of runs have no figures, which take longer than all that is read of such a page."""
    monkeypatch.setattr("linksim.report.page_parts.draw", lambda *_: [])


@pytest.fixture
def without_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are drawn with parts wherever they come to lie: to find them a place takes as long as drawing them."""
    monkeypatch.setattr("linksim.report.view.style._lay_out", lambda figure: figure.set_layout_engine(None))


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Folder of the reference data, beside the repository."""
    folder = Path(__file__).resolve().parents[1] / "../shared/data"
    if not folder.is_dir():
        pytest.skip("the reference data are not at hand")
    return folder.resolve()
