"""Metrics against their definitions in NumPy, closed forms, and invariances."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from linksim.metrics import METRICS
from linksim.metrics.outcome import LinkOutcome
from linksim.precoding import PRECODERS
from linksim.subband_eigenvectors import subband_eigenvectors
from linksim.subbands import subbands
from tests.linksim.direct_link_adaptation import direct_transmission
from tests.linksim.direct_multi_user import direct_selection, direct_user_rates
from tests.linksim.made_up_outcome import (
    BATCH,
    NA,
    NT,
    SNR,
    TRANSFORM,
    N,
    decibels,
    direct_sgcs,
    estimate_of,
    made_up_outcome,
    random_tensor,
    value_of,
)

LAYERS = [f"sgcs_layer{number}" for number in (2, 3, 4)]


def _definitions(outcome: LinkOutcome) -> dict[str, float]:
    """Every metric straight from its definition, in float64."""
    assert outcome.csi_rebuilt is not None
    true, rebuilt, report, use, estimated = (
        tensor.numpy().astype(complex)
        for tensor in (
            outcome.csi_true,
            outcome.csi_rebuilt,
            outcome.response_report,
            outcome.response_use,
            outcome.response_estimated,
        )
    )

    def energy(matrix: np.ndarray) -> np.ndarray:
        return (np.abs(matrix) ** 2).sum((1, 2))

    ports = np.fft.ifft(rebuilt, axis=2, norm="ortho")
    response = np.fft.fft(np.pad(ports, ((0, 0), (0, N - NA), (0, 0))), axis=1, norm="ortho")
    cosine = np.abs((response.conj() * report).sum(2)) / (
        np.linalg.norm(response, axis=2) * np.linalg.norm(report, axis=2)
    )

    def rate(known: np.ndarray) -> np.ndarray:
        weights = outcome.precoder.weights(torch.from_numpy(known)[..., None, :]).numpy()
        return np.log2(1 + SNR * np.abs((use * weights).sum(2)) ** 2).mean(1)

    def subband_rate(known: np.ndarray) -> np.ndarray:
        """Of the dominant eigenvector of each subband; one UE antenna has one layer."""
        gains = []
        for band in subbands(N):
            _, vectors = np.linalg.eigh(np.einsum("bnt,bnu->btu", known[:, band].conj(), known[:, band]))
            gains.append(np.abs(np.einsum("bnt,bt->bn", use[:, band], vectors[..., -1])) ** 2)
        return np.log2(1 + SNR * np.concatenate(gains, axis=1)).mean(1)

    def user_rates(known: np.ndarray) -> np.ndarray:
        """Of the only cell that the samples fill: the first four."""
        weights = outcome.precoder.weights(torch.from_numpy(known)[:4, :, None, :]).numpy()
        middles = [(band.start + band.stop - 1) // 2 for band in subbands(N)]
        directions = weights[:, middles].transpose(1, 0, 2)
        gram = directions.conj() @ directions.transpose(0, 2, 1)
        return direct_user_rates(use[:4, :, None], weights, SNR, direct_selection(gram, SNR * NT))

    def transmission(known: np.ndarray, cqi: np.ndarray | None) -> np.ndarray:
        """Throughput, block error rate and MCS of each sample; the best CQI for ``None``."""
        weights = outcome.precoder.weights(torch.from_numpy(known)[:, :, None, :]).numpy()
        gains = SNR * np.abs(np.einsum("bnt,bnt->bn", use, weights)) ** 2
        return np.array(
            [
                direct_transmission(row, outcome.data_share, None if cqi is None else cqi[i])
                for i, row in enumerate(gains)
            ]
        ).T

    error, kept = energy(true - rebuilt), energy(true) / energy(report)
    sgcs = direct_sgcs(report[:, :, None], response[:, :, None], 13)
    return {
        "nmse_db": decibels((error / energy(true)).mean()),
        "nmse_ratio_db": decibels(error.mean() / energy(true).mean()),
        "nmse_db_batchmean": decibels((error / energy(true)).mean()),  # one group
        "nmse_e2e_db": decibels((energy(use - response) / energy(use)).mean()),
        "rho": cosine.mean(),
        "rho_squared": (cosine**2).mean(),
        "sgcs": sgcs.mean(),
        "sgcs_e2e": direct_sgcs(use[:, :, None], response[:, :, None], 13).mean(),
        "rate_bps_hz": rate(response).mean(),
        "rate_net_bps_hz": rate(response).mean() * outcome.data_share,
        "rate_loss_bps_hz": (rate(use) - rate(response)).mean(),
        "rate_ratio": rate(response).mean() / rate(use).mean(),
        "rate_perfect_bps_hz": rate(use).mean(),
        "rank": 1.0,
        "sum_rate_bps_hz": subband_rate(response).mean(),
        "sum_rate_perfect_bps_hz": subband_rate(use).mean(),
        "throughput_bps_hz": transmission(response, np.arange(len(use)) + 5)[0].mean(),
        "throughput_perfect_bps_hz": transmission(use, None)[0].mean(),
        "bler": transmission(response, np.arange(len(use)) + 5)[1].mean(),
        "mcs": transmission(response, np.arange(len(use)) + 5)[2].mean(),
        "cell_rate_bps_hz": user_rates(response).sum(),
        "cell_rate_perfect_bps_hz": user_rates(use).sum(),
        "user_rate_bps_hz": user_rates(response).mean(),
        "user_rate_p5_bps_hz": np.percentile(user_rates(response), 5),
        "user_rate_perfect_p5_bps_hz": np.percentile(user_rates(use), 5),
        "rate_p5_bps_hz": np.percentile(rate(response), 5),
        "rate_perfect_p5_bps_hz": np.percentile(rate(use), 5),
        "throughput_p5_bps_hz": np.percentile(transmission(response, np.arange(len(use)) + 5)[0], 5),
        "throughput_perfect_p5_bps_hz": np.percentile(transmission(use, None)[0], 5),
        "ue_snr_db": decibels(SNR),
        "bits": 640.0,
        "bits_max": 640.0,
        "overhead": 0.25,
        "report_error_rate": 3 / BATCH,
        "undetected_error_rate": 2 / BATCH,
        "scale_saturation_rate": 1 / BATCH,
        "data_report_rate": 1.0,
        "resource_elements": 330.0,
        "estimation_nmse_db": decibels((energy(estimated - report) / energy(report)).mean()),
        "truncation_nmse_db": decibels((1 - kept).mean()),
        "energy_kept": kept.mean(),
        "samples_left_out": 0.0,
    }


@pytest.mark.parametrize("name", sorted(set(METRICS.keys()) - {"rho_hf_all", *LAYERS}))
@pytest.mark.parametrize("precoder", sorted(PRECODERS.keys()))
@pytest.mark.parametrize("moving", [True, False])
def test_definition(name: str, precoder: str, moving: bool) -> None:
    outcome, values = _outcome_and_definitions(precoder, moving)
    # float32 sums of a few hundred terms against float64; 1e-5 in a ratio is 5e-5 dB.
    assert value_of(name, outcome) == pytest.approx(values[name], rel=1e-5, abs=5e-5)


@cache
def _outcome_and_definitions(precoder: str, moving: bool) -> tuple[LinkOutcome, dict[str, float]]:
    outcome = made_up_outcome(precoder, moving=moving)
    return outcome, _definitions(outcome)


@pytest.mark.parametrize("number", [2, 3, 4])
def test_sgcs_of_every_layer(number: int) -> None:
    # Subbands wide enough for four eigenvectors of one UE antenna's rows.
    outcome = replace(made_up_outcome(), n_subbands=2)
    true, rebuilt = (each.matrices.numpy() for each in (outcome.true_report, outcome.known_report))
    # Eigenvalues that lie a tenth apart turn by ten times the rounding of float32 products, about 1e-6.
    assert value_of(f"sgcs_layer{number}", outcome) == pytest.approx(
        direct_sgcs(true, rebuilt, 2, number).mean(), rel=1e-3
    )


def test_a_reported_precoder_is_used_as_it_is() -> None:
    outcome = made_up_outcome()
    channels = outcome.true_report.matrices
    bands = subbands(channels.shape[1])
    precoder = subband_eigenvectors(channels, bands, 2).transpose(1, 2)
    seen = outcome.with_report(None, bits=7, overhead=None, precoder_reported=precoder)
    assert value_of("sgcs", seen) == pytest.approx(1, abs=1e-5)
    weights = torch.cat([precoder[:, 0, [t]].expand(-1, b.stop - b.start, -1) for t, b in enumerate(bands)], dim=1)
    gain = (outcome.true_use.matrices[:, :, 0] * weights).sum(-1).abs().square()
    assert value_of("rate_bps_hz", seen) == pytest.approx(float(torch.log2(1 + SNR * gain).mean()), rel=1e-5)
    # Neither a third layer nor an overhead in real numbers.
    for name in ("sgcs_layer3", "overhead"):
        accumulator = METRICS.get_class(name)().accumulator()
        assert METRICS.get_class(name)().update(accumulator, seen) == ()


def test_some_of_the_samples() -> None:
    """What is left of an outcome says of its samples what the whole says, and where they were."""
    outcome, kept = made_up_outcome(), torch.arange(BATCH) % 3 != 1
    part = outcome.only(kept)
    assert part.left_out == (1, 4)
    assert part.indices.tolist() == [0, 2, 3, 5, 6]
    assert value_of("samples_left_out", part) == 2
    for name in ("nmse_db", "rho", "sgcs", "rate_bps_hz"):
        metric = METRICS.get_class(name)()
        (whole,), (some,) = (metric.update(metric.accumulator(), each) for each in (outcome, part))
        torch.testing.assert_close(some, whole[kept], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", sorted(METRICS.keys()))
def test_every_metric_says_what_it_is(name: str) -> None:
    metric = METRICS.get_class(name)
    assert metric.name == name
    assert metric.unit in {"dB", "1", "bit/s/Hz", "bit"}
    assert metric.domain
    assert metric.aggregation
    assert metric.__doc__
    assert metric.label
    assert "[" not in metric.label  # the unit is added where it is shown
    assert metric.meaning.endswith(".")
    assert metric.stem.isidentifier()
    assert metric.better in {"low", "high", None}


def test_metrics_are_told_apart_by_label_and_stem() -> None:
    metrics = list(METRICS.classes())
    assert len({metric.label for metric in metrics}) == len({metric.stem for metric in metrics}) == len(METRICS)


def test_metrics_of_the_channel_need_no_report() -> None:
    outcome = replace(made_up_outcome(), csi_rebuilt=None)
    for name in METRICS:
        if METRICS.get_class(name).needs_reconstruction:
            continue
        assert math.isfinite(value_of(name, outcome))
    with pytest.raises(ValueError, match="csi_rebuilt: got None"):
        value_of("nmse_db", outcome)


@pytest.mark.parametrize("moving", [True, False])
def test_with_report_equals_a_fresh_outcome(moving: bool) -> None:
    outcome = made_up_outcome(moving=moving)
    rebuilt = outcome.csi_true * 0.5
    for name in METRICS:
        if name != "rho_hf_all":
            estimate_of(name, outcome)
    other = outcome.with_report(rebuilt, bits=3, overhead=0.5, delivery=outcome.delivery, cqi=outcome.cqi)
    fresh = replace(outcome, csi_rebuilt=rebuilt, bits=3, overhead=0.5)
    for name in METRICS:
        if name != "rho_hf_all":
            assert estimate_of(name, other) == estimate_of(name, fresh)


def test_reports_share_what_the_first_computes_of_their_channels() -> None:
    outcome = made_up_outcome()
    first, second = (outcome.with_report(outcome.csi_true * scale, bits=3, overhead=0.5) for scale in (0.5, 0.25))
    assert first.rate_perfect is second.rate_perfect is outcome.rate_perfect
    assert first.with_report(outcome.csi_true, bits=3, overhead=0.5).weights_perfect is outcome.weights_perfect
    kept = torch.tensor([True] * (BATCH - 1) + [False])
    assert first.only(kept).rate_perfect.tolist() == outcome.rate_perfect[:-1].tolist()


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(1e-3, 1e3), phase=st.floats(0, 6.3))
def test_similarity_and_rate_ignore_scale_and_phase(scale: float, phase: float) -> None:
    outcome = made_up_outcome()
    factor = torch.polar(torch.tensor(scale), torch.tensor(phase))
    turned = outcome.with_report(outcome.rebuilt * factor, bits=640, overhead=0.25)
    for name in ("rho", "rho_squared", "sgcs", "rate_bps_hz", "rate_ratio"):
        # Some tens of float32 roundings.
        assert value_of(name, turned) == pytest.approx(value_of(name, outcome), rel=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_mrt_never_beats_perfect_csi(seed: int) -> None:
    outcome = made_up_outcome().with_report(random_tensor(BATCH, NA, NT, seed=seed), bits=None, overhead=1.0)
    assert (outcome.rate <= outcome.rate_perfect + 1e-6).all()
    assert 0 < value_of("rate_ratio", outcome) < 1
    assert value_of("rate_loss_bps_hz", outcome) > 0


def test_a_perfect_report_of_a_short_channel() -> None:
    """A channel inside the kept delays, reported without error, loses nothing."""
    csi = random_tensor(BATCH, NA, NT, seed=5)
    response = TRANSFORM.inverse(csi)
    outcome = replace(made_up_outcome(), csi_true=csi, csi_rebuilt=csi, response_report=response, response_use=response)
    assert value_of("nmse_db", outcome) == -math.inf
    # What is left is rounding: the documented floor.
    assert value_of("nmse_e2e_db", outcome) < -60
    for name in ("rho", "sgcs", "rate_ratio", "energy_kept"):
        assert value_of(name, outcome) == pytest.approx(1, abs=1e-6)
    assert value_of("rate_loss_bps_hz", outcome) == pytest.approx(0, abs=1e-5)
