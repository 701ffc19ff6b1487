"""Eigenvectors with their strongest beam first: invertible, and the same for UEs that lie elsewhere."""

import math

import pytest
import torch

from feedback.aligned_beams import AlignedBeams
from feedback.beam_delay import BeamDelay

# Subbands, polarisations, rows, columns; layers.
FORMS = [((13, 2, 2, 8), 1), ((13, 2, 2, 8), 3), ((5, 1, 1, 6), 2), ((1, 2, 3, 1), 1), ((4, 1, 1, 1), 1)]
# Products of DFTs of at most 32 points in double precision; grids are kept in single precision.
CLOSE = 1e-6


def vectors_of(form: AlignedBeams, n: int = 5, seed: int = 0) -> torch.Tensor:
    shape = (n, form.n_layers, form.form.n_subbands, form.shape[1])
    drawn = torch.randn(shape, dtype=torch.complex128, generator=torch.Generator().manual_seed(seed))
    return drawn / torch.linalg.vector_norm(drawn, dim=-1, keepdim=True)


def path(form: BeamDelay, polarisation: int, row: float, column: float) -> torch.Tensor:
    """One path in bins of the DFT's beams, ``[1, 1, n_subbands, n_tx]``, of another phase in every subband."""
    rows = torch.arange(form.n_rows)[:, None] * row / form.n_rows
    columns = torch.arange(form.n_columns) * column / form.n_columns
    wave = torch.zeros(form.n_subbands, *form.panel, dtype=torch.complex128)
    phases = torch.arange(form.n_subbands, dtype=torch.float64)[:, None, None] ** 2
    wave[:, polarisation] = torch.exp(2j * math.pi * (rows + columns) + 1j * phases)
    return wave.flatten(1)[None, None] / math.sqrt(form.n_rows * form.n_columns)


@pytest.mark.parametrize(("sizes", "n_layers"), FORMS, ids=str)
@pytest.mark.parametrize("align", [True, False])
def test_vectors_come_back_up_to_the_phase_of_each_subband(
    sizes: tuple[int, int, int, int], n_layers: int, align: bool
) -> None:
    form = AlignedBeams(BeamDelay(*sizes), n_layers, align)
    vectors = vectors_of(form)
    matrices, alignment = form.matrices(vectors)
    assert matrices.shape == (5, *form.shape)
    assert torch.allclose(torch.linalg.vector_norm(matrices, dim=(1, 2)), torch.ones(5, dtype=torch.float64))
    assert 0 <= int(alignment.min()) <= int(alignment.max()) < max(2**form.bits, 1)
    back = form.vectors(matrices, alignment)
    assert torch.allclose((back.conj() * vectors).sum(-1).abs(), torch.ones(back.shape[:-1]).double(), atol=CLOSE)
    # A unitary map of unit vectors, brought to a matrix of norm 1.
    energies = form.subbands(matrices).abs().square().sum(-1)
    assert torch.allclose(energies, torch.full_like(energies, 1 / form.shape[0]), atol=CLOSE)


@pytest.mark.parametrize("polarisation", [0, 1])
@pytest.mark.parametrize(("row", "column"), [(0, 0), (1.5, 7.75), (0.25, 3.5)])
def test_a_path_on_the_grid_is_the_first_entry(polarisation: int, row: float, column: float) -> None:
    form = AlignedBeams(BeamDelay(13, 2, 2, 8))
    matrices, alignment = form.matrices(path(form.form, polarisation, row, column))
    expected = torch.zeros(13, 32, dtype=torch.float64)
    expected[0, 0] = 1
    assert torch.allclose(matrices[0].abs(), expected, atol=CLOSE)
    assert int(alignment) == polarisation * 8 * 32 + int(4 * row) * 32 + int(4 * column)


def test_a_channel_elsewhere_is_the_same_matrix() -> None:
    """Turned by grid beams, and with polarisations swapped, a channel differs in the number of its beam alone."""
    form = AlignedBeams(BeamDelay(13, 2, 2, 8))
    vectors = vectors_of(form, 4)
    rows, columns = torch.arange(2)[:, None] * 0.75 / 2, torch.arange(8) * 5.25 / 8
    ports = vectors.unflatten(-1, (2, 2, 8)).flip(3) * torch.exp(2j * math.pi * (rows + columns))
    one, other = form.matrices(vectors), form.matrices(ports.flatten(-3))
    assert torch.allclose(one[0], other[0], atol=CLOSE)
    assert not torch.equal(one[1], other[1])


@pytest.mark.parametrize(
    ("panel", "n_layers", "bits"), [((2, 2, 8), 1, 9), ((2, 2, 8), 2, 18), ((1, 1, 32), 1, 7), ((1, 1, 3), 2, 8)]
)
def test_the_number_of_the_beams_takes_as_many_bits_as_there_are(
    panel: tuple[int, int, int], n_layers: int, bits: int
) -> None:
    """4 beams per port and axis: log2 of (2 x 8 x 32), (4 x 32), and of 12^2 = 144 rounded up."""
    assert AlignedBeams(BeamDelay(13, *panel), n_layers).bits == bits


def test_any_number_means_some_beam() -> None:
    form = AlignedBeams(BeamDelay(5, 1, 1, 3), 2)
    matrices, _ = form.matrices(vectors_of(form, 2))
    back = form.vectors(matrices, torch.tensor([255, 144]))
    assert torch.allclose(torch.linalg.vector_norm(back, dim=-1), torch.ones(2, 2, 5).double(), atol=CLOSE)


def test_equally_strong_beams_do_not_wait_for_rounding() -> None:
    form = AlignedBeams(BeamDelay(3, 1, 1, 4))
    flat = torch.zeros(1, 1, 3, 4, dtype=torch.complex64)
    flat[..., 2] = 1
    # One port alone: all beams alike.
    assert int(form.matrices(flat)[1]) == 0
    assert int(form.matrices(flat * torch.exp(torch.tensor(0.3j)))[1]) == 0
