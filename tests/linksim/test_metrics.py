"""Metrics against their definitions in NumPy, closed forms, and invariances."""

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.special
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.channel_batch import ArrayShape, OfdmGrid
from channels.transforms.angular_delay import AngularDelayTransform
from linksim.errors import InputError
from linksim.metrics import METRICS
from linksim.metrics.delivered import Delivery
from linksim.metrics.outcome import LinkOutcome
from linksim.precoding import PRECODERS
from linksim.statistics.accumulator import Estimate
from linksim.subband_eigenvectors import subband_eigenvectors
from linksim.subbands import subbands

N, NT, NA, BATCH = 52, 8, 6, 7
TRANSFORM = AngularDelayTransform(OfdmGrid(N, 20e6, 28e9), ArrayShape(1, 1, NT), NA)
SNR = 10.0
LAYERS = [f"sgcs_layer{number}" for number in (2, 3, 4)]


def _random(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))


def _outcome(precoder: str = "mrt", *, moving: bool = True) -> LinkOutcome:
    plugin = PRECODERS.get_class(precoder)
    report = _random(BATCH, N, NT, seed=0)
    csi = TRANSFORM.truncate(report)
    return LinkOutcome(
        transform=TRANSFORM,
        csi_true=csi,
        csi_rebuilt=0.8 * csi + 0.3 * _random(BATCH, NA, NT, seed=1),
        response_report=report,
        response_use=report + 0.2 * _random(BATCH, N, NT, seed=2) if moving else report,
        response_estimated=report + 0.1 * _random(BATCH, N, NT, seed=3),
        precoder=plugin(plugin.Parameters()),
        snr=SNR,
        data_share=0.8,
        bits=640,
        overhead=0.25,
        delivery=Delivery(
            erased=torch.arange(BATCH) == 1,
            wrong=(torch.arange(BATCH) + 1) % 3 == 0,
            resource_elements=330,
            scale_saturated=torch.arange(BATCH) == 0,
        ),
        first_index=0,
    )


def _estimate(name: str, outcome: LinkOutcome) -> Estimate:
    metric = METRICS.get_class(name)()
    accumulator = metric.accumulator()
    metric.update(accumulator, outcome)
    estimate = accumulator.estimate()
    assert estimate is not None
    return estimate


def _value(name: str, outcome: LinkOutcome) -> float:
    return _estimate(name, outcome).value


def _db(value: float) -> float:
    return 10 * math.log10(value)


def _sgcs(true: np.ndarray, rebuilt: np.ndarray, n_subbands: int, layer: int = 1) -> np.ndarray:
    """SGCS of each sample by eigendecompositions, for channels ``[batch, n, n_rx, n_tx]``, ``[batch]``."""
    cosines = []
    for band in subbands(true.shape[1], n_subbands):
        pair = [
            np.linalg.eigh(np.einsum("bnrt,bnru->btu", h[:, band].conj(), h[:, band]))[1][..., -layer]
            for h in (true.astype(complex), rebuilt.astype(complex))
        ]
        cosines.append(np.abs(np.einsum("bt,bt->b", pair[0].conj(), pair[1])) ** 2)
    return np.mean(cosines, axis=0)


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

    error, kept = energy(true - rebuilt), energy(true) / energy(report)
    sgcs = _sgcs(report[:, :, None], response[:, :, None], 13)
    return {
        "nmse_db": _db((error / energy(true)).mean()),
        "nmse_ratio_db": _db(error.mean() / energy(true).mean()),
        "nmse_db_batchmean": _db((error / energy(true)).mean()),  # one group
        "nmse_e2e_db": _db((energy(use - response) / energy(use)).mean()),
        "rho": cosine.mean(),
        "rho_squared": (cosine**2).mean(),
        "sgcs": sgcs.mean(),
        "rate_bps_hz": rate(response).mean(),
        "rate_net_bps_hz": rate(response).mean() * outcome.data_share,
        "rate_loss_bps_hz": (rate(use) - rate(response)).mean(),
        "rate_ratio": rate(response).mean() / rate(use).mean(),
        "rate_perfect_bps_hz": rate(use).mean(),
        "bits": 640.0,
        "bits_max": 640.0,
        "overhead": 0.25,
        "report_error_rate": 3 / BATCH,
        "undetected_error_rate": 2 / BATCH,
        "scale_saturation_rate": 1 / BATCH,
        "resource_elements": 330.0,
        "estimation_nmse_db": _db((energy(estimated - report) / energy(report)).mean()),
        "truncation_nmse_db": _db((1 - kept).mean()),
        "energy_kept": kept.mean(),
        "samples_left_out": 0.0,
    }


