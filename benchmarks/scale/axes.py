"""What is varied, one thing at a time, and what stays."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# A macrocell with 32 antennas; the KLT is fitted, top-k learns nothing.
BASE: Mapping[str, Any] = {
    "name": "scale",
    "device": "cpu",
    "channel": {
        "source": "sionna",
        "model": "UMa",
        "los": "nlos",
        "carrier_hz": 28.0e9,
        "bandwidth_hz": 20.0e6,
        "n_subcarriers": 1024,
        "n_columns": 16,
        "polarization": "dual",
    },
    "estimation": {"name": "ls_comb", "spacing": 12},
    "transform": {"n_delay": 32, "normalisation": "per_sample"},
    "compression_ratio": 16,
    "compressors": [{"name": "topk"}, {"name": "klt"}],
    "feedback": {"quantiser": {"name": "uniform", "bits": 4}},
    "precoder": {"name": "mrt_subband", "n_subbands": 13},
    "sgcs": {"n_subbands": 13},
    "metrics": ["nmse_db", "sgcs", "rate_bps_hz", "bits"],
    "training": {"samples": 500},
    "monte_carlo": {"samples": 200},
}


@dataclass(frozen=True)
class ScaleAxis:
    """Runs that differ in one thing.

    Attributes:
        title: what is varied, as the figure says it.
        settings: keys of the scenario for each value.
        workers: worker processes for each value, 1 where nothing is said.
        wall: whether wall time is what counts, and not that of all processes together.
    """

    title: str
    settings: Mapping[int, Mapping[str, Any]]
    workers: Mapping[int, int] = field(default_factory=dict)
    wall: bool = False


# As wide as 30 kHz a subcarrier make it: 3276 of them fill NR's largest carrier below 6 GHz.
_SPACING_HZ = 30.0e3

AXES: Mapping[str, ScaleAxis] = {
    "antennas": ScaleAxis("antennas at the BS", {n: {"channel.n_columns": n // 2} for n in (8, 16, 32, 64, 128, 256)}),
    "subcarriers": ScaleAxis(
        "subcarriers",
        {
            n: {"channel.n_subcarriers": n, "channel.bandwidth_hz": n * _SPACING_HZ}
            for n in (156, 312, 624, 1248, 2496, 3276)
        },
    ),
    "delays": ScaleAxis("delay rows", {n: {"transform.n_delay": n} for n in (8, 16, 32, 64, 128, 256)}),
    "ue_antennas": ScaleAxis(
        "antennas at the UE",
        {n: {"channel.n_rx": n, "channel.rx_polarization": "dual" if n > 1 else "single"} for n in (1, 2, 4, 8)},
    ),
    "samples": ScaleAxis(
        "test channels", {n: {"monte_carlo.samples": n} for n in (100, 300, 1000, 3000, 10_000, 100_000)}
    ),
    "training": ScaleAxis("training channels", {n: {"training.samples": n} for n in (300, 1000, 3000, 10_000)}),
    "points": ScaleAxis(
        "points of a sweep",
        {
            n: {"monte_carlo.samples": 50, "sweeps": {"snr": {"snr_db": [i / 4 for i in range(n)]}}}
            for n in (1, 4, 16, 64)
        },
    ),
    "workers": ScaleAxis(
        "worker processes",
        {n: {"monte_carlo.samples": 1000, "sweeps": {"snr": {"snr_db": [0, 5, 10, 15]}}} for n in (1, 2, 4, 8)},
        {n: n for n in (1, 2, 4, 8)},
        wall=True,
    ),
}
