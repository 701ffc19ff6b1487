"""``linksim complexity``: the table that other programs read, and the one for people."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from feedback.compressor import COMPRESSORS
from linksim.preparation.scheme_spec import scheme_specs
from linksim.scenario.file import load_scenario
from linksim.simulation import complexity

Command = Callable[..., tuple[int, str, str]]

COLUMNS = [
    "compressor",
    "compression_ratio",
    "ue_macs",
    "ue_multiplications",
    "bs_macs",
    "ue_parameters",
    "parameters",
    "ue_bytes",
]


def test_csv_of_the_registry(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert complexity.DIMENSIONS.matrix == (32, 32)
    # A quarter of the entries: weights of the largest layers are drawn in a 16th of the time.
    smaller = replace(complexity.DIMENSIONS, n_delay=16, n_tx=16)
    monkeypatch.setattr(complexity, "DIMENSIONS", smaller)
    code, out, err = command("complexity", "--csv")
    assert (code, err) == (0, "")
    assert "\r" not in out
    table = pd.read_csv(io.StringIO(out))
    assert list(table.columns) == COLUMNS
    assert set(table["compressor"]) == set(map(str, COMPRESSORS.keys()))
    assert not table.duplicated(["compressor", "compression_ratio"]).any()
    assert (table.dtypes.iloc[2:] == "int64").all()
    of_fixed_cost = [name for name in COMPRESSORS.keys() if not COMPRESSORS.get_class(name).has_ratio]  # noqa: SIM118
    assert sorted(table[table["compression_ratio"].isna()]["compressor"]) == sorted(of_fixed_cost)
    ratios = table.dropna().groupby("compressor")["compression_ratio"].agg(list)
    assert ratios.pop("cllwcsinet") == [4, 8, 16]
    # These have no codeword of 8 values.
    longer = {"cl-acrnet", "cl-crnet", "cl-csinet", "evcsinet", "evcsinet-t"}
    assert all(found == [4, 8, 16, 32, 64][: 4 if name in longer else 5] for name, found in ratios.items())
    row = table[(table["compressor"] == "bcsinet-b3") & (table["compression_ratio"] == 4)].iloc[0]
    # FC layers of 512 x 128; convolutions of 72 and 4788 multiply-adds an entry, with 80 and 4948 numbers.
    fc, bs_layers = 2**16, 4788 * 256
    assert list(row[1:5]) == [4, fc + 72 * 256, 72 * 256, fc + bs_layers]
    # Stored: 2^16 bits, a scale, 128 biases, and 80 numbers of two convolutions with batch norm.
    assert list(row[5:]) == [fc + 128 + 80, 2 * fc + 128 + 80 + 512 + 4948, 2**13 + 4 * (1 + 128 + 80)]


def test_table_of_a_scenario(
    command: Command, scenario_file: Callable[[dict[str, Any]], Path], tiny: dict[str, Any]
) -> None:
    tiny["compressors"] = [
        {"name": "klt"},
        {"name": "acrnet-10x", "label": "big"},
        {"name": "klt", "compression_ratio": 8, "label": "klt 8"},
    ]
    tiny["sweeps"] = {"ratio": {"compression_ratio": [4, 16]}}
    code, out, err = command("complexity", scenario_file(tiny), "--csv")
    assert (code, err) == (0, "")
    table = pd.read_csv(io.StringIO(out))
    assert sorted(zip(table["compressor"], table["compression_ratio"], strict=True)) == [
        ("big", 4),
        ("big", 16),
        ("klt", 4),
        ("klt", 16),
        ("klt 8", 8),
    ]
    code, out, err = command("complexity", scenario_file(tiny))
    assert (code, err) == (0, "")
    assert "klt 8" in out


def test_overrides_need_a_scenario(command: Command) -> None:
    code, _, err = command("complexity", "--set", "snr_db=3")
    assert code == 2
    assert err == "linksim: --set: got 'snr_db=3' without a scenario, expected a scenario to change\n"


def test_counts_the_matrices_that_are_reported(
    command: Command, scenario_file: Callable[[dict[str, Any]], Path], tiny: dict[str, Any]
) -> None:
    """With two UE antennas the matrix has twice the columns, for the table and for the compressor that is built."""
    tiny["channel"] |= {"n_rx": 2, "polarization": "dual", "n_columns": 4}
    tiny["sweeps"] = {}
    names = sorted(map(str, COMPRESSORS.keys()))
    tiny["compressors"] = [{**COMPRESSORS.get_class(name).Parameters.example, "name": name} for name in names]
    path = scenario_file(tiny)
    code, out, err = command("complexity", path, "--csv")
    assert (code, err) == (0, "")
    table = pd.read_csv(io.StringIO(out)).set_index("compressor")
    assert sorted(table.index) == names
    for spec in scheme_specs(load_scenario(path)):
        built = spec.build().compressor
        # Delays and ports of both antennas, or subbands and ports of the BS where eigenvectors are reported.
        of_vectors = getattr(spec.parameters, "csi", "matrix") == "eigenvectors"
        assert built.shape == ((13, 8) if of_vectors else (8, 16))
        cost = built.complexity()
        row = table.loc[spec.label]
        assert list(row[1:]) == [
            cost.ue_macs,
            cost.ue_multiplications,
            cost.bs_macs,
            cost.ue_parameters,
            cost.parameters,
            cost.ue_bytes,
        ]
    # KLT: M / 2 = 8 x 16 / 4 complex coefficients of 8 x 16 complex entries, four real products each.
    assert table.loc["klt", "ue_macs"] == 4 * 32 * 128
    # Top-k: two products an entry.
    assert table.loc["topk", "ue_macs"] == 2 * 128
