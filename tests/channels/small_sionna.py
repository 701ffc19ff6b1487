"""Small 3GPP TR 38.901 channels: 64 subcarriers, 4 ports."""

import torch

from channels.sources.parameters.sionna import SionnaParameters
from channels.sources.sionna.source import SionnaSource

CPU = torch.device("cpu")
MODELS = ["UMa", "UMi", "RMa", "InH", "InF-SL", "InF-DH", "CDL-A", "CDL-D", "TDL-A", "TDL-D"]


def source(seed: int = 1, **parameters: object) -> SionnaSource:
    """Channels of UMa at 3.5 GHz, unless the parameters say otherwise."""
    small = {"n_subcarriers": 64, "n_columns": 4, "carrier_hz": 3.5e9}
    return SionnaSource(SionnaParameters(**(small | parameters)), seed=seed, device=CPU)
