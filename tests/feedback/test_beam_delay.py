"""Eigenvectors as beams and delays: unitary, invertible, and one coefficient for one path."""

import math

import pytest
import torch

from feedback.beam_delay import BeamDelay
from feedback.errors import FeedbackInputError
from feedback.observation import CsiDimensions

# Subbands, polarisations, rows, columns.
FORMS = [(13, 2, 2, 8), (13, 1, 1, 32), (4, 2, 1, 2), (7, 1, 3, 5), (1, 2, 2, 2), (2, 1, 1, 1), (18, 1, 4, 1)]
# Products of DFTs of at most 32 points in double precision.
CLOSE = 1e-12


def vectors_of(form: BeamDelay, n: int = 5, seed: int = 0) -> torch.Tensor:
    shape = (n, form.n_subbands, math.prod(form.panel))
    drawn = torch.randn(shape, dtype=torch.complex128, generator=torch.Generator().manual_seed(seed))
    return drawn / torch.linalg.vector_norm(drawn, dim=-1, keepdim=True)


def rotations_of(form: BeamDelay, n: int = 5) -> torch.Tensor:
    return torch.arange(n) * 7 % form.n_rotations


@pytest.mark.parametrize("sizes", FORMS, ids=str)
@pytest.mark.parametrize(("rotated", "alignments"), [(False, 0), (True, 0), (True, 3)])
def test_vectors_come_back_up_to_the_phase_of_each_subband(
    sizes: tuple[int, ...], rotated: bool, alignments: int
) -> None:
    form = BeamDelay(*sizes)
    vectors = vectors_of(form)
    rotation = rotations_of(form) if rotated else None
    coefficients = form.coefficients(vectors, rotation, alignments)
    assert coefficients.shape == (5, *sizes)
    energy = coefficients.abs().square().sum((1, 2, 3, 4))
    assert torch.allclose(energy, torch.full_like(energy, form.n_subbands), atol=CLOSE)
    inner = (form.vectors(coefficients, rotation).conj() * vectors).sum(-1)
    assert torch.allclose(inner.abs(), torch.ones_like(inner.real), atol=CLOSE)


@pytest.mark.parametrize("sizes", FORMS, ids=str)
def test_it_is_unitary_but_for_the_phases(sizes: tuple[int, ...]) -> None:
    """Inner products of coefficients are those of the vectors that they stand for."""
    form = BeamDelay(*sizes)
    first, second = (form.coefficients(vectors_of(form, seed=seed), rotations_of(form)) for seed in (1, 2))
    back = [form.vectors(one, rotations_of(form)) for one in (first, second)]
    expected = (first.conj() * second).sum((1, 2, 3, 4))
    assert torch.allclose((back[0].conj() * back[1]).sum((1, 2)), expected, atol=CLOSE)


@pytest.mark.parametrize("sizes", FORMS, ids=str)
def test_phases_of_subbands_do_not_matter(sizes: tuple[int, ...]) -> None:
    form = BeamDelay(*sizes)
    vectors, rotation = vectors_of(form), rotations_of(form)
    turned = vectors * torch.exp(1j * torch.arange(form.n_subbands, dtype=torch.float64)[:, None] ** 2)
    expected = form.coefficients(vectors, rotation)
    assert torch.allclose(form.coefficients(turned, rotation), expected, atol=CLOSE)


def plane_wave(form: BeamDelay, row: float, column: float, delay: float) -> torch.Tensor:
    """One path on polarisation 0: beam (row, column) in bins, a delay in units of the inverse band."""
    subbands, rows, columns = (
        torch.arange(count, dtype=torch.float64) * bins / count
        for count, bins in ((form.n_subbands, delay), (form.n_rows, row), (form.n_columns, column))
    )
    wave = torch.exp(2j * math.pi * (subbands[:, None, None] + rows[:, None] + columns))
    ports = torch.zeros(form.n_subbands, *form.panel, dtype=torch.complex128)
    ports[:, 0] = wave / math.sqrt(form.n_rows * form.n_columns)
    return ports.flatten(1)


@pytest.mark.parametrize(("row", "column", "delay"), [(0, 0, 0), (1, 3, 0), (1, 7, 2), (0, 5, -3.3)])
def test_one_path_on_a_bin_is_one_coefficient_at_delay_0(row: int, column: int, delay: float) -> None:
    form = BeamDelay(13, 2, 2, 8)
    expected = torch.zeros(13, 2, 2, 8, dtype=torch.complex128)
    # The first port has phase 0 in subband 0, and the ramps are centred: the sum over the ports is real.
    expected[0, 0, row, column] = math.sqrt(13)
    assert torch.allclose(form.coefficients(plane_wave(form, row, column, delay)), expected, atol=CLOSE)


