"""Path loss, penetration loss and shadow fading of 3GPP TR 38.901 drops, against the report's formulas."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from channels.channel_batch import Snapshots
from channels.sources.mixture import MixtureSource
from channels.sources.parameters.mixture import MixtureParameters
from channels.sources.sionna.drops import UserDrops
from tests.channels.small_sionna import CPU, MODELS, source

_C = 3e8
Numbers = NDArray[np.float64]


def _breakpoint_loss(
    distance: Numbers, flat: Numbers, d_bp: float, slopes: tuple[float, ...], heights: tuple[float, float], f: float
) -> Numbers:
    """``a + b log d + 20 log f`` up to the break point, then 40 dB a decade less a correction."""
    constant, slope, correction = slopes
    near = constant + slope * np.log10(distance) + 20 * np.log10(f)
    far = constant + 40 * np.log10(distance) + 20 * np.log10(f)
    far -= correction * math.log10(d_bp**2 + (heights[0] - heights[1]) ** 2)
    return np.where(flat <= d_bp, near, far)


def uma(d2: Numbers, d3: Numbers, bs: float, ue: float, f: float, los: bool) -> Numbers:
    """Effective environment height 1 m."""
    line = _breakpoint_loss(d3, d2, 4 * (bs - 1) * (ue - 1) * f * 1e9 / _C, (28.0, 22.0, 9.0), (bs, ue), f)
    return line if los else np.maximum(line, 13.54 + 39.08 * np.log10(d3) + 20 * np.log10(f) - 0.6 * (ue - 1.5))


def umi(d2: Numbers, d3: Numbers, bs: float, ue: float, f: float, los: bool) -> Numbers:
    line = _breakpoint_loss(d3, d2, 4 * (bs - 1) * (ue - 1) * f * 1e9 / _C, (32.4, 21.0, 9.5), (bs, ue), f)
    return line if los else np.maximum(line, 35.3 * np.log10(d3) + 22.4 + 21.3 * np.log10(f) - 0.3 * (ue - 1.5))


def rma(d2: Numbers, d3: Numbers, bs: float, ue: float, f: float, los: bool) -> Numbers:
    """Buildings of 5 m, streets of 20 m."""
    h, w, d_bp = 5.0, 20.0, 2 * math.pi * bs * ue * f * 1e9 / _C

    def first(d: Numbers) -> Numbers:
        roofs = min(0.03 * h**1.72, 10) * np.log10(d) - min(0.044 * h**1.72, 14.77) + 0.002 * math.log10(h) * d
        return np.asarray(20 * np.log10(40 * math.pi * d * f / 3) + roofs)

    line = np.where(d2 <= d_bp, first(d3), first(np.asarray(d_bp)) + 40 * np.log10(d3 / d_bp))
    blocked = 161.04 - 7.1 * math.log10(w) + 7.5 * math.log10(h) - (24.37 - 3.7 * (h / bs) ** 2) * math.log10(bs)
    blocked += (43.42 - 3.1 * math.log10(bs)) * (np.log10(d3) - 3) + 20 * math.log10(f)
    blocked -= 3.2 * math.log10(11.75 * ue) ** 2 - 4.97
    return line if los else np.maximum(line, blocked)


def inh(d2: Numbers, d3: Numbers, bs: float, ue: float, f: float, los: bool) -> Numbers:
    line = 32.4 + 17.3 * np.log10(d3) + 20 * np.log10(f)
    return line if los else np.maximum(line, 38.3 * np.log10(d3) + 17.3 + 24.9 * np.log10(f))


def drops_at(distance_m: Numbers, ue_height_m: float, indoor: bool) -> UserDrops:
    n = len(distance_m)
    return UserDrops(
        torch.from_numpy(distance_m).float(),
        torch.zeros(n),
        torch.zeros(n, 3),
        torch.full((n,), indoor),
        torch.full((n,), ue_height_m),
    )


def gains_of(model: str, distance_m: Numbers, *, indoor: bool = False, **parameters: object) -> tuple[Numbers, Numbers]:
    """Path gain and shadow fading of UEs at these distances, dB."""
    channels = source(model=model, **parameters)
    generator = channels.model._system.torch_rng
    generator.manual_seed(5)
    # Large-scale parameters belong to a topology; what is drawn on top of them would take most of the time.
    channels.model._set_topology(drops_at(distance_m, channels.parameters.ue_height_m, indoor))
    gain_db = channels.model.path_gain_db(6)
    return gain_db.double().numpy(), 10 * channels.model._system._lsp.sf.flatten().double().log10().numpy()


# Formula, heights of BS and UE, greatest distance, shadow fading at LOS before and after the break point, and at NLOS.
TABLE: dict[str, tuple[Callable[..., Numbers], float, float, float, tuple[float, float, float]]] = {
    "UMa": (uma, 25.0, 1.5, 4000.0, (4.0, 4.0, 6.0)),
    "UMi": (umi, 10.0, 1.5, 4000.0, (4.0, 4.0, 7.82)),
    "RMa": (rma, 35.0, 1.5, 4900.0, (4.0, 6.0, 8.0)),
    "InH": (inh, 3.0, 1.5, 140.0, (3.0, 3.0, 8.03)),
}
CARRIER_GHZ = 3.5


@pytest.mark.parametrize("los", [True, False])
@pytest.mark.parametrize("model", TABLE)
def test_path_loss_and_shadow_fading_are_those_of_table_7_4_1_1(model: str, los: bool) -> None:
    """Outdoors, and in the office; cars of RMa are another matter."""
    formula, bs, ue, farthest, deviations = TABLE[model]
    n = 1000
    d2 = np.geomspace(15, farthest, n)
    gain, shadow = gains_of(model, d2, indoor=model == "InH", los="los" if los else "nlos")
    loss = formula(d2, np.hypot(d2, bs - ue), bs, ue, CARRIER_GHZ, los)
    cars = -gain + shadow - loss
    if model == "RMa":
        # Every UE outdoors sits in a car: mean 9 dB, standard deviation 5 dB (7.4.3.2); 4 standard errors.
        assert cars.mean() == pytest.approx(9, abs=4 * 5 / math.sqrt(n))
        assert cars.std() == pytest.approx(5, abs=4 * 5 / math.sqrt(2 * n))
    else:
        # Rounding of a sum near 100 in float32, and of the speed of light: 40 log10(3 / 2.99792) = 0.012 dB.
        assert np.abs(cars).max() < 0.02
    d_bp = 2 * math.pi * bs * ue * CARRIER_GHZ * 1e9 / _C
    for where, deviation in zip((d2 < d_bp, d2 > d_bp), deviations[:2] if los else deviations[2:] * 2, strict=True):
        count = where.sum()
        if count > 50:
            assert shadow[where].mean() == pytest.approx(0, abs=4 * deviation / math.sqrt(count))
            assert shadow[where].std() == pytest.approx(deviation, abs=4 * deviation / math.sqrt(2 * count))


@pytest.mark.parametrize(
    ("carrier_hz", "walls", "inside", "spread"), [(28e9, "low", 25 / 3, 4.4), (2e9, "old", 12.5, 0)]
)
def test_buildings_take_their_penetration_loss(carrier_hz: float, walls: str, inside: float, spread: float) -> None:
    """7.4.3.1: low-loss buildings; below 6 GHz those of Table 7.4.3-3, 20 dB with no random part."""
    f, n = carrier_hz / 1e9, 2000
    d2 = np.full(n, 200.0)
    gain, shadow = gains_of("UMa", d2, indoor=True, los="nlos", carrier_hz=carrier_hz)
    loss = -gain + shadow - uma(d2, np.hypot(d2, 23.5), 25, 1.5, f, False)
    glass, concrete = 2 + 0.2 * f, 5 + 4 * f
    wall = 5 - 10 * math.log10(0.3 * 10 ** (-glass / 10) + 0.7 * 10 ** (-concrete / 10)) if walls == "low" else 20.0
    # 0.5 dB a metre of the lesser of two distances uniform to 25 m, below 6 GHz of one: means 25 / 3 and 12.5 m.
    assert loss.mean() == pytest.approx(wall + 0.5 * inside, abs=4 * math.hypot(spread, 4) / math.sqrt(n))
    least = loss.min()
    assert least < wall if spread else least == pytest.approx(wall, abs=0.1)


def test_what_the_response_lacks_is_the_same_whether_it_is_normalised() -> None:
    """Coupling gain and power of the response together; the pattern of an element is in either."""
    seen = []
    for normalise in (True, False):
        batch = source(normalise=normalise, antenna_pattern="38.901").read("test", 3, 7, Snapshots())
        assert batch.coupling_gain_db is not None
        power = batch.response.abs().double().square().mean((1, 2, 3))
        seen.append(batch.coupling_gain_db + 10 * power.log10())
    torch.testing.assert_close(*seen, rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("model", MODELS)
def test_what_a_model_says_of_its_path_gain_holds(model: str) -> None:
    channels = source(model=model)
    assert (
        channels.read_paths("test", 0, 2, Snapshots()).path_gain_db is not None
    ) == channels.parameters.has_path_gain


def test_path_gain_is_that_of_a_sample_whatever_is_read_and_when() -> None:
    channels = source(indoor_share=0.5, speed_m_s=3.0)
    whole, later = channels.read("test", 0, 60, Snapshots()), channels.read("test", 40, 55, Snapshots((0.0, 0.01)))
    assert whole.coupling_gain_db is not None
    assert later.coupling_gain_db is not None
    assert torch.equal(whole.coupling_gain_db[40:55], later.coupling_gain_db)


def test_neighbours_shadow_alike_where_space_is_consistent() -> None:
    """37 m of UMa LOS (Table 7.5-6): UEs of a 2 m spot differ by less than a tenth of independent ones."""
    place = {"distance_m": (100, 102), "azimuth_deg": (0, 1), "los": "los"}
    spreads = []
    for consistent in (True, False):
        path_gain = source(spatial_consistency=consistent, **place).read_paths("test", 0, 50, Snapshots()).path_gain_db
        assert path_gain is not None
        spreads.append(float(path_gain.std()))
    # Independent: 4 dB. Within 3 m: 4 sqrt(1 - exp(-3 / 37)) = 1.1 dB at most.
    assert spreads[0] < 1.1 < 3 < spreads[1]


def test_a_mixture_has_the_gains_of_its_parts_in_turn() -> None:
    parts = [
        {"source": "sionna", "n_subcarriers": 8, "n_columns": 2, "model": name} for name in ("UMa", "InH", "CDL-A")
    ]
    two = MixtureSource(MixtureParameters(parts=parts[:2]), seed=1, device=CPU)
    gain = two.read("test", 0, 6, Snapshots()).coupling_gain_db
    assert gain is not None
    for place, part in enumerate(two.parts):
        alone = part.read("test", 0, 3, Snapshots()).coupling_gain_db
        assert alone is not None
        assert torch.equal(gain[place::2], alone)
    without = MixtureSource(MixtureParameters(parts=parts[1:]), seed=1, device=CPU)
    assert without.read("test", 0, 4, Snapshots()).coupling_gain_db is None
