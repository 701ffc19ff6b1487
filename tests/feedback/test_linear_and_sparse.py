"""Identity, topk and KLT against their closed forms."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits
from torch import Tensor

from feedback.compressor import COMPRESSORS, Compressor, codeword_length
from feedback.compressors.klt import Klt, KltParameters
from feedback.errors import FeedbackInputError
from feedback.principal_axes import principal_axes
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
    energy = flat.abs().square().sum(dim=1)
    flat = flat / energy.sqrt()[:, None]
    values = torch.linalg.eigvalsh(flat.T @ flat.conj() / len(flat))
    discarded = values[: 64 - klt.length // 2].sum()
    # The eigenvalues fall by e^-2 every 10, the error is 1e-3 of the energy: float32 coefficients round at 1e-7 of
    # the energy, 1e-4 of the error.
    torch.testing.assert_close((squared_error(klt, training.train) / energy).mean(), discarded, rtol=1e-3, atol=0)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), spread=st.floats(0.0, 2.0))
def test_no_other_linear_encoder_beats_klt(seed: int, spread: float) -> None:
    training = TrainingSet(correlated_channels(200, seed=1), correlated_channels(1, seed=2))
    klt = make("klt")
    klt.fit(training, torch.Generator())
    generator = torch.Generator().manual_seed(seed)
    flat = training.train.flatten(1).to(torch.complex128)
    energy = flat.abs().square().sum(dim=1)
    flat = flat / energy.sqrt()[:, None]
    # Near the KLT (small spread) as well as far from it, each with its own best linear decoder.
    noise = torch.randn(64, klt.length // 2, dtype=torch.complex128, generator=generator) / 8
    encoder = training.principal_axes(klt.length // 2)[1].conj().to(torch.complex128) + spread * noise
    codewords = flat @ encoder
    rebuilt = codewords @ torch.linalg.lstsq(codewords, flat).solution
    other = (rebuilt - flat).abs().square().sum(dim=1).mean()
    assert (squared_error(klt, training.train) / energy).mean() <= other * (1 + 1e-3)


def test_klt_is_refused_before_it_is_fitted() -> None:
    with pytest.raises(FeedbackInputError, match="klt: got no axes, expected"):
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


def clustered(n: int, n_delay: int, n_ports: int) -> Tensor:
    """Channels whose power falls with the delay and lies around one angle, correlated over both."""
    generator = torch.Generator().manual_seed(0)
    profile = torch.exp(-torch.arange(n_delay) / 4)[:, None] * torch.exp(-(torch.linspace(-2, 2, n_ports) ** 2))
    csi = torch.randn(n, n_delay, n_ports, dtype=torch.complex64, generator=generator) * (profile + 0.01).sqrt()
    mixing = torch.eye(n_ports) + 0.1 * torch.randn(n_ports, n_ports, dtype=torch.complex64, generator=generator)
    sizes = 10 ** torch.randn(n, 1, 1, generator=generator)
    return csi @ mixing * sizes


def captured(csi: Tensor, axes: Tensor) -> float:
    """Mean share of a sample's energy on the axes."""
    unit = csi.flatten(1).to(torch.complex128)
    unit = unit / unit.abs().square().sum(1, keepdim=True).sqrt()
    return float((unit @ axes.conj().to(torch.complex128)).abs().square().sum(1).mean())


