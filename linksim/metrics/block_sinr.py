"""SINRs that a block meets behind a receiver that has estimated its channel."""

import torch
from torch import Tensor

from linksim.link_adaptation.receiver import Receiver
from linksim.link_budget.ue_snr import beside
from linksim.metrics.layers import layers_sent
from linksim.metrics.response import Response


def weights_on_subcarriers(layers: Tensor, true: Response) -> Tensor:
    """Layers ``[batch, n_layers, n_subbands, n_tx]`` on each subcarrier, ``[batch, n_layers, Nc, n_tx]``."""
    widths = torch.tensor([band.stop - band.start for band in true.bands], device=layers.device)
    return layers.repeat_interleave(widths, dim=2)


def block_sinr(
    receiver: Receiver, true: Response, weights: Tensor, snr: float | Tensor, transmission: int = 0
) -> tuple[Tensor, Tensor]:
    """SINRs ``[batch, Nc, n_layers]``, float64, linear, and which layers are sent, ``[batch, n_layers]``, bool.

    Args:
        receiver: of the UE.
        true: channel of the transmission.
        weights: precoder of each layer, ``[batch, n_layers, Nc, n_tx]``, complex, of unit norm or zero; layers share
            the power.
        snr: per antenna at unit channel power and precoder power 1, linear, of all samples or ``[batch]``.
        transmission: of the block, 0 for the first.
    """
    sent = layers_sent(weights)
    effective = torch.einsum("bnrt,blnt->bnrl", true.matrices, weights)
    power = snr / sent.sum(-1).clamp(min=1)
    return receiver.sinr(effective * beside(power, 4).sqrt(), sent, transmission), sent
