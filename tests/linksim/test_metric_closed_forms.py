"""Metrics against closed forms: noise, chance, one path, nothing reported; and what has no figure."""

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.special
import torch

from channels.channel_batch import ArrayShape, OfdmGrid
from channels.transforms.angular_delay import AngularDelayTransform
from linksim.errors import InputError
from linksim.metrics import METRICS
from linksim.metrics.delivered import Delivery
from linksim.metrics.outcome import LinkOutcome
from linksim.precoding import PRECODERS
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


@pytest.mark.parametrize(("scale", "noise"), [(1.0, 0.1), (0.5, 0.0), (0.9, 0.3)])
def test_closed_forms_of_a_scaled_noisy_report(scale: float, noise: float) -> None:
    """X_hat = a X + noise of relative power v, orthogonal to X: NMSE (1 - a)^2 + v."""
    batch = 400
    csi = random_tensor(batch, NA, NT, seed=6)
    energy = csi.abs().square().sum((1, 2), keepdim=True)
    disturbance = random_tensor(batch, NA, NT, seed=7)
    # Made orthogonal to X and of exact power, so that the NMSE is exact.
    disturbance -= csi * (csi.conj() * disturbance).sum((1, 2), keepdim=True) / energy
    disturbance *= (noise * energy / disturbance.abs().square().sum((1, 2), keepdim=True)).sqrt()
    response = TRANSFORM.inverse(csi)
    outcome = replace(
        made_up_outcome(),
        csi_true=csi,
        csi_rebuilt=scale * csi + disturbance,
        response_report=response,
        response_use=response,
    )
    expected = decibels((1 - scale) ** 2 + noise)
    for name in ("nmse_db", "nmse_ratio_db", "nmse_e2e_db"):
        assert value_of(name, outcome) == pytest.approx(expected, abs=1e-3)
    if noise == 0:
        assert value_of("sgcs", outcome) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("correlation", [0.3, 0.9])
def test_squared_cosine_of_jointly_gaussian_vectors(correlation: float) -> None:
    """Mean of the sample coherence of N pairs (Carter 1973): 1/N + (N-1)/(N+1) r^2 2F1(1, 1; N+2; r^2)."""
    batch = 400
    csi = random_tensor(batch, NA, NT, seed=6)
    rebuilt = correlation * csi + math.sqrt(1 - correlation**2) * random_tensor(batch, NA, NT, seed=7)
    response = TRANSFORM.inverse(csi)
    outcome = replace(
        made_up_outcome(), csi_true=csi, csi_rebuilt=rebuilt, response_report=response, response_use=response
    )
    squared = correlation**2
    expected = 1 / NT + (NT - 1) / (NT + 1) * squared * scipy.special.hyp2f1(1, 1, NT + 2, squared)
    estimate = estimate_of("rho_squared", outcome)
    assert estimate.low is not None
    assert estimate.high is not None
    # Twice the 95 % interval: about four standard deviations.
    assert abs(estimate.value - expected) < estimate.high - estimate.low


def test_random_report_has_the_cosine_of_chance() -> None:
    """Independent isotropic vectors of length Nt: E cos^2 = 1 / Nt, and the gain of random unit weights is E|h|^2."""
    batch = 400
    response = random_tensor(batch, N, NT, seed=8)
    outcome = replace(
        made_up_outcome(),
        csi_true=TRANSFORM.truncate(response),
        csi_rebuilt=random_tensor(batch, NA, NT, seed=9),
        response_report=response,
        response_use=response,
    )
    estimate = estimate_of("rho_squared", outcome)
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
    outcome = replace(made_up_outcome(), csi_true=csi, csi_rebuilt=csi, response_report=response, response_use=response)
    assert value_of("rate_bps_hz", outcome) == pytest.approx(math.log2(1 + SNR * NT), rel=1e-6)


def test_zero_report() -> None:
    """A BS that holds nothing transmits from the first port."""
    outcome = made_up_outcome().with_report(torch.zeros(BATCH, NA, NT, dtype=torch.complex64), bits=0, overhead=0.0)
    assert value_of("nmse_db", outcome) == pytest.approx(0, abs=1e-6)
    for name in ("rho", "rho_squared", "sgcs"):
        assert value_of(name, outcome) == 0
    first = torch.log2(1 + SNR * outcome.response_use[..., 0].abs().square()).mean()
    assert value_of("rate_bps_hz", outcome) == pytest.approx(float(first), rel=1e-6)


