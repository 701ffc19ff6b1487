"""Statistics of batch norm as they are in use, of many images and of the weights that are used."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from feedback.layers.images import to_unit_interval
from feedback.training.autoencoder import Autoencoder
from feedback.training.disturbance import Disturbance

_BATCH = 500


@dataclass(frozen=True)
class KeptStatistics:
    """What works with running statistics in training, and keeps them.

    Attributes:
        encoder: an encoder that does not learn, whose statistics would else go on moving.
        norms: all batch norms.
    """

    encoder: bool = False
    norms: bool = False

    def leave_training(self, network: Autoencoder) -> None:
        """Takes these parts of a network that is in training mode out of it."""
        if self.encoder:
            network.encoder.eval()
        if self.norms:
            for layer in network.modules():
                if isinstance(layer, _BatchNorm):
                    layer.eval()


@torch.no_grad()
def settle_statistics(
    network: Autoencoder,
    kept_statistics: KeptStatistics,
    csi: Tensor,
    disturbance: Disturbance | None,
    seed: int,
) -> None:
    r"""Gives batch norms the mean statistics of training channels under the weights as they are.

    Running statistics are those of weights of the last steps and of few images. Behind an input whose mean is
    :math:`\mu` times its deviation, as images around 0.5 have it, a change of the sum of a kernel by :math:`\epsilon`
    moves the output by :math:`\mu \epsilon` deviations, which batch statistics take back in training and running ones
    do not. So statistics are found anew before weights are validated and kept (P. Izmailov et al., Averaging Weights
    Leads to Wider Optima and Better Generalization, 2018, arXiv:1803.05407, section 3.2).

    Args:
        network: encoder and decoder; in eval mode afterwards.
        kept_statistics: what keeps its statistics.
        csi: channels of the training split, normalised, ``[n, Na, Nt]``, or sequences, ``[n, T, Na, Nt]``, complex64.
        disturbance: what the codewords go through.
        seed: of the disturbance.
    """
    network.train()
    kept_statistics.leave_training(network)
    norms = {
        layer: layer.momentum
        for layer in network.modules()
        if isinstance(layer, _BatchNorm) and layer.training and layer.momentum is not None
    }
    generator = torch.Generator().manual_seed(seed)
    if norms:
        for number, part in enumerate(csi.split(_BATCH), 1):
            for layer in norms:
                layer.momentum = 1 / number
            network.rebuilt(to_unit_interval(part), disturbance, generator)
    for layer, momentum in norms.items():
        layer.momentum = momentum
    network.eval()