@pytest.mark.parametrize(("n", "count"), [(400, 12), (400, 40), (90, 12), (90, 120)])
def test_economical_axes_capture_what_all_eigenvectors_do(n: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    csi = clustered(n, 12, 16)
    unit = csi.flatten(1).to(torch.complex128)
    unit = unit / unit.abs().square().sum(1, keepdim=True).sqrt()
    exact, vectors = torch.linalg.eigh(unit.T @ unit.conj() / n)
    best = captured(csi, vectors.flip(1)[:, :count])
    for most, share in ((1024, 0.0), (8, 0.0), (8, 0.5)):
        # All eigenvectors, those that are wanted, and the iteration.
        monkeypatch.setattr("feedback.principal_axes._MAX_FULL", most)
        monkeypatch.setattr("feedback.principal_axes._MAX_ITERATED", share)
        values, axes = principal_axes(csi, count)
        # The iteration ends where it may gain 1e-4 of what is left, which its last ratio of gains says within a factor
        # of 3; float32 products round at 1e-6 of the whole.
        assert best - 3e-4 * (1 - best) - 1e-6 <= captured(csi, axes) <= best + 1e-6
        torch.testing.assert_close(axes.mH @ axes, torch.eye(count, dtype=torch.complex64), rtol=0, atol=1e-5)
        # Ritz values of an iteration fall short of what its axes capture by less than what it may still gain.
        assert captured(csi, axes) - 3e-4 * (1 - best) - 1e-5 <= float(values.sum()) <= captured(csi, axes) + 1e-5
        assert torch.equal(principal_axes(csi, count)[1], axes)
    assert float(exact.sum()) == pytest.approx(1, abs=1e-9)


def test_axes_have_the_same_digits_whatever_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """SciPy's BLAS has threads of its own: LAPACK's partial solution runs on one of them."""
    monkeypatch.setattr("feedback.principal_axes._MAX_FULL", 64)
    seen: list[set[int]] = []
    solve = scipy.linalg.eigh

    def counted(*args: Any, **keys: Any) -> Any:
        seen.append({pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"})
        return solve(*args, **keys)

    monkeypatch.setattr("scipy.linalg.eigh", counted)
    csi, found = clustered(500, 16, 20), []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            found.append(principal_axes(csi, 100))
    assert seen == [{1}, {1}]
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_samples_weigh_alike_and_empty_ones_nothing() -> None:
    csi = clustered(300, 6, 8)
    sized = torch.cat([csi * torch.logspace(-6, 6, 300)[:, None, None], torch.zeros(20, 6, 8, dtype=torch.complex64)])
    values, axes = principal_axes(sized, 10)
    expected, others = principal_axes(csi, 10)
    # Sums of float32 products.
    torch.testing.assert_close(values, expected, rtol=1e-5, atol=1e-6)
    assert captured(csi, axes) == pytest.approx(captured(csi, others), abs=1e-6)
    with pytest.raises(FeedbackInputError, match="got 4 training channels, all zero, expected others"):
        principal_axes(torch.zeros(4, 6, 8, dtype=torch.complex64), 3)


def test_axes_that_do_not_fit_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    csi = torch.ones(1, 1, 1, dtype=torch.complex64).expand(3000, 32, 100)
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=10**7))
    with pytest.raises(FeedbackInputError, match=r"principal axes of 3200 dimensions: they take .* expected at most"):
        principal_axes(csi, 100)


def test_separable_axes_are_exact_where_the_channel_is_and_no_better_elsewhere() -> None:
    generator = torch.Generator().manual_seed(1)
    left, right = (torch.randn(8, 8, dtype=torch.complex64, generator=generator) for _ in range(2))
    white = torch.randn(20000, 8, 8, dtype=torch.complex64, generator=generator)
    for csi, close in ((left @ white @ right, True), (correlated_channels(2000, seed=1), False)):
        training = TrainingSet(csi, csi[:0])
        errors = []
        for separable in (False, True):
            klt = Klt(KltParameters(compression_ratio=4.0, separable=separable), SHAPE)
            klt.fit(training, torch.Generator())
            torch.testing.assert_close(
                klt.vectors.mH @ klt.vectors, torch.eye(16, dtype=torch.complex64), rtol=0, atol=1e-5
            )
            errors.append(float((squared_error(klt, csi) / csi.abs().double().square().sum((1, 2))).mean()))
        assert errors[0] <= errors[1] * (1 + 1e-6)
        if close:
            # Eigenvectors from 20000 samples turn by 1 / sqrt(20000), and the error by its square times 64 dimensions.
            assert errors[1] == pytest.approx(errors[0], rel=0.02)
