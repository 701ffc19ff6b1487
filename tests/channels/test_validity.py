"""What sources say of parameters out of their models' ranges, and of energy that arrives too late."""

import math

import h5py
import numpy as np
import pytest
import scipy.io
import torch

from channels.channel_batch import OfdmGrid, Paths, Snapshots
from channels.source import SOURCES, Source
from channels.sources.cost2100.rays import Rays
from channels.sources.cost2100.source import Cost2100Source
from channels.statistics.late_energy import CYCLIC_PREFIX, late_energy
from tests.channels.made_up_dataset import made_up_arrays, made_up_plan, write_dataset
from tests.channels.made_up_links import made_up_links, write_saved_6
from tests.channels.test_deepmimo_source import made_up_rays, parameters_json, write

CPU = torch.device("cpu")


def opened(source: str, **parameters: object) -> Source:
    plugin = SOURCES.get_class(source)
    return plugin(plugin.Parameters(**parameters), seed=5, device=CPU)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """What each source needs beside its defaults."""
    folder = tmp_path_factory.mktemp("files")
    write(folder / "deepmimo")
    write_saved_6(folder / "links.mat", made_up_links())
    write_dataset(folder / "set.h5", plan := made_up_plan(), made_up_arrays(plan))
    scipy.io.savemat(folder / "images.mat", {"HT": np.full((3, 2 * 32 * 32), 0.5, np.float32)})
    with h5py.File(folder / "matrices.h5", "w") as file:
        file["X"] = np.ones((3, 8, 4), np.complex64)
        file.attrs.update({"fc": 5.3e9, "B": 20e6, "Nc": 64, "Nt": 4})
    np.save(folder / "responses.npy", np.ones((3, 64, 4), np.complex64))
    return {
        "response": {"file": folder / "responses.npy", "carrier_hz": 5.3e9, "bandwidth_hz": 20e6},
        "deepmimo": {"folder": folder / "deepmimo"},
        "quadriga": {"file": folder / "links.mat"},
        "dataset": {"file": folder / "set.h5"},
        "mat": {"test_file": folder / "images.mat"},
        "hdf5": {"file": folder / "matrices.h5"},
        "mixture": {"parts": [{"source": "sionna"}, {"source": "cost2100"}]},
    }


@pytest.mark.parametrize("name", sorted(map(str, SOURCES.keys())))
def test_defaults_are_within_every_range(files, name):
    # A source that is registered without a case here must be openable with its defaults.
    assert opened(name, **files.get(name, {})).validity_warnings() == []


OUT_OF_RANGE = [
    ("sionna", {"model": "RMa", "carrier_hz": 60e9}, "carrier_hz: got 60 GHz"),
    ("sionna", {"model": "RMa", "carrier_hz": 28e9}, "carrier_hz: got 28 GHz"),
    ("sionna", {"distance_m": (35, 20000)}, "distance_m: got 20000 m"),
    ("sionna", {"distance_m": (1, 200)}, "distance_m: got 1 m"),
    ("sionna", {"model": "RMa", "carrier_hz": 3.5e9, "distance_m": (35, 6000)}, "distance_m: got 6000 m"),
    ("sionna", {"model": "InH", "distance_m": (5, 200)}, "distance_m: got 200."),
    ("sionna", {"model": "InF-SL", "distance_m": (5, 700)}, "distance_m: got 700 m"),
    ("sionna", {"bs_height_m": 60}, "bs_height_m: got 60 m"),
    ("sionna", {"model": "RMa", "carrier_hz": 3.5e9, "bs_height_m": 5}, "bs_height_m: got 5 m"),
    ("sionna", {"ue_height_m": 25}, "ue_height_m: got 25 m"),
    ("sionna", {"speed_m_s": 150}, "speed_m_s: got 150 m/s"),
    ("sionna", {"carrier_hz": 3.5e9, "bandwidth_hz": 4e8, "n_columns": 2}, "bandwidth_hz: got 11.4 % of the carrier"),
    ("sionna", {"bandwidth_hz": 1.9e9, "n_columns": 64}, "bandwidth_hz: got 1.9e+09 Hz, more than c / D"),
    ("sionna", {"model": "CDL-A", "delay_spread_s": 5e-6}, "delay_spread_s: got 5000 ns"),
    ("sionna", {"model": "TDL-A", "delay_spread_s": 1e-9}, "delay_spread_s: got 1 ns"),
    ("cost2100", {"carrier_hz": 28e9}, "carrier_hz: got 28 GHz"),
    ("cost2100", {"environment": "outdoor", "bandwidth_hz": 4e7, "n_columns": 4}, "bandwidth_hz: got 14 % of"),
    ("deepmimo", {"bandwidth_hz": 4e8, "n_columns": 4}, "bandwidth_hz: got 11.4 % of the carrier"),
    ("quadriga", {"bandwidth_hz": 1e9}, "bandwidth_hz: got 18.9 % of the carrier"),
    (
        "mixture",
        {"parts": [{"source": "sionna"}, {"source": "cost2100", "carrier_hz": 28e9}]},
        "parts: cost2100: carrier_hz: got 28 GHz",
    ),
]


@pytest.mark.parametrize(("name", "parameters", "line"), OUT_OF_RANGE)
def test_out_of_range_is_one_line(files, name, parameters, line):
    (found,) = opened(name, **(files.get(name, {}) | parameters)).validity_warnings()
    assert found.startswith(line)
    assert "\n" not in found


