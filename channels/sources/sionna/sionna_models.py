"""Sionna's models of a source's parameters."""

from typing import Any

import torch
from sionna.phy.channel.tr38901 import CDL, TDL, InF, InH, RMa, UMa, UMi
from torch import Tensor

from channels.sources.parameters.sionna import SionnaParameters
from channels.sources.sionna.drops import UserDrops


def system_model(parameters: SionnaParameters, bs_array: Any, ue_array: Any) -> Any:
    """The model of a scenario between two panels of Sionna, without path loss and shadow fading."""
    common = {
        "carrier_frequency": parameters.carrier_hz,
        "ut_array": ue_array,
        "bs_array": bs_array,
        "direction": "downlink",
        "enable_pathloss": False,
        "enable_shadow_fading": False,
        "spec_version": parameters.spec_version,
        "enable_spatial_consistency": parameters.spatial_consistency,
        "device": str(bs_array.device),
    }
    match parameters.model:
        case "UMa":
            return UMa(o2i_model=parameters.o2i_model, **common)
        case "UMi":
            return UMi(o2i_model=parameters.o2i_model, **common)
        case "RMa":
            return RMa(**common)
        case "InH":
            return InH(indoor_scenario=parameters.office, **common)
        case _:
            return InF(factory_scenario=parameters.model.removeprefix("InF-"), **common)


def cdl_model(
    parameters: SionnaParameters, bs_array: Any, ue_array: Any, drops: UserDrops, kind: type[CDL] = CDL
) -> CDL:
    """A CDL profile between two panels, the BS turned so that each UE is at its azimuth; of a subclass where given."""
    turn = torch.zeros(drops.azimuth_rad.shape[0], 3, device=bs_array.device)
    turn[:, 0] = -drops.azimuth_rad
    return kind(
        model=parameters.model.removeprefix("CDL-"),
        delay_spread=parameters.delay_spread_s,
        carrier_frequency=parameters.carrier_hz,
        ut_array=ue_array,
        bs_array=bs_array,
        direction="downlink",
        bs_orientation=turn,
        ut_velocity=drops.velocity_m_s,
        spec_version=parameters.spec_version,
        device=str(bs_array.device),
    )


def tdl_model(parameters: SionnaParameters, bs_array: Any) -> TDL:
    """A TDL profile with as many ports as the BS's panel has elements."""
    correlation = None
    if parameters.port_correlation > 0:
        rows, columns = (
            _exponential_correlation(n, parameters.port_correlation) for n in (parameters.n_rows, parameters.n_columns)
        )
        polarisations = torch.eye(2 if parameters.polarization == "dual" else 1)
        correlation = torch.kron(polarisations, torch.kron(rows, columns))
    return TDL(
        model=parameters.model.removeprefix("TDL-"),
        delay_spread=parameters.delay_spread_s,
        carrier_frequency=parameters.carrier_hz,
        min_speed=parameters.speed_m_s,
        num_rx_ant=parameters.n_rx,
        num_tx_ant=bs_array.num_ant,
        tx_corr_mat=correlation,
        spec_version=parameters.spec_version,
        device=str(bs_array.device),
    )


def _exponential_correlation(n: int, neighbours: float) -> Tensor:
    """Correlation ``neighbours ** |i - j|`` of evenly spaced antennas, ``[n, n]``, float32."""
    place = torch.arange(n)
    return neighbours ** (place.unsqueeze(0) - place.unsqueeze(1)).abs().to(torch.float32)
