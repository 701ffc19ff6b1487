"""Compressed sensing against its theory: optimality of the LASSO, state evolution of AMP."""

import pytest
import torch
from torch import Tensor

from feedback import make_compressor
from feedback.compressors.amp import Amp
from feedback.compressors.lasso import Lasso
from feedback.errors import FeedbackInputError
from feedback.random_projection import RandomProjection, soft_threshold
from feedback.training_set import TrainingSet

SHAPE = (16, 32)


def sparse(n: int, share: float, seed: int = 0, shape: tuple[int, int] = SHAPE) -> Tensor:
    """Matrices of which a share of the entries are proper complex Gaussian of variance 1, and the others zero."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(n, *shape, dtype=torch.complex64, generator=generator)
    return torch.where(torch.rand(n, *shape, generator=generator) < share, drawn, 0)


def make(name: str, shape: tuple[int, int] = SHAPE, **keys: object) -> RandomProjection:
    compressor = make_compressor(name, shape=shape, **keys)
    assert isinstance(compressor, RandomProjection)
    return compressor


def nmse(compressor: RandomProjection, csi: Tensor) -> float:
    error = compressor.decode(compressor.encode(csi)) - csi
    return float((error.abs().square().sum((1, 2)) / csi.abs().square().sum((1, 2))).mean())


def test_soft_threshold_shrinks_moduli() -> None:
    values = torch.tensor([3 + 4j, 0.3 - 0.4j, 0])
    expected = torch.tensor([3 + 4j, 0, 0]) * (4 / 5)
    assert torch.allclose(soft_threshold(values, torch.tensor(1.0)), expected, atol=1e-6)


def test_lasso_fulfils_the_optimality_conditions() -> None:
    r"""At the minimum :math:`A^H (y - A x)` is :math:`\lambda` at the phase of each entry, or less at zeros.

    FISTA's objective is within 2 L |x|^2 / k^2 of the least one, here 1e-5 of it after 1000 iterations, and strongly
    convex on the support; float32 sums of 512 products leave 1e-4 of the largest.
    """
    csi = sparse(3, 0.05)
    compressor = make("lasso", compression_ratio=4, iterations=1000, penalty=0.1)
    assert isinstance(compressor, Lasso)
    projection = compressor.projection(torch.device("cpu"))
    measured = csi.flatten(1) @ projection.T
    found = compressor.recover(measured, torch.tensor(0.1))
    weight = 0.1 * (measured @ projection.conj()).abs().amax(dim=1, keepdim=True)
    slope = (measured - found @ projection.T) @ projection.conj() / weight
    support = found != 0
    assert 0 < support.double().mean() < 0.25
    assert slope.abs().max() < 1 + 2e-3
    phases = found / found.abs().clamp_min(1e-12)
    assert (slope - phases)[support].abs().max() < 2e-3


def state_evolution(share: float, ratio: float, threshold: float, noise: float, iterations: int) -> list[float]:
    """Mean square errors of an entry that theory has after each iteration, by 250 000 draws."""
    generator = torch.Generator().manual_seed(7)
    entries = sparse(1, share, 3, (500, 500)).flatten()
    normal = torch.randn(len(entries), dtype=torch.complex64, generator=generator)
    errors, variance = [], noise + ratio * share
    for _ in range(iterations):
        found = soft_threshold(entries + variance**0.5 * normal, torch.tensor(threshold * variance**0.5))
        errors.append(float((found - entries).abs().square().mean(dtype=torch.float64)))
        variance = noise + ratio * errors[-1]
    return errors


def test_amp_follows_its_state_evolution() -> None:
    """Half as many noisy projections as entries, one entry in ten.

    60 x 1024 entries of which a tenth carry the error: its mean is known to some sqrt(2 / 6144) = 2 %, theory's to 1 %.
    At 1024 entries it deviates by a few per cent more; without the last term of the residual it is another number.
    """
    csi = sparse(60, 0.1, shape=(32, 32)).flatten(1)
    expected = state_evolution(0.1, 2.0, 1.2, 0.05, 15)
    generator = torch.Generator().manual_seed(9)
    noise = 0.05**0.5 * torch.randn(60, 512, dtype=torch.complex64, generator=generator)
    for iterations in (1, 4, 15):
        compressor = make("amp", (32, 32), compression_ratio=2, iterations=iterations)
        measured = csi @ compressor.projection(torch.device("cpu")).T + noise
        error = compressor.recover(measured, torch.tensor(1.2)) - csi
        assert float(error.abs().square().mean()) == pytest.approx(expected[iterations - 1], rel=0.08)
    assert expected[14] < 0.6 * expected[0]


@pytest.mark.parametrize("name", ["lasso", "amp"])
def test_sparse_matrices_are_recovered(name: str) -> None:
    """One entry in fifty of a quarter as many projections is far inside of where l1 minimisation recovers exactly.

    What is left is the bias of the least penalty, 1e-3 of the largest correlation, and of 100 iterations.
    """
    csi = sparse(30, 0.02)
    compressor = make(name, compression_ratio=4, iterations=100)
    compressor.fit(TrainingSet(csi[:20], csi[20:]), torch.Generator())
    assert nmse(compressor, sparse(10, 0.02, seed=5)) < 1e-3
    dense = sparse(10, 1.0, seed=6)
    assert nmse(compressor, dense) > 0.3


def test_the_projection_is_of_its_seed() -> None:
    cpu = torch.device("cpu")
    first, again, other = (make("amp", compression_ratio=8, projection_seed=seed).projection(cpu) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    # 512 x 64 entries of variance 1 / 64: the mean of their squares is known to 1 / sqrt(32768).
    assert float(first.abs().square().sum()) == pytest.approx(512, rel=5 / 32768**0.5)


def test_zero_reports_and_bad_thresholds() -> None:
    zeros = torch.zeros(2, *SHAPE, dtype=torch.complex64)
    for name in ("lasso", "amp"):
        compressor = make(name, compression_ratio=16, iterations=5)
        with pytest.raises(FeedbackInputError, match=f"{name}: got training channels that are all zero"):
            compressor.fit(TrainingSet(zeros, zeros), torch.Generator())
        with pytest.raises(FeedbackInputError, match=f"{name}: got a threshold of -1, expected 0 or more"):
            compressor.load_state({"threshold": torch.tensor(-1.0)})
        compressor.load_state({"threshold": torch.tensor(1.0)})
        assert (compressor.decode(compressor.encode(zeros)) == 0).all()


def test_cost() -> None:
    """128 complex projections of 1024 entries, 4 real multiply-adds each."""
    for name, iterations in ((Lasso, 100), (Amp, 30)):
        cost = make(name.__name__.lower(), (32, 32), compression_ratio=8).complexity()
        assert (cost.ue_macs, cost.bs_macs) == (4 * 128 * 1024, 2 * iterations * 4 * 128 * 1024)
        assert (cost.ue_parameters, cost.ue_bytes, cost.bs_parameters) == (0, 0, 1)