@pytest.mark.parametrize("name", sorted(set(METRICS.keys()) - {"rho_hf_all", *LAYERS}))
@pytest.mark.parametrize("precoder", sorted(PRECODERS.keys()))
@pytest.mark.parametrize("moving", [True, False])
def test_definition(name: str, precoder: str, moving: bool) -> None:
    outcome = _outcome(precoder, moving=moving)
    # float32 sums of a few hundred terms against float64; 1e-5 in a ratio is 5e-5 dB.
    assert _value(name, outcome) == pytest.approx(_definitions(outcome)[name], rel=1e-5, abs=5e-5)


@pytest.mark.parametrize("number", [2, 3, 4])
def test_sgcs_of_every_layer(number: int) -> None:
    # Subbands wide enough for four eigenvectors of one UE antenna's rows.
    outcome = replace(_outcome(), n_subbands=2)
    true, rebuilt = (outcome.matrices(h).numpy() for h in (outcome.response_report, outcome.response_reconstructed))
    # Eigenvalues that lie a tenth apart turn by ten times the rounding of float32 products, about 1e-6.
    assert _value(f"sgcs_layer{number}", outcome) == pytest.approx(_sgcs(true, rebuilt, 2, number).mean(), rel=1e-3)


def test_a_reported_precoder_is_used_as_it_is() -> None:
    outcome = _outcome()
    channels = outcome.matrices(outcome.response_report)
    bands = subbands(channels.shape[1])
    precoder = subband_eigenvectors(channels, bands, 2).transpose(1, 2)
    seen = outcome.with_report(None, bits=7, overhead=None, precoder_reported=precoder)
    assert _value("sgcs", seen) == pytest.approx(1, abs=1e-5)
    weights = torch.cat([precoder[:, 0, [t]].expand(-1, b.stop - b.start, -1) for t, b in enumerate(bands)], dim=1)
    gain = (outcome.matrices(outcome.response_use)[:, :, 0] * weights).sum(-1).abs().square()
    assert _value("rate_bps_hz", seen) == pytest.approx(float(torch.log2(1 + SNR * gain).mean()), rel=1e-5)
    # Neither a third layer nor an overhead in real numbers.
    for name in ("sgcs_layer3", "overhead"):
        accumulator = METRICS.get_class(name)().accumulator()
        assert METRICS.get_class(name)().update(accumulator, seen) == ()


def test_some_of_the_samples() -> None:
    """What is left of an outcome says of its samples what the whole says, and where they were."""
    outcome, kept = _outcome(), torch.arange(BATCH) % 3 != 1
    part = outcome.only(kept)
    assert part.left_out == (1, 4)
    assert part.indices.tolist() == [0, 2, 3, 5, 6]
    assert _value("samples_left_out", part) == 2
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
    outcome = replace(_outcome(), csi_rebuilt=None)
    for name in METRICS:
        if METRICS.get_class(name).needs_reconstruction:
            continue
        assert math.isfinite(_value(name, outcome))
    with pytest.raises(ValueError, match="csi_rebuilt: got None"):
        _value("nmse_db", outcome)


