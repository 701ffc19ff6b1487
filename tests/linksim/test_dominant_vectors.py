"""Dominant eigenvectors by the kernel in C: against NumPy in double precision, and against PyTorch's way."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from linksim import dominant_vectors as kernel
from linksim.dominant_vectors import dominant_vectors, dominant_vectors_of_bands
from linksim.subband_eigenvectors import eigenvectors

# Vectors of a processor filled and not filled, one entry, more entries than steps of the iteration.
SIZES = [(79, 32), (5, 1), (1, 7), (20, 12), (40, 48), (200, 150)]


def normal(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))


def largest_errors(rows: Tensor, found: Tensor) -> np.ndarray:
    """Part of ``A^H A v`` off ``v``, and what its length lacks to the largest eigenvalue, over that, in double."""
    matrices, vectors = rows.to(torch.complex128), found.to(torch.complex128)
    gram = matrices.mH @ matrices
    image = (gram @ vectors[..., None])[..., 0]
    along = (vectors.conj() * image).sum(-1)
    largest = torch.linalg.eigvalsh(gram)[:, -1]
    off = torch.linalg.vector_norm(image - along[:, None] * vectors, dim=-1)
    return torch.stack((off, (largest - along.real).abs())).div(largest).numpy()


@pytest.mark.parametrize(("m", "n"), SIZES)
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_vectors_are_the_dominant_ones(m: int, n: int, scale: float) -> None:
    rows = scale * normal(6, m, n)
    # One strong path over the others, and ranks below full.
    rows[1] += 10 * scale * normal(m, 1) @ normal(1, n, seed=2)
    rows[2] = scale * normal(m, 1, seed=3) @ normal(1, n, seed=4)
    rows[3, (m + 1) // 2 :] = 0
    found = dominant_vectors(rows)
    torch.testing.assert_close(found.norm(dim=-1), torch.ones(6))
    # Sums of up to 200 products in float32, of step 6e-8, relative to their sum of moduli.
    assert largest_errors(rows, found).max() < 2e-6


def test_many_eigenvalues_close_to_the_largest() -> None:
    """Gaussian noise alone: the eigenvalues end in a dense edge."""
    rows = normal(20, 1000, 64, seed=5)
    assert largest_errors(rows, dominant_vectors(rows)).max() < 2e-6


def test_directions_that_lie_beside_the_strongest_entry() -> None:
    """The strongest port sees nothing of the strongest direction: two polarisations that do not mix."""
    rows = torch.zeros(1, 9, 20, dtype=torch.complex64)
    rows[0, 0, 12:] = 1.0
    rows[0, 1, 3] = 2.0
    (found,) = dominant_vectors(rows)
    expected = torch.cat([torch.zeros(12), torch.full((8,), 8**-0.5)])
    torch.testing.assert_close(found.abs(), expected, rtol=0, atol=1e-6)


def test_equal_eigenvalues() -> None:
    for n in (2, 16, 33):
        (found,) = dominant_vectors(torch.eye(n, dtype=torch.complex64)[None])
        assert found.norm() == pytest.approx(1, abs=1e-6)


def test_zeros_and_numbers_that_are_none() -> None:
    rows = normal(4, 6, 5)
    rows[1], rows[2, 0, 0], rows[3, 0, 0] = 0, torch.nan, torch.inf
    found = dominant_vectors(rows)
    assert not found[1].any()
    assert found[2:].isnan().all()
    assert torch.equal(found[0], dominant_vectors(rows[:1])[0])


def test_no_matrix_depends_on_another() -> None:
    rows = normal(5, 30, 20)
    together = dominant_vectors(rows)
    for number in range(5):
        assert torch.equal(dominant_vectors(rows[number, None])[0], together[number])


def test_views_are_taken_as_what_they_show() -> None:
    rows = normal(3, 8, 12)
    torch.testing.assert_close(dominant_vectors(rows.mH), dominant_vectors(rows.mH.clone().resolve_conj()))


def test_without_the_kernel_pytorch_finds_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    rows = normal(8, 30, 16) + 3 * normal(8, 30, 1, seed=6) @ normal(8, 1, 16, seed=7)
    in_c = eigenvectors(rows, 2)

    kernel.compiled.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    with caplog.at_level(logging.WARNING, "linksim"):
        in_pytorch = eigenvectors(rows, 2)
    kernel.compiled.cache_clear()
    assert "no gcc was found" in caplog.text
    cosine = (in_c.conj() * in_pytorch).sum(-1).abs()
    # Rounding of float32 over the gap between the eigenvalues, twice for a deflated one, squared.
    assert (1 - cosine < 1e-5).all()


def test_gradients_and_doubles_are_left_to_pytorch() -> None:
    assert kernel.takes(normal(1, 2, 2))
    assert not kernel.takes(normal(1, 2, 2).requires_grad_())
    assert not kernel.takes(normal(1, 2, 2).to(torch.complex128))


def test_bands_have_the_vectors_of_their_rows() -> None:
    """Copied or where they lie, whatever the layout of the whole."""
    rows, bands = normal(7, 40, 12), [slice(0, 13), slice(13, 26), slice(26, 40)]
    expected = torch.stack([dominant_vectors(rows[:, band].clone()) for band in bands], dim=1)
    for whole in (rows, rows.mT.contiguous().mT, rows[None].expand(2, -1, -1, -1)[1], rows.conj().clone().conj()):
        assert torch.equal(dominant_vectors_of_bands(whole, bands), expected)
    padded = torch.zeros(7, 50, 12, dtype=torch.complex64)
    padded[:, :40] = rows
    assert torch.equal(dominant_vectors_of_bands(padded[:, :40], bands), expected)
