"""Principal axes are found once for the same channels, whoever asks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from feedback.principal_axes import principal_axes
from feedback.training_set import PrincipalAxes, TrainingSet
from linksim.preparation.kept_axes import KeptAxes


def test_axes_are_found_once_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    csi = torch.randn(40, 32, 64, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    first = TrainingSet(csi, csi[:0], axes=KeptAxes(tmp_path)).principal_axes(8)
    assert caplog.messages == ["finding 8 principal axes of 2048 dimensions from 40 channels"]
    assert torch.equal(first[1], PrincipalAxes().of(csi, 8)[1])

    def refuse(*_: object) -> None:
        raise AssertionError("axes were computed again")

    monkeypatch.setattr("feedback.training_set.principal_axes", refuse)
    # Another process with the same channels, as for a network that starts from the KLT.
    again = TrainingSet(csi.clone(), csi[:1], axes=KeptAxes(tmp_path)).principal_axes(8)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    for other, count in ((csi * 1.5, 8), (csi, 9)):
        with pytest.raises(AssertionError, match="computed again"):
            KeptAxes(tmp_path).of(other, count)


def test_damaged_axes_are_found_anew(tmp_path: Path) -> None:
    csi = torch.randn(10, 4, 4, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    expected = KeptAxes(tmp_path).of(csi, 3)
    (file,) = tmp_path.glob("axes-*")
    file.write_bytes(file.read_bytes()[:-5])
    assert torch.equal(KeptAxes(tmp_path).of(csi, 3)[1], expected[1])


def test_axes_of_other_numbers_come_out_of_one_decomposition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    csi = torch.randn(40, 4, 5, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    counts = (3, 20, 7)
    expected = [principal_axes(csi, count) for count in counts]
    solved: list[int] = []

    def counted(matrix: torch.Tensor, solve: Callable[..., Any] = torch.linalg.eigh) -> Any:
        solved.append(len(matrix))
        return solve(matrix)

    monkeypatch.setattr("torch.linalg.eigh", counted)
    for axes in (PrincipalAxes(), KeptAxes(tmp_path)):
        for count, found in zip(counts, expected, strict=True):
            assert all(torch.equal(one, other) for one, other in zip(axes.of(csi, count), found, strict=True))
    assert solved == [20, 20]
    # Of fewer channels than dimensions each number has axes of its own.
    PrincipalAxes().of(csi[:12], 3)
    assert solved == [20, 20, 12]
