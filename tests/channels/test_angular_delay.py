"""The angular-delay transform against NumPy's FFT, its own inverse, and matrices made by QuaDRiGa."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.channel_batch import ArrayShape, OfdmGrid
from channels.errors import ChannelInputError
from channels.transforms.angular_delay import AngularDelayTransform

ARRAYS = st.builds(ArrayShape, st.integers(1, 2), st.integers(1, 3), st.integers(1, 5))


def _transform(n_subcarriers: int, n_delay: int, array: ArrayShape) -> AngularDelayTransform:
    return AngularDelayTransform(OfdmGrid(n_subcarriers, 20e6, 28e9), array, n_delay)


def _response(n_subcarriers: int, n_tx: int, seed: int, dtype: torch.dtype = torch.complex64) -> torch.Tensor:
    return torch.randn(2, n_subcarriers, n_tx, dtype=dtype, generator=torch.Generator().manual_seed(seed))


# A DFT sum of N terms of unit-variance entries is off by a few eps * sqrt(log N) relative to its norm; 20 eps allows
# for the entry-wise maximum over a small matrix.
EPS32 = 20 * float(np.finfo(np.float32).eps)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 60), share=st.floats(0.01, 1), array=ARRAYS, seed=st.integers(0, 99))
def test_truncate_is_forward_is_numpy(n: int, share: float, array: ArrayShape, seed: int) -> None:
    n_delay = max(1, round(share * n))
    response = _response(n, array.n_tx, seed)
    ports = (2, n, array.n_polarizations, array.n_rows, array.n_columns)
    delays = np.fft.ifft(response.numpy().astype(complex), axis=1, norm="ortho").reshape(ports)
    # Each polarisation is a two-dimensional FFT over rows and columns.
    expected = np.fft.fft2(delays, axes=(3, 4), norm="ortho").reshape(2, n, array.n_tx)
    transform = _transform(n, n_delay, array)
    np.testing.assert_allclose(transform.forward(response), expected, atol=EPS32 * np.sqrt(n))
    np.testing.assert_allclose(transform.truncate(response), expected[:, :n_delay], atol=EPS32 * np.sqrt(n))


@settings(max_examples=30, deadline=None)
@given(n=st.integers(2, 60), share=st.floats(0.01, 1), array=ARRAYS, seed=st.integers(0, 99))
def test_inverse_undoes_truncate(n: int, share: float, array: ArrayShape, seed: int) -> None:
    n_delay = max(1, round(share * n))
    transform = _transform(n, n_delay, array)
    csi = _response(n, array.n_tx, seed, torch.complex128)[:, :n_delay]
    response = transform.inverse(csi)
    assert response.shape == (2, n, array.n_tx)
    # Both directions are unitary in float64; 1e-12 is thousands of roundings.
    torch.testing.assert_close(transform.truncate(response), csi, atol=1e-12, rtol=0)
    torch.testing.assert_close(response.abs().square().sum(), csi.abs().square().sum(), atol=0, rtol=1e-12)
    outside = transform.forward(response)[:, n_delay:]
    torch.testing.assert_close(outside, torch.zeros_like(outside), atol=1e-12, rtol=0)


def test_forward_keeps_energy() -> None:
    response = _response(64, 8, 0, torch.complex128)
    full = _transform(64, 4, ArrayShape(1, 1, 8)).forward(response)
    torch.testing.assert_close(full.abs().square().sum((1, 2)), response.abs().square().sum((1, 2)))


@pytest.mark.parametrize("n_delay", [3, 40])  # a pruned product, and an FFT
def test_plane_wave_falls_on_one_entry(n_delay: int) -> None:
    """A path of delay n/B at the angle of DFT bin a gives the single entry (n, a), of the response's norm."""
    k, m = torch.arange(64)[:, None], torch.arange(8)
    response = torch.exp(-2j * torch.pi * (k - 32) * 2 / 64) * torch.exp(2j * torch.pi * m * 5 / 8)
    csi = _transform(64, n_delay, ArrayShape(1, 1, 8)).truncate(response[None])[0]
    assert csi.abs().argmax() == 2 * 8 + 5
    # 64 x 8 entries of modulus 1 have the norm sqrt(512).
    torch.testing.assert_close(csi[2, 5].abs(), torch.tensor(512.0).sqrt())


def test_energy_kept() -> None:
    transform = _transform(64, 4, ArrayShape(1, 1, 8))
    csi = _response(64, 8, 1)
    kept = transform.energy_kept(torch.cat([transform.inverse(csi[:1, :4]), torch.zeros(1, 64, 8)]))
    torch.testing.assert_close(kept, torch.ones(2))
    full = transform.forward(csi)
    expected = full[:, :4].abs().square().sum((1, 2)) / full.abs().square().sum((1, 2))
    torch.testing.assert_close(transform.energy_kept(csi), expected)


@pytest.mark.parametrize("name", ["quad_nlos28_20.h5", "quad_nlos53_20.h5"])
def test_quadriga_matrices(reference_data: Path, name: str) -> None:
    """The gains and delays of the file rebuild the matrices that its maker computed."""
    with h5py.File(reference_data / name) as file:
        gains, delays_s, expected = (file[key][:5] for key in ("cir_coeff", "cir_delay_s", "X"))
    grid = OfdmGrid(1024, 20e6, 28e9)
    turns = np.exp(-2j * np.pi * delays_s[..., None].astype(float) * grid.frequencies_hz().numpy())
    response = np.einsum("bmp,bmpk->bkm", gains, turns)
    transform = AngularDelayTransform(grid, ArrayShape(1, 1, 32), 32)
    csi = transform.truncate(torch.from_numpy(response).to(torch.complex64)).numpy()
    # The file keeps 12 fraction bits of X, so each entry is off by at most 2^-13 of itself, and delays in float32: 6e-8
    # relative of the 5 us that hold nearly all energy turns a path by up to 2e-5 rad at the band edge, 10 MHz.
    error = np.linalg.norm(csi - expected, axis=(1, 2)) / np.linalg.norm(expected, axis=(1, 2))
    assert error.max() < 2**-13 + 2e-5


def test_wrong_shapes_are_refused() -> None:
    transform = _transform(64, 4, ArrayShape(1, 1, 8))
    with pytest.raises(ChannelInputError, match=r"expected complex \[\.\.\., 64, 8\]"):
        transform.truncate(torch.zeros(1, 63, 8, dtype=torch.complex64))
    with pytest.raises(ChannelInputError, match=r"expected complex \[\.\.\., 4, 8\]"):
        transform.inverse(torch.zeros(1, 4, 8))
    with pytest.raises(ChannelInputError, match="n_delay: got 65"):
        _transform(64, 65, ArrayShape(1, 1, 8))
