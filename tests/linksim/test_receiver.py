"""MMSE-IRC receiver: closed forms, the definition in loops, and its way through the chain."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from feedback.codebooks.link_quality import mmse_sinr
from linksim.link_adaptation.receiver import Receiver, sample_covariance
from tests.linksim.made_up_outcome import random_tensor

BATCH, NC, N_RX = 3, 4, 3
WHITE = torch.eye(N_RX, dtype=torch.complex128).expand(BATCH, -1, -1)
SENT = torch.tensor([[True, True], [True, False], [True, True]])
EFFECTIVE = 2 * random_tensor(BATCH, NC, N_RX, 2, seed=1) * SENT[:, None, None]


def colour(interferer: torch.Tensor, power: float) -> torch.Tensor:
    """White noise and one interferer ``[batch, n_rx]``."""
    return WHITE + power * interferer[:, :, None] @ interferer[:, None].conj().to(torch.complex128)


def test_a_receiver_that_knows_all_is_the_mmse_receiver() -> None:
    found = Receiver(WHITE, WHITE, 0.0).sinr(EFFECTIVE, SENT)
    torch.testing.assert_close(found, mmse_sinr(EFFECTIVE.mH @ EFFECTIVE), rtol=1e-5, atol=1e-9)
    assert not found[1, :, 1].any()


def test_known_interference_is_rejected_as_the_closed_form_says() -> None:
    r"""One layer: :math:`g^H R^{-1} g`, by Sherman and Morrison; with no end of power it is nulled."""
    interferer = random_tensor(BATCH, N_RX, seed=2).to(torch.complex128)
    one, alone = EFFECTIVE[..., :1], SENT[:, :1]
    g = one[..., 0].to(torch.complex128)
    norm, cross = g.abs().square().sum(-1), (g.conj() * interferer[:, None]).sum(-1).abs().square()
    for power in (1.0, 1e6):
        covariance = colour(interferer, power)
        strength = interferer.abs().square().sum(-1)[:, None]
        expected = norm - power * cross / (1 + power * strength)
        found = Receiver(covariance, covariance, 0.0).sinr(one, alone)[..., 0]
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)
        # Who takes it for white noise of its power stays behind.
        ignorant = Receiver(covariance, WHITE * (1 + power * strength[..., None] / N_RX), 0.0).sinr(one, alone)[..., 0]
        assert (ignorant <= expected * (1 + 1e-9)).all()


def test_a_covariance_of_few_elements_costs_what_reed_mallett_and_brennan_say() -> None:
    count, n_samples = 3000, 16
    covariance = torch.diag(torch.tensor([1.0, 2, 3, 30], dtype=torch.complex128)).expand(count, -1, -1)
    draws = random_tensor(count, 4, n_samples, seed=3)
    known = sample_covariance(covariance, draws)
    torch.testing.assert_close(known.mean(0), covariance[0], rtol=0, atol=5 * 30 / math.sqrt(count * n_samples))
    g, sent = torch.ones(count, 1, 4, 1, dtype=torch.complex64), torch.ones(count, 1, dtype=torch.bool)
    best = 1 + 1 / 2 + 1 / 3 + 1 / 30
    shares = Receiver(covariance, known, 0.0).sinr(g, sent).flatten() / best
    # A beta distribution of (K - N + 2, N - 1): mean 14/17, of which five standard errors may be missing.
    assert float(shares.mean()) == pytest.approx(14 / 17, abs=5 * float(shares.std()) / math.sqrt(count))


@pytest.mark.parametrize("transmission", [0, 1])
def test_errors_of_the_effective_channel_are_noise_by_definition(transmission: int) -> None:
    variance = 0.2
    errors = tuple(math.sqrt(variance) * random_tensor(BATCH, NC, N_RX, 4, seed=seed) for seed in (4, 5))
    covariance = colour(random_tensor(BATCH, N_RX, seed=6).to(torch.complex128), 2.0)
    known = sample_covariance(covariance, random_tensor(BATCH, N_RX, 20, seed=7))
    receiver = Receiver(covariance, known, variance, errors)
    found = receiver.sinr(EFFECTIVE, SENT, transmission).numpy()
    for row in range(BATCH):
        layers = int(SENT[row].sum())
        for n in range(NC):
            g = EFFECTIVE[row, n, :, :layers].numpy().astype(complex)
            seen = g + errors[transmission][row, n, :, :layers].numpy()
            loaded = seen @ seen.conj().T + known[row].numpy() + layers * variance * np.eye(N_RX)
            filters = np.linalg.solve(loaded, seen)
            for layer in range(layers):
                f = filters[:, layer].conj()
                wanted = abs(f @ seen[:, layer]) ** 2
                other = sum(abs(f @ g[:, j]) ** 2 for j in range(layers) if j != layer)
                noise = abs(f @ (g - seen)[:, layer]) ** 2 + other + (f @ covariance[row].numpy() @ f.conj()).real
                assert found[row, n, layer] == pytest.approx(wanted / noise, rel=1e-6)
    ideal = Receiver(covariance, covariance, 0.0).sinr(EFFECTIVE, SENT)
    expected = Receiver(covariance, covariance, variance, errors).expected.sinr(EFFECTIVE, SENT)
    assert (expected <= ideal + 1e-12).all()
    # One layer more of errors: noise of 1 becomes 1 + 0.2.
    white = Receiver(WHITE, WHITE, variance).expected.sinr(EFFECTIVE, SENT)[1, :, 0]
    torch.testing.assert_close(white, EFFECTIVE[1, :, :, 0].abs().square().sum(-1).double() / 1.2, rtol=1e-5, atol=0)


def test_what_a_ue_expects_is_what_it_gets_in_the_mean_of_good_estimates() -> None:
    """Of errors 20 dB below the noise the SINR is off by a hundredth of that of errors as noise."""
    g = 3 * random_tensor(2000, 1, 2, 2, seed=8)
    sent, white = torch.ones(2000, 2, dtype=torch.bool), torch.eye(2, dtype=torch.complex128).expand(2000, -1, -1)
    receiver = Receiver(white, white, 0.01, (0.1 * random_tensor(2000, 1, 2, 4, seed=9),))
    loss = 10 * torch.log10(receiver.sinr(g, sent) / receiver.expected.sinr(g, sent))
    # Spread over 4000 SINRs, some dB where layers are hard to part.
    assert abs(float(loss.mean())) < 0.05 + 5 * float(loss.std()) / math.sqrt(4000)


@pytest.fixture
def results(tiny: dict[str, Any], run_folder: Callable[..., Path]) -> Callable[..., pd.DataFrame]:
    """Value of each metric, by compressor, of UEs with eight antennas."""
    made = iter(range(10))

    def call(samples: int = 60, batch_size: int = 60, **link_adaptation: Any) -> pd.DataFrame:
        channel = {"source": "sionna", "model": "CDL-C", "n_subcarriers": 12, "bandwidth_hz": 0.18e6, "n_columns": 4}
        document = tiny | {
            "channel": channel | {"n_rx": 8, "carrier_hz": 2e9, "delay_spread_s": 1e-7},
            "transform": {"n_delay": 12, "normalisation": "none"},
            "compression_ratio": 1,
            "sgcs": {"n_subbands": 2},
            "precoder": {"name": "mrt_subband", "n_subbands": 2},
            "estimation": {"name": "perfect"},
            "compressors": [{"name": "identity"}],
            "link_adaptation": link_adaptation,
            "metrics": ["throughput_bps_hz", "throughput_perfect_bps_hz", "bler", "rank"],
            "monte_carlo": {"samples": samples, "batch_size": batch_size},
            "sweeps": {},
        }
        table = pd.read_csv(run_folder(document, out=f"out{next(made)}") / "results.csv")
        return table.pivot_table(index="compressor", columns="metric", values="value")

    return call


def test_receivers_of_eight_antennas_in_the_chain(results: Callable[..., pd.DataFrame]) -> None:
    carried = "throughput_bps_hz"
    ideal = results(layers="all")
    real = {"layers": "all", "receiver": {"dmrs_error_db": -6, "covariance_samples": 24, "interferer_db": 10}}
    found = results(**real)
    assert 1 <= found.loc["identity", "rank"] == ideal.loc["identity", "rank"] <= 4
    assert 0.2 * ideal.loc["identity", carried] < found.loc["identity", carried] < ideal.loc["identity", carried]
    # A BS that knows the channel has the throughput of perfect CSI, with the same receiver and the same errors.
    assert found.loc["identity", carried] == pytest.approx(found.loc["none", "throughput_perfect_bps_hz"], rel=1e-3)
    pd.testing.assert_frame_equal(results(batch_size=50, **real), found, check_exact=True)
