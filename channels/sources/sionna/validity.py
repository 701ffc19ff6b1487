"""What 3GPP TR 38.901 states its models for.

Applicability of the path loss formulas (Table 7.4.1-1), which also bounds the other large-scale parameters' use;
bandwidth and speed of 7.1; delay spreads of Table 7.7.3-1. Editions 16.1 and 19.2 have the same numbers here.
"""

import math
from typing import TYPE_CHECKING

from channels.validity import outside, wide_band

if TYPE_CHECKING:
    from channels.sources.parameters.sionna import SionnaParameters

_TABLE = "TR 38.901, Table 7.4.1-1,"
# Heights of BS and UE in m, distances in m; those indoors are in space, the others along the ground.
_HEIGHTS_M = {
    "UMa": ((25.0, 25.0), (1.5, 22.5)),
    "UMi": ((10.0, 10.0), (1.5, 22.5)),
    "RMa": ((10.0, 150.0), (1.0, 10.0)),
}
_DISTANCES_M = {"UMa": (10.0, 5e3), "UMi": (10.0, 5e3), "RMa": (10.0, 1e4), "InH": (1.0, 150.0), "InF": (1.0, 600.0)}
_RMA_NLOS_M = 5e3
_RMA_MEASURED_HZ, _RMA_MOST_HZ = 7e9, 30e9
_MOST_SPEED_M_S = 500 / 3.6
_DELAY_SPREADS_NS = (10.0, 1000.0)


def tr38901_warnings(parameters: "SionnaParameters") -> list[str]:
    """Lines for all parameters that the report does not state the model for."""
    lines = wide_band(parameters.bandwidth_hz, parameters.carrier_hz, parameters.aperture, parameters.beam_squint)
    lines += outside("speed_m_s", parameters.speed_m_s, 0, round(_MOST_SPEED_M_S, 1), "m/s", "TR 38.901, 7.1,")
    if parameters.is_profile:
        spread_ns = parameters.delay_spread_s * 1e9
        return lines + outside("delay_spread_s", spread_ns, *_DELAY_SPREADS_NS, "ns", "TR 38.901, Table 7.7.3-1,")
    return lines + _carrier(parameters) + _place(parameters)


def _carrier(parameters: "SionnaParameters") -> list[str]:
    if parameters.model != "RMa" or parameters.carrier_hz <= _RMA_MEASURED_HZ:
        return []
    carrier_ghz = parameters.carrier_hz / 1e9
    if parameters.carrier_hz <= _RMA_MOST_HZ:
        return [
            f"carrier_hz: got {carrier_ghz:g} GHz, RMa is for up to 7 GHz (TR 38.901, Table 7.2-3); up to 30 GHz it "
            "rests on one measurement campaign (note to Table 7.4.1-1)"
        ]
    return outside("carrier_hz", carrier_ghz, 0.5, _RMA_MOST_HZ / 1e9, "GHz", f"RMa in {_TABLE}")


def _place(parameters: "SionnaParameters") -> list[str]:
    model = parameters.model.split("-")[0]
    stated = f"{model} in {_TABLE}"
    lines = []
    if model in _HEIGHTS_M:
        bs, ue = _HEIGHTS_M[model]
        lines += outside("bs_height_m", parameters.height_m, *bs, "m", stated)
        lines += outside("ue_height_m", parameters.ue_height_m, *ue, "m", stated)
    near, far = parameters.distance_range_m
    least, most = _DISTANCES_M[model]
    if model == "RMa" and parameters.los == "nlos":
        most = _RMA_NLOS_M
    if parameters.all_indoor:
        near, far = (math.hypot(distance, parameters.height_m - parameters.ue_height_m) for distance in (near, far))
    beyond = near if near < least else far
    return lines + outside("distance_m", beyond, least, most, "m", stated)
