"""CQI and MCS in the chain: known channels, batches, lost reports."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

METRICS = ["throughput_bps_hz", "throughput_perfect_bps_hz", "bler", "mcs", "rate_net_bps_hz"]


@pytest.fixture
def results(tiny: dict[str, Any], run_folder: Callable[..., Path]) -> Callable[..., pd.DataFrame]:
    """Value of each metric, by compressor, of a tiny scenario with these sections."""
    made = iter(range(10))

    def call(**sections: Any) -> pd.DataFrame:
        channel = {"source": "cost2100", "n_subcarriers": 32, "n_columns": 4}
        document = (
            tiny | {"channel": channel, "metrics": METRICS, "sweeps": {}, "estimation": {"name": "perfect"}} | sections
        )
        table = pd.read_csv(run_folder(document, out=f"out{next(made)}") / "results.csv")
        return table.pivot_table(index="compressor", columns="metric", values="value")

    return call


def test_a_bs_that_knows_the_channel_has_the_throughput_of_perfect_csi(results: Callable[..., pd.DataFrame]) -> None:
    identity = [{"name": "identity"}, {"name": "topk"}]
    whole = results(compressors=identity, transform={"n_delay": 32, "normalisation": "none"}, compression_ratio=32)
    perfect = whole.loc["none", "throughput_perfect_bps_hz"]
    # float32 roundings of the transform move an SINR by some 1e-6, and no CQI of these.
    assert whole.loc["identity", "throughput_bps_hz"] == pytest.approx(perfect, rel=1e-4)
    assert 0 < whole.loc["topk", "throughput_bps_hz"] < perfect
    assert perfect < whole.loc["identity", "rate_net_bps_hz"]
    assert whole.loc["identity", "bler"] < 0.1


def test_a_batch_changes_no_digit_and_a_lost_report_takes_the_cqi_with_it(
    results: Callable[..., pd.DataFrame],
) -> None:
    """Without any report the BS takes the lowest MCS."""
    sections: dict[str, Any] = {
        "compressors": [{"name": "topk"}],
        "link_adaptation": {"layers": "all", "retransmissions": 1},
        "transform": {"n_delay": 8, "scale_bits": 9},
    }
    coded = {"quantiser": {"name": "uniform", "bits": 3}, "link": {"name": "uci", "snr_db": 200}}
    whole = results(**sections, feedback=coded, monte_carlo={"samples": 100, "batch_size": 100})
    parts = results(**sections, feedback=coded, monte_carlo={"samples": 100, "batch_size": 50})
    perfect = results(**sections, feedback=coded | {"link": {"name": "perfect"}}, monte_carlo={"samples": 100})
    np.testing.assert_array_equal(whole, parts)
    np.testing.assert_array_equal(whole.loc["topk", perfect.columns], perfect.loc["topk"])
    # Of reports that hold noise, 9 in 2048 pass their CRC of 11 bits, as the decoder tries nine words.
    # None does with this seed.
    noise = coded | {"link": {"name": "uci", "snr_db": -100}}
    lost = results(**sections, seed=3, feedback=noise, monte_carlo={"samples": 50})
    assert whole.loc["topk", "mcs"] > 0 == lost.loc["topk", "mcs"]
