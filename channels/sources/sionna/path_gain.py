"""Large-scale gain of a drop, apart from its path coefficients: path loss, penetration loss, shadow fading."""

from typing import Any

import torch
from torch import Tensor


def path_gain_db(system: Any, generator: torch.Generator, seed: int) -> Tensor:
    r"""Gain between isotropic antennas of the drops that a system-level model has as its topology.

    .. math:: G = -\left(\mathrm{PL_b} + \mathrm{PL_{tw}} + \mathrm{PL_{in}} + \mathcal{N}(0, \sigma_P^2)\right)
              + \mathrm{SF}

    TR 38.901, 7.4.1 (path loss), 7.4.3 (penetration of buildings indoors; of cars outdoors in RMa, where every UE that
    is not indoors sits in one by Table 7.2-3). Shadow fading is that which the drop's delay and angular spreads
    correlate with (7.5, step 4).

    Args:
        system: Sionna's model; its topology is set.
        generator: the one that Sionna draws from. What is drawn is the random part of the penetration loss.
        seed: that the generator begins anew with.

    Returns:
        One gain per drop, ``[block]``, float32, dB.
    """
    generator.manual_seed(seed)
    loss_db = system._lsp_sampler.sample_pathloss()
    shadow_fading_db = 10 * torch.log10(system._lsp.sf)
    return (shadow_fading_db - loss_db).flatten().to(torch.float32)