def test_beam_squint_answers_the_aperture():
    wide = {"bandwidth_hz": 1.9e9, "n_columns": 64, "beam_squint": True}
    assert opened("sionna", **wide).validity_warnings() == []


def test_shares_of_late_energy():
    """Three paths of powers 0.7, 0.2 and 0.1: the second after the prefix, the third also after the symbol."""
    grid = OfdmGrid(64, 64 * 30e3, 28e9)
    symbol_s = 1 / 30e3
    delays = torch.tensor([[1e-7, 1e-7 + 1.01 * CYCLIC_PREFIX * symbol_s, 1.5 * symbol_s]])
    found = late_energy(delays, torch.tensor([[0.7, 0.2, 0.1]]), grid)
    assert found is not None
    assert found.after_symbol == pytest.approx(0.1)
    assert found.after_prefix == pytest.approx(0.3)
    (line,) = found.warnings()
    assert line.startswith("10 % of the energy arrives later than a symbol (33.3 us")
    # A link without power says nothing, and none at all leaves no share.
    both = late_energy(delays.repeat(2, 1), torch.tensor([[0.7, 0.2, 0.1], [0, 0, 0]]), grid)
    assert both == found
    assert late_energy(delays, torch.zeros(1, 3), grid) is None


def test_a_path_after_the_prefix_is_told():
    grid = OfdmGrid(64, 64 * 30e3, 28e9)
    found = late_energy(torch.tensor([[0.0, 4e-6]]), torch.tensor([[0.9, 0.1]]), grid)
    assert found is not None
    (line,) = found.warnings()
    assert line.startswith("10 % of the energy arrives after a normal cyclic prefix (2.3 us)")


def late_rays(delays: tuple[float, float]) -> dict[str, np.ndarray]:
    rays = made_up_rays()
    for key, values in rays.items():
        values[:, 2:] = math.nan
        values[:, :2] = delays if key == "delay" else 0.0
    return rays


def test_every_source_with_paths_tells_a_path_one_symbol_late(monkeypatch, tmp_path, files):
    """Two paths of equal power, one of them 1.25 symbols late: half of the energy."""
    late_s = 1.25 * 64 / 20e6
    small = {"n_subcarriers": 64, "bandwidth_hz": 20e6}
    folder = write(tmp_path / "late", late_rays((0.0, late_s)), parameters=parameters_json())
    links = made_up_links()
    for link in links:
        link["coeff"] = np.ones_like(link["coeff"][:, :, :2])
        link["delay"] = np.stack([np.zeros_like(link["delay"][0]), np.full_like(link["delay"][0], late_s)])
    write_saved_6(tmp_path / "late.mat", links)
    sionna, cost2100 = opened("sionna", **small), opened("cost2100", **small)
    delays = torch.tensor([[0.0, late_s]], dtype=torch.float64)
    paths = Paths(torch.ones(1, 1, 32, 2, dtype=torch.complex64), delays, torch.zeros(1))
    monkeypatch.setattr(sionna, "read_paths", lambda *_: paths)
    ones = torch.ones(1, 1, 2)
    rays = Rays(ones.to(torch.complex64), delays[None], ones, torch.zeros(1), torch.zeros(1), 0, 0)
    monkeypatch.setattr(Cost2100Source, "_draw", lambda *_: rays)
    given = [
        sionna,
        cost2100,
        opened("deepmimo", folder=folder, **small),
        opened("quadriga", file=tmp_path / "late.mat", **small),
    ]
    for channels in given:
        found = channels.late_energy("test")
        assert found is not None
        # Gains and powers in single precision.
        assert found.after_symbol == pytest.approx(0.5, abs=1e-6)
        (line,) = found.warnings()
        assert line.startswith("50 % of the energy arrives later than a symbol (3.2 us")
    # A mixture is as its parts; what knows no paths says nothing.
    telling = {plugin for plugin in SOURCES.classes() if plugin.late_energy is not Source.late_energy}
    assert telling == {type(channels) for channels in given} | {SOURCES.get_class("mixture")}
    assert opened("mat", **files["mat"]).late_energy("test") is None


@pytest.mark.parametrize("name", ["sionna", "cost2100", "mixture"])
def test_generators_by_default_have_nothing_late(files, name):
    parameters = {"parts": [{"source": "cost2100"}, {"source": "cost2100"}]} if name == "mixture" else {}
    found = opened(name, **parameters).late_energy("test")
    assert found is not None
    assert found.warnings() == []


def test_symbols_that_a_delay_profile_outlasts():
    """TDL-C ends at 8.65 delay spreads, beyond a symbol of 3.2 us; its share there is that of the channel's paths."""
    channels = opened("sionna", model="TDL-C", delay_spread_s=1e-6, n_subcarriers=64, n_columns=2)
    paths = channels.read_paths("test", 0, 50, Snapshots())
    power = paths.coefficients[:, 0].abs().square().sum(1)
    expected = float(((power * (paths.delays_s >= 3.2e-6)).sum(1) / power.sum(1)).mean())
    found = channels.late_energy("test")
    assert found is not None
    assert found.after_symbol == pytest.approx(expected, rel=1e-4)
    assert expected > 0.01
