"""Identity, topk and KLT against their closed forms."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import feedback.compressors  # noqa: F401 - registers the compressors
from feedback.compressor import COMPRESSORS, Compressor, codeword_length
from feedback.errors import FeedbackInputError
from feedback.training_set import TrainingSet

SHAPE = (8, 8)


def correlated_channels(n: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(64, 64, dtype=torch.complex64, generator=torch.Generator().manual_seed(99))
    profile = torch.exp(-torch.arange(64) / 10)
    white = torch.randn(n, 64, dtype=torch.complex64, generator=generator)
    return ((white * profile) @ mixing).unflatten(1, SHAPE)


def make(name: str, compression_ratio: float | None = 4.0) -> Compressor:
    compressor_class = COMPRESSORS.get_class(name)
    return compressor_class(compressor_class.Parameters(compression_ratio=compression_ratio), SHAPE)


def squared_error(compressor: Compressor, csi: Tensor) -> Tensor:
    """Per sample, float64."""
    error = compressor.decode(compressor.encode(csi)) - csi
    return torch.view_as_real(error).double().square().sum(dim=(1, 2, 3))


@pytest.fixture(scope="module")
def training() -> TrainingSet:
    return TrainingSet(correlated_channels(400, seed=1), correlated_channels(100, seed=2))


def test_identity_is_exact_whatever_the_ratio(training: TrainingSet) -> None:
    for ratio in (None, 4.0, 3.0):
        identity = make("identity", ratio)
        assert identity.length == 128
        assert torch.equal(identity.decode(identity.encode(training.train)), training.train)


def test_topk_error_is_the_energy_it_leaves_out(training: TrainingSet) -> None:
    topk = make("topk")
    energy = training.train.abs().flatten(1).double().square().sort(dim=1).values
    left_out = energy[:, : 64 - topk.length // 2].sum(dim=1)
    # Squared float32 moduli round at 2^-23.
    torch.testing.assert_close(squared_error(topk, training.train), left_out, rtol=1e-5, atol=0)


def test_topk_sends_positions_in_order_and_counts_their_bits(training: TrainingSet) -> None:
    codeword = make("topk").encode(training.train)
    positions = codeword.side["positions"]
    assert (positions.diff(dim=1) > 0).all()
    assert codeword.side_bits == math.ceil(math.log2(math.comb(64, 16)))
    # All entries kept: one set only, nothing to tell.
    assert make("topk", 1.0).encode(training.train).side_bits == 0


def test_klt_error_is_the_sum_of_the_discarded_eigenvalues(training: TrainingSet) -> None:
    klt = make("klt")
    klt.fit(training, torch.Generator())
    flat = training.train.flatten(1).to(torch.complex128)
    values = torch.linalg.eigvalsh(flat.T @ flat.conj() / len(flat))
    discarded = values[: 64 - klt.length // 2].sum()
    # The eigenvalues fall by e^-2 every 10, the error is 1e-3 of the energy: float32 coefficients round at 1e-7 of
    # the energy, 1e-4 of the error.
    torch.testing.assert_close(squared_error(klt, training.train).mean(), discarded, rtol=1e-3, atol=0)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), spread=st.floats(0.0, 2.0))
def test_no_other_linear_encoder_beats_klt(seed: int, spread: float) -> None:
    training = TrainingSet(correlated_channels(200, seed=1), correlated_channels(1, seed=2))
    klt = make("klt")
    klt.fit(training, torch.Generator())
    generator = torch.Generator().manual_seed(seed)
    flat = training.train.flatten(1).to(torch.complex128)
    # Near the KLT (small spread) as well as far from it, each with its own best linear decoder.
    noise = torch.randn(64, klt.length // 2, dtype=torch.complex128, generator=generator) / 8
    encoder = training.principal_axes[1][:, : klt.length // 2].conj().to(torch.complex128) + spread * noise
    codewords = flat @ encoder
    rebuilt = codewords @ torch.linalg.lstsq(codewords, flat).solution
    other = (rebuilt - flat).abs().square().sum(dim=1).mean()
    assert squared_error(klt, training.train).mean() <= other * (1 + 1e-3)


def test_klt_is_refused_before_it_is_fitted() -> None:
    with pytest.raises(FeedbackInputError, match="klt: got no principal axes, expected"):
        make("klt").encode(correlated_channels(1, seed=0))


@pytest.mark.parametrize("name", ["klt", "topk"])
def test_complex_reports_need_an_even_length(name: str) -> None:
    with pytest.raises(FeedbackInputError, match="expected an even number"):
        make(name, 128.0)


def test_klt_multiplies_as_often_as_its_matrix_has_entries() -> None:
    cost = make("klt").complexity()
    assert (cost.ue_macs, cost.bs_macs) == (4 * 64 * 16, 4 * 64 * 16)
    assert (cost.ue_parameters, cost.bs_parameters) == (2 * 64 * 16, 2 * 64 * 16)


@given(rows=st.integers(1, 40), columns=st.integers(1, 40), length=st.integers(1, 3200))
def test_codeword_length_inverts_the_ratio(rows: int, columns: int, length: int) -> None:
    entries = 2 * rows * columns
    if length <= entries:
        assert codeword_length((rows, columns), entries / length) == length
    else:
        with pytest.raises(FeedbackInputError):
            codeword_length((rows, columns), entries / length)
