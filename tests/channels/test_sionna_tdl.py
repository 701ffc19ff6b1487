"""Tapped delay lines of 3GPP TR 38.901: delay spread, fading of the ports, specular part."""

import math

import pytest
import torch

from channels.channel_batch import Snapshots
from channels.statistics.spreads import rms_spread
from tests.channels.small_sionna import source


def tdl_gains(n: int, **parameters: object) -> torch.Tensor:
    channels = source(carrier_hz=3.5e9, normalise=False, **parameters)
    return channels.read_paths("test", 0, n, Snapshots()).coefficients[:, 0].to(torch.complex128)


@pytest.mark.parametrize("model", ["TDL-A", "TDL-D"])
def test_tdl_has_the_delay_spread_and_power_of_its_profile(model):
    channels = source(model=model, delay_spread_s=300e-9, normalise=False, delay_alignment="none")
    paths = channels.read_paths("test", 0, 1000, Snapshots())
    power = paths.coefficients[:, 0].abs().double().square().mean((0, 1))
    # 4000 fading gains a tap, of relative deviation 1 in power: 1.6 % each, the strongest taps rule the sum.
    assert power.sum().item() == pytest.approx(1, rel=0.05)
    # TR 38.901 scales the profile to unit delay spread, with the tabulated digits to 1 %.
    assert rms_spread(power, paths.delays_s[0]).item() == pytest.approx(300e-9, rel=0.05)


def test_tdl_ports_fade_by_themselves_or_correlated():
    n, taps = 1000, 23
    # Sample correlation of n independent links a tap, averaged over the power of some ten taps: below 4 / sqrt(n).
    tolerance = 4 / math.sqrt(n)
    for correlation in (0.0, 0.7):
        gains = tdl_gains(n, model="TDL-A", n_rows=2, n_columns=3, polarization="dual", port_correlation=correlation)
        assert gains.shape == (n, 12, taps)
        covariance = torch.einsum("bpt,bqt->pq", gains, gains.conj()) / n
        for other, steps in ((1, 1), (2, 2), (3, 1), (4, 2), (5, 3)):
            assert abs(covariance[0, other] - correlation**steps) < tolerance
        # Polarisations are uncorrelated.
        assert covariance[:6, 6:].abs().max() < tolerance


def test_tdl_los_is_rician_on_every_port():
    gains = tdl_gains(1000, model="TDL-D")
    # TR 38.901 Table 7.7.2-4, dB, the specular part first: it has one phase on all ports.
    table = (-0.2, -13.5, -18.8, -21, -22.8, -17.9, -20.1, -21.9, -22.9, -27.8, -23.6, -24.8, -30, -27.7)
    specular = 10 ** (table[0] / 10) / sum(10 ** (level / 10) for level in table)
    first = gains[:, :, 0]
    common = (first[:, 0] * first[:, 1].conj()).mean().abs().item()
    # The scattered part of a port lies 13.3 dB lower; its beat with the specular one moves a mean of 1000 by 1 %.
    assert common == pytest.approx(specular, rel=0.03)
