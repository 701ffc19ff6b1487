"""Large arrays of tasks: one file for all workers, and the same entries whatever their layout."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from linksim.execution.shared_arrays import LEAST_BYTES, ArrayFile, SharedArrays, opened
from linksim.execution.worker_process import run_in_worker

LARGE = np.arange(LEAST_BYTES // 4, dtype=np.float32).reshape(4, -1)


@pytest.mark.parametrize("array", [LARGE, LARGE.T, LARGE.reshape(2, 2, -1)[::-1], LARGE.astype(np.complex64)[:, ::2]])
def test_a_task_comes_out_as_it_went_in(array: NDArray[np.generic]) -> None:
    task = ("name", array, None, LARGE[:, :3])
    with SharedArrays() as arrays:
        shared = arrays.shared(task)
        assert isinstance(shared[1], ArrayFile)
        assert shared[3] is task[3]
        found = opened(shared)
        np.testing.assert_array_equal(found[1], array)
        assert found[1].dtype == array.dtype
        # A worker may write, which no other sees.
        found[1][...] = 0
        np.testing.assert_array_equal(opened(shared)[1], array)
        path = Path(shared[1].path)
        assert path.exists()
    assert not path.exists()


def test_views_of_the_same_entries_share_a_file() -> None:
    with SharedArrays() as arrays:
        (first,), (again,), (turned,) = (arrays.shared((view,)) for view in (LARGE, LARGE[:], LARGE.T))
        assert first == again
        assert turned != first


def test_what_is_not_numbers_is_sent_as_it_is() -> None:
    names = np.full(LEAST_BYTES // 8, None)
    with SharedArrays() as arrays:
        assert arrays.shared((names,))[0] is names


def test_without_room_arrays_are_sent_as_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with SharedArrays() as arrays:
        assert arrays.shared((LARGE,))[0] is LARGE


def test_workers_get_arrays() -> None:
    with SharedArrays() as arrays:
        assert run_in_worker(np.sum, arrays.shared((LARGE,))) == LARGE.sum()