def test_with_report_equals_a_fresh_outcome() -> None:
    outcome = _outcome()
    rebuilt = outcome.csi_true * 0.5
    for name in METRICS:
        if not METRICS.get_class(name).on_request:
            _value(name, outcome)
    other = outcome.with_report(rebuilt, bits=3, overhead=0.5, delivery=outcome.delivery)
    fresh = replace(outcome, csi_rebuilt=rebuilt, bits=3, overhead=0.5)
    for name in METRICS:
        if name != "rho_hf_all":
            assert _estimate(name, other) == _estimate(name, fresh)


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(1e-3, 1e3), phase=st.floats(0, 6.3))
def test_similarity_and_rate_ignore_scale_and_phase(scale: float, phase: float) -> None:
    outcome = _outcome()
    factor = torch.polar(torch.tensor(scale), torch.tensor(phase))
    turned = outcome.with_report(outcome.rebuilt * factor, bits=640, overhead=0.25)
    for name in ("rho", "rho_squared", "sgcs", "rate_bps_hz", "rate_ratio"):
        # Some tens of float32 roundings.
        assert _value(name, turned) == pytest.approx(_value(name, outcome), rel=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_mrt_never_beats_perfect_csi(seed: int) -> None:
    outcome = _outcome().with_report(_random(BATCH, NA, NT, seed=seed), bits=None, overhead=1.0)
    assert (outcome.rate <= outcome.rate_perfect + 1e-6).all()
    assert 0 < _value("rate_ratio", outcome) < 1
    assert _value("rate_loss_bps_hz", outcome) > 0


def test_a_perfect_report_of_a_short_channel() -> None:
    """A channel inside the kept delays, reported without error, loses nothing."""
    csi = _random(BATCH, NA, NT, seed=5)
    response = TRANSFORM.inverse(csi)
    outcome = replace(_outcome(), csi_true=csi, csi_rebuilt=csi, response_report=response, response_use=response)
    assert _value("nmse_db", outcome) == -math.inf
    # What is left is rounding: the documented floor.
    assert _value("nmse_e2e_db", outcome) < -60
    for name in ("rho", "sgcs", "rate_ratio", "energy_kept"):
        assert _value(name, outcome) == pytest.approx(1, abs=1e-6)
    assert _value("rate_loss_bps_hz", outcome) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(("scale", "noise"), [(1.0, 0.1), (0.5, 0.0), (0.9, 0.3)])
def test_closed_forms_of_a_scaled_noisy_report(scale: float, noise: float) -> None:
    """X_hat = a X + noise of relative power v, orthogonal to X: NMSE (1 - a)^2 + v."""
    batch = 400
    csi = _random(batch, NA, NT, seed=6)
    energy = csi.abs().square().sum((1, 2), keepdim=True)
    disturbance = _random(batch, NA, NT, seed=7)
    # Made orthogonal to X and of exact power, so that the NMSE is exact.
    disturbance -= csi * (csi.conj() * disturbance).sum((1, 2), keepdim=True) / energy
    disturbance *= (noise * energy / disturbance.abs().square().sum((1, 2), keepdim=True)).sqrt()
    response = TRANSFORM.inverse(csi)
    outcome = replace(
        _outcome(),
        csi_true=csi,
        csi_rebuilt=scale * csi + disturbance,
        response_report=response,
        response_use=response,
    )
    expected = _db((1 - scale) ** 2 + noise)
    for name in ("nmse_db", "nmse_ratio_db", "nmse_e2e_db"):
        assert _value(name, outcome) == pytest.approx(expected, abs=1e-3)
    if noise == 0:
        assert _value("sgcs", outcome) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("correlation", [0.3, 0.9])
def test_squared_cosine_of_jointly_gaussian_vectors(correlation: float) -> None:
    """Mean of the sample coherence of N pairs (Carter 1973): 1/N + (N-1)/(N+1) r^2 2F1(1, 1; N+2; r^2)."""
    batch = 400
    csi = _random(batch, NA, NT, seed=6)
    rebuilt = correlation * csi + math.sqrt(1 - correlation**2) * _random(batch, NA, NT, seed=7)
    response = TRANSFORM.inverse(csi)
    outcome = replace(_outcome(), csi_true=csi, csi_rebuilt=rebuilt, response_report=response, response_use=response)
    squared = correlation**2
    expected = 1 / NT + (NT - 1) / (NT + 1) * squared * scipy.special.hyp2f1(1, 1, NT + 2, squared)
    estimate = _estimate("rho_squared", outcome)
    assert estimate.low is not None
    assert estimate.high is not None
    # Twice the 95 % interval: about four standard deviations.
    assert abs(estimate.value - expected) < estimate.high - estimate.low


def test_random_report_has_the_cosine_of_chance() -> None:
    """Independent isotropic vectors of length Nt: E cos^2 = 1 / Nt, and the gain of random unit weights is E|h|^2."""
    batch = 400
    response = _random(batch, N, NT, seed=8)
    outcome = replace(
        _outcome(),
        csi_true=TRANSFORM.truncate(response),
        csi_rebuilt=_random(batch, NA, NT, seed=9),
        response_report=response,
        response_use=response,
    )
    estimate = _estimate("rho_squared", outcome)
    assert estimate.low is not None
    assert estimate.high is not None
    # Twice the 95 % interval: about four standard deviations.
    assert abs(estimate.value - 1 / NT) < estimate.high - estimate.low
    gain = outcome.gain.double()
    assert abs(float(gain.mean()) - 1) < 4 * float(gain.mean(1).std()) / math.sqrt(batch)


def test_one_path_has_full_array_gain() -> None:
    """A single plane wave of unit power per antenna: rate log2(1 + SNR Nt)."""
    csi = torch.zeros(1, NA, NT, dtype=torch.complex64)
    csi[0, 2, 3] = math.sqrt(N * NT)
    response = TRANSFORM.inverse(csi)
    outcome = replace(_outcome(), csi_true=csi, csi_rebuilt=csi, response_report=response, response_use=response)
    assert _value("rate_bps_hz", outcome) == pytest.approx(math.log2(1 + SNR * NT), rel=1e-6)


def test_zero_report() -> None:
    """A BS that holds nothing transmits from the first port."""
    outcome = _outcome().with_report(torch.zeros(BATCH, NA, NT, dtype=torch.complex64), bits=0, overhead=0.0)
    assert _value("nmse_db", outcome) == pytest.approx(0, abs=1e-6)
    for name in ("rho", "rho_squared", "sgcs"):
        assert _value(name, outcome) == 0
    first = torch.log2(1 + SNR * outcome.response_use[..., 0].abs().square()).mean()
    assert _value("rate_bps_hz", outcome) == pytest.approx(float(first), rel=1e-6)


@pytest.mark.parametrize("name", ["bits", "report_error_rate", "undetected_error_rate", "scale_saturation_rate"])
def test_an_analogue_report_over_a_link_without_a_code_has_no_such_figure(name: str) -> None:
    metric = METRICS.get_class(name)()
    accumulator = metric.accumulator()
    metric.update(accumulator, replace(_outcome(), bits=None, delivery=Delivery()))
    assert accumulator.estimate() is None


@pytest.mark.parametrize("name", ["nmse_db", "nmse_e2e_db", "rho", "sgcs", "rate_bps_hz", "rate_ratio"])
def test_nan_is_refused(name: str) -> None:
    rebuilt = _outcome().rebuilt.clone()
    rebuilt[3, 0, 0] = math.nan
    with pytest.raises(InputError, match=f"metric {name}: got nan"):
        _value(name, _outcome().with_report(rebuilt, bits=None, overhead=0.25))


def test_batchmean_groups_by_sample_index() -> None:
    """Batches that straddle a group give what one pass over all samples gives."""
    batch = 450
    csi = _random(batch, NA, NT, seed=10)
    rebuilt = csi + torch.linspace(0.1, 0.5, batch)[:, None, None] * _random(batch, NA, NT, seed=11)
    error = ((csi - rebuilt).abs().square().sum((1, 2)) / csi.abs().square().sum((1, 2))).double()
    expected = np.mean([_db(float(part.mean())) for part in error.split(200)])
    metric = METRICS.get_class("nmse_db_batchmean")()
    accumulator = metric.accumulator()
    for first in range(0, batch, 130):
        part = slice(first, first + 130)
        metric.update(
            accumulator, replace(_outcome(), csi_true=csi[part], csi_rebuilt=rebuilt[part], first_index=first)
        )
    estimate = accumulator.estimate()
    assert estimate is not None
    assert estimate.value == pytest.approx(expected, abs=1e-5)
    assert estimate.n == 3


def test_legacy_rho() -> None:
    """Against the loop of the definition: 257 points, 125 bins, per bin over the angles."""
    outcome = replace(_outcome(), hf_all=_random(BATCH, 125, NT, seed=12))
    assert outcome.csi_rebuilt is not None
    assert outcome.hf_all is not None
    cosines = []
    for rebuilt, reference in zip(outcome.csi_rebuilt.numpy(), outcome.hf_all.numpy(), strict=True):
        bins = np.exp(-2j * np.pi * np.outer(np.arange(125), np.arange(NA)) / 257) @ rebuilt
        cosines += [
            abs(np.vdot(one, other)) / (np.linalg.norm(one) * np.linalg.norm(other))
            for one, other in zip(bins, reference, strict=True)
        ]
    assert _value("rho_hf_all", outcome) == pytest.approx(np.mean(cosines), rel=1e-5)
    metric = METRICS.get_class("rho_hf_all")()
    accumulator = metric.accumulator()
    metric.update(accumulator, replace(outcome, hf_all=None))
    assert accumulator.estimate() is None


def test_two_ue_antennas() -> None:
    """Rate, rho and SGCS against singular value decompositions."""
    n_rx = 2
    transform = AngularDelayTransform(OfdmGrid(N, 20e6, 28e9), ArrayShape(1, 1, NT, n_rx), N)
    report = _random(BATCH, N, n_rx * NT, seed=0)
    known = report + 0.5 * _random(BATCH, N, n_rx * NT, seed=1)
    plugin = PRECODERS.get_class("mrt")
    outcome = LinkOutcome(
        transform=transform,
        csi_true=transform.truncate(report),
        csi_rebuilt=transform.truncate(known),
        response_report=report,
        response_use=report,
        response_estimated=report,
        precoder=plugin(plugin.Parameters()),
        snr=SNR,
    )
    true, held = (h.numpy().reshape(BATCH, N, n_rx, NT).astype(complex) for h in (report, known))
    vectors = [np.linalg.svd(h)[2][..., 0, :].conj() for h in (true, held)]
    gain = (np.abs(np.einsum("bnrt,bnt->bnr", true, vectors[1])) ** 2).sum(-1)
    # Rounding of float32, times the condition of eigenvectors whose eigenvalues differ by a few percent.
    assert _value("rate_bps_hz", outcome) == pytest.approx(np.log2(1 + SNR * gain).mean(), rel=1e-5)
    best = np.linalg.svd(true, compute_uv=False)[..., 0] ** 2
    assert _value("rate_perfect_bps_hz", outcome) == pytest.approx(np.log2(1 + SNR * best).mean(), rel=1e-5)
    cosine = np.abs(np.einsum("bnt,bnt->bn", vectors[0].conj(), vectors[1]))
    assert _value("rho", outcome) == pytest.approx(cosine.mean(), rel=1e-5)
    assert _value("sgcs", outcome) == pytest.approx(_sgcs(true, held, 13).mean(), rel=1e-5)