def test_a_weaker_path_lies_at_its_delay_behind_the_strongest() -> None:
    form = BeamDelay(13, 2, 2, 8)
    vectors = plane_wave(form, 0, 2, 1) + 0.5 * plane_wave(form, 1, 4, 3) + 0.25 * plane_wave(form, 0, 6, -1)
    expected = torch.zeros(13, 2, 2, 8, dtype=torch.float64)
    for delay, row, column, modulus in ((0, 0, 2, 1.0), (2, 1, 4, 0.5), (-2, 0, 6, 0.25)):
        expected[form.delays.index(delay), 0, row, column] = modulus
    # Each lies on a beam of its own, so that all phases agree already.
    for alignments in (0, 4):
        found = form.coefficients(vectors, alignments=alignments).abs() / math.sqrt(13)
        assert torch.allclose(found, expected, atol=CLOSE)


def test_alignments_gather_energy() -> None:
    """Where paths share the strongest beam, its phase is none to go by; alignments put more into fewer coefficients."""
    form = BeamDelay(13, 2, 2, 8)
    paths = ((0, 2, 0.0, 1.0), (0, 2, 4.3, 0.6), (1, 5, 1.0, 0.8), (0, 6, 0.0, 0.7))
    waves = [modulus * plane_wave(form, row, column, delay) for row, column, delay, modulus in paths]
    vectors = torch.stack(waves).sum(0)
    first, last = (form.coefficients(vectors, alignments=number).flatten().abs() for number in (0, 8))
    assert float(last.sum()) < 0.99 * float(first.sum())


@pytest.mark.parametrize(("row", "column"), [(0.25, 0.5), (0.75, 0.125), (0.0, 3.625)])
def test_the_best_rotation_puts_a_path_between_bins_on_one(row: float, column: float) -> None:
    """A ramp of a share of a bin up moves a path that is short of the next bin by that share."""
    form = BeamDelay(5, 2, 2, 8)
    vectors = plane_wave(form, row, column, 1)
    rotation = form.best_rotation(vectors[None])
    assert int(rotation) == 8 * round(-8 * row % 8) + round(-8 * column % 8)
    moduli = form.coefficients(vectors[None], rotation).abs().flatten()
    assert float(moduli.max()) == pytest.approx(math.sqrt(5), abs=CLOSE)
    assert float(moduli.sum()) == pytest.approx(math.sqrt(5), abs=13 * 32 * CLOSE)


@pytest.mark.parametrize(
    ("sizes", "count"), [((4, 2, 1, 1), 1), ((4, 1, 1, 8), 8), ((4, 1, 3, 1), 8), ((4, 1, 2, 2), 64)]
)
def test_only_axes_of_several_ports_rotate(sizes: tuple[int, ...], count: int) -> None:
    assert BeamDelay(*sizes).n_rotations == count


def test_delays_are_in_order_and_complete() -> None:
    assert BeamDelay(5).delays == [0, 1, -1, 2, -2]
    for count in (1, 2, 6, 13):
        assert sorted(delay % count for delay in BeamDelay(count).delays) == list(range(count))


def test_sizes_are_those_of_the_channel() -> None:
    known = CsiDimensions(8, 32, n_polarizations=2, n_rows=2, bands=((0, 4), (4, 8), (8, 12)))
    assert BeamDelay.of(known) == BeamDelay(3, 2, 2, 8)
    with pytest.raises(FeedbackInputError, match=r"got \(0, 1, 1, 1\), expected 1 or more"):
        BeamDelay(0)


def test_vectors_of_zeros_stay_zeros() -> None:
    form = BeamDelay(3, 1, 1, 4)
    assert not form.coefficients(torch.zeros(2, 3, 4, dtype=torch.complex64)).abs().any()


def test_layers_are_rows_of_a_batch() -> None:
    form = BeamDelay(13, 2, 2, 8)
    vectors = vectors_of(form, 6)
    layered = form.coefficients(vectors.view(3, 2, 13, 32))
    assert torch.allclose(layered.view(6, 13, 2, 2, 8), form.coefficients(vectors), atol=CLOSE)
