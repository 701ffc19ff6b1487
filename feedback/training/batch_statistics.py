"""Statistics of batch norm as they are in use, of many images and of the weights that are used."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from feedback.layers.images import to_unit_interval
from feedback.training.autoencoder import Autoencoder
from feedback.training.disturbance import Disturbance

_BATCH = 500


@torch.no_grad()
def settle_statistics(
    network: Autoencoder,
    frozen: Iterable[nn.Module],
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
        frozen: parts of it that keep their statistics.
        csi: channels of the training split, normalised, ``[n, Na, Nt]``, or sequences, ``[n, T, Na, Nt]``, complex64.
        disturbance: what the codewords go through.
        seed: of the disturbance.
    """
    network.train()
    for part in frozen:
        part.eval()
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
