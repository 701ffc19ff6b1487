"""What every predictor must obey; a new one is tested by being registered."""

import itertools

import pytest
import torch
from torch import Tensor

from feedback.predictor import PREDICTORS, Predictor, ReportHistory

NAMES = sorted(PREDICTORS.keys())
BATCH, ROWS, COLUMNS = 6, 4, 8
# Samples of each pattern of losses.
N_EACH = 2


@pytest.fixture(params=NAMES)
def predictor(request: pytest.FixtureRequest) -> Predictor:
    predictor_class = PREDICTORS.get_class(request.param)
    return predictor_class(predictor_class.Parameters(name=request.param))


def history(
    csi: Tensor, erased: Tensor | None = None, delay_s: float = 1.5e-3, period_s: float = 1e-3
) -> ReportHistory:
    lost = torch.zeros(csi.shape[:2], dtype=torch.bool) if erased is None else erased
    mean = torch.full(csi.shape[2:], 0.5 - 0.25j, dtype=torch.complex64)
    return ReportHistory(csi.masked_fill(lost[:, :, None, None], 0), lost, mean, period_s, delay_s)


def moving(n_reports: int, seed: int = 0) -> Tensor:
    """Each entry a sum of three oscillations of its own."""
    generator = torch.Generator().manual_seed(seed)
    gains = torch.randn(3, BATCH, 1, ROWS, COLUMNS, generator=generator, dtype=torch.complex64)
    turns = torch.rand(3, BATCH, 1, ROWS, COLUMNS, generator=generator) - 0.5
    phase = torch.arange(n_reports)[:, None, None] * turns
    return (gains * torch.polar(torch.ones_like(phase), phase)).sum(0)


def reports_of(predictor: Predictor) -> int:
    return predictor.parameters.default_reports


def test_shapes_and_dtypes(predictor: Predictor) -> None:
    assert 1 <= predictor.parameters.min_reports <= reports_of(predictor)
    for n_reports in (predictor.parameters.min_reports, reports_of(predictor), 20):
        predicted = predictor.predict(history(moving(n_reports)))
        assert predicted.shape == (BATCH, ROWS, COLUMNS)
        assert predicted.dtype == torch.complex64
        assert predicted.isfinite().all()


def test_samples_do_not_influence_each_other(predictor: Predictor) -> None:
    csi = moving(reports_of(predictor))
    erased = torch.rand(csi.shape[:2], generator=torch.Generator().manual_seed(1)) < 0.3
    together = predictor.predict(history(csi, erased))
    for i in range(BATCH):
        alone = predictor.predict(history(csi[i : i + 1], erased[i : i + 1]))[0]
        # Sums in another order, in double precision until the last step.
        torch.testing.assert_close(alone, together[i], rtol=1e-5, atol=1e-6)


def test_a_still_channel_is_held(predictor: Predictor) -> None:
    still = moving(1).expand(-1, reports_of(predictor), -1, -1)
    for delay_s in (0.0, 0.3e-3, 1e-3, 4e-3):
        predicted = predictor.predict(history(still, delay_s=delay_s))
        # The ridge takes at most 1e-6 off in each of up to 6 steps, and float32 rounds by 6e-8.
        torch.testing.assert_close(predicted, still[:, -1], rtol=2e-5, atol=1e-6)


def test_without_a_report_the_mean_channel_is_taken(predictor: Predictor) -> None:
    csi = moving(reports_of(predictor))
    nothing = history(csi, torch.ones(csi.shape[:2], dtype=torch.bool))
    assert torch.equal(predictor.predict(nothing), nothing.mean.expand(BATCH, -1, -1))


def test_with_a_single_report_that_one_is_held(predictor: Predictor) -> None:
    csi = moving(reports_of(predictor))
    for arrived in range(csi.shape[1]):
        erased = torch.ones(csi.shape[:2], dtype=torch.bool)
        erased[:, arrived] = False
        assert torch.equal(predictor.predict(history(csi, erased)), csi[:, arrived])


def test_any_pattern_of_losses_gives_finite_channels_within_reach(predictor: Predictor) -> None:
    csi = moving(reports_of(predictor))[:N_EACH]
    # Sparse compressors choose other entries in every report, and send exact zeros for the rest.
    chosen = torch.rand(csi.shape, generator=torch.Generator().manual_seed(2)) < 0.2
    sparse = torch.where(chosen, csi, 0)
    still = csi[:, :1].expand_as(csi)
    patterns = torch.tensor(list(itertools.product([False, True], repeat=csi.shape[1])))
    # All patterns in one batch, as samples do not influence each other.
    erased = patterns.repeat_interleave(N_EACH, 0)
    for reports in (csi, sparse, still):
        past = history(reports.repeat(len(patterns), 1, 1, 1), erased)
        predicted = predictor.predict(past)
        assert predicted.isfinite().all()
        # Twice the largest modulus that arrived, rounded to float32; the mean channel where nothing did.
        limit = torch.where(erased.all(1)[:, None, None], past.mean.abs(), 2.00001 * past.csi.abs().amax(1))
        assert (predicted.abs() <= limit).all()


def test_reports_without_a_channel_predict_none(predictor: Predictor) -> None:
    zeros = torch.zeros_like(moving(reports_of(predictor)))
    assert torch.equal(predictor.predict(history(zeros)), zeros[:, 0])


def test_entries_that_grow_do_not_run_away(predictor: Predictor) -> None:
    growing = torch.linspace(1, 3, reports_of(predictor))[:, None, None] * moving(1)
    predicted = predictor.predict(history(growing, delay_s=50e-3))
    # Twice the largest modulus, rounded to float32.
    assert (predicted.abs() <= 2.00001 * growing.abs().amax(1)).all()