@pytest.mark.parametrize(
    "name", ["bits", "report_error_rate", "undetected_error_rate", "scale_saturation_rate", "data_report_rate"]
)
def test_an_analogue_report_over_a_link_without_a_code_has_no_such_figure(name: str) -> None:
    metric = METRICS.get_class(name)()
    accumulator = metric.accumulator()
    metric.update(accumulator, replace(made_up_outcome(), bits=None, delivery=Delivery()))
    assert accumulator.estimate() is None


@pytest.mark.parametrize("name", ["nmse_db", "nmse_e2e_db", "rho", "sgcs", "rate_bps_hz", "rate_ratio"])
def test_nan_is_refused(name: str) -> None:
    rebuilt = made_up_outcome().rebuilt.clone()
    rebuilt[3, 0, 0] = math.nan
    with pytest.raises(InputError, match=f"metric {name}: got nan"):
        value_of(name, made_up_outcome().with_report(rebuilt, bits=None, overhead=0.25))


def test_batchmean_groups_by_sample_index() -> None:
    """Batches that straddle a group give what one pass over all samples gives."""
    batch = 450
    csi = random_tensor(batch, NA, NT, seed=10)
    rebuilt = csi + torch.linspace(0.1, 0.5, batch)[:, None, None] * random_tensor(batch, NA, NT, seed=11)
    error = ((csi - rebuilt).abs().square().sum((1, 2)) / csi.abs().square().sum((1, 2))).double()
    expected = np.mean([decibels(float(part.mean())) for part in error.split(200)])
    metric = METRICS.get_class("nmse_db_batchmean")()
    accumulator = metric.accumulator()
    for first in range(0, batch, 130):
        part = slice(first, first + 130)
        metric.update(
            accumulator, replace(made_up_outcome(), csi_true=csi[part], csi_rebuilt=rebuilt[part], first_index=first)
        )
    estimate = accumulator.estimate()
    assert estimate is not None
    assert estimate.value == pytest.approx(expected, abs=1e-5)
    assert estimate.n == 3


def test_legacy_rho() -> None:
    """Against the loop of the definition: 257 points, 125 bins, per bin over the angles."""
    outcome = replace(made_up_outcome(), hf_all=random_tensor(BATCH, 125, NT, seed=12))
    assert outcome.csi_rebuilt is not None
    assert outcome.hf_all is not None
    cosines = []
    for rebuilt, reference in zip(outcome.csi_rebuilt.numpy(), outcome.hf_all.numpy(), strict=True):
        bins = np.exp(-2j * np.pi * np.outer(np.arange(125), np.arange(NA)) / 257) @ rebuilt
        cosines += [
            abs(np.vdot(one, other)) / (np.linalg.norm(one) * np.linalg.norm(other))
            for one, other in zip(bins, reference, strict=True)
        ]
    assert value_of("rho_hf_all", outcome) == pytest.approx(np.mean(cosines), rel=1e-5)
    metric = METRICS.get_class("rho_hf_all")()
    accumulator = metric.accumulator()
    metric.update(accumulator, replace(outcome, hf_all=None))
    assert accumulator.estimate() is None


def test_two_ue_antennas() -> None:
    """Rate, rho and SGCS against singular value decompositions."""
    n_rx = 2
    transform = AngularDelayTransform(OfdmGrid(N, 20e6, 28e9), ArrayShape(1, 1, NT, n_rx), N)
    report = random_tensor(BATCH, N, n_rx * NT, seed=0)
    known = report + 0.5 * random_tensor(BATCH, N, n_rx * NT, seed=1)
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
    assert value_of("rate_bps_hz", outcome) == pytest.approx(np.log2(1 + SNR * gain).mean(), rel=1e-5)
    best = np.linalg.svd(true, compute_uv=False)[..., 0] ** 2
    assert value_of("rate_perfect_bps_hz", outcome) == pytest.approx(np.log2(1 + SNR * best).mean(), rel=1e-5)
    cosine = np.abs(np.einsum("bnt,bnt->bn", vectors[0].conj(), vectors[1]))
    assert value_of("rho", outcome) == pytest.approx(cosine.mean(), rel=1e-5)
    assert value_of("sgcs", outcome) == pytest.approx(direct_sgcs(true, held, 13).mean(), rel=1e-5)
