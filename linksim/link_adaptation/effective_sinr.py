"""Effective SINR: one number for the SINRs of all resource elements of a block, by exponential mapping (EESM)."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from linksim.link_adaptation.coding_schemes import Scheme

# Of Sionna's `sionna/sys/esm_params/eesm_beta_table.json`, where the two MCS tables agree. By modulation order, then
# by the code rate times 1024; CQI 1 has that of the lowest MCS.
_BETA: Mapping[int, Mapping[float, float]] = {
    2: dict(
        zip(
            (78, 120, 157, 193, 251, 308, 379, 449, 526, 602, 679),
            (1.60, 1.60, 1.61, 1.63, 1.65, 1.67, 1.70, 1.73, 1.76, 1.79, 1.82),
            strict=True,
        )
    ),
    4: dict(zip((340, 378, 434, 490, 553, 616, 658), (3.97, 4.27, 4.71, 5.16, 5.66, 6.16, 6.50), strict=True)),
    6: dict(
        zip(
            (438, 466, 517, 567, 616, 666, 719, 772, 822, 873, 910, 948),
            (9.95, 10.97, 12.92, 14.96, 17.06, 19.33, 21.85, 24.51, 27.14, 29.94, 32.05, 34.28),
            strict=True,
        )
    ),
    8: dict(
        zip(
            (682.5, 711, 754, 797, 841, 885, 916.5, 948),
            (56.48, 65.0, 78.58, 92.48, 106.27, 118.74, 126.36, 132.54),
            strict=True,
        )
    ),
}


def beta(scheme: Scheme) -> float:
    """What the mapping is calibrated by for a scheme."""
    return _BETA[scheme.order][scheme.rate_1024]


def effective_sinr(sinr: Tensor, sent: Tensor, betas: Tensor) -> Tensor:
    r"""SINR of an AWGN channel that loses as many blocks.

    .. math:: \mathrm{SINR}_\mathrm{eff} = -\beta \ln \left(\frac{1}{N L} \sum_{n, l} e^{-\mathrm{SINR}_{n, l} / \beta}
              \right)

    Args:
        sinr: of each subcarrier and layer, ``[batch, Nc, n_layers]``, linear.
        sent: which layers are, ``[batch, n_layers]``, bool.
        betas: :math:`\beta`, ``[batch]`` or of one number.

    Returns:
        ``[batch]``, float64, linear; 0 where no layer is sent.
    """
    betas = betas.to(torch.float64)
    exponents = -sinr.to(torch.float64) / betas.view(-1, 1, 1)
    exponents = exponents.masked_fill(~sent[:, None], -math.inf)
    count = (sent.sum(-1) * sinr.shape[1]).clamp(min=1)
    mean = torch.logsumexp(exponents.flatten(1), dim=1) - torch.log(count.to(torch.float64))
    return torch.where(sent.any(-1), -betas * mean, 0.0).clamp(min=0)
