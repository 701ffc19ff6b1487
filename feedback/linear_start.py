r"""Starts a network as the KLT of the training channels, so that training only has to improve on the linear optimum.

Images are 0.5 plus a deviation ``d`` of standard deviation :math:`\sigma`, around 0.02. The network starts as

.. math:: y = x / \sigma, \quad v = A (y - 0.5 / \sigma), \quad \hat y = A^T v + 0.5 / \sigma,
          \quad \hat x = \mathrm{sigmoid}(g \sigma \hat y - g / 2)

with ``A`` the KLT as a real matrix. Between the layers images are positive, where a leaky ReLU is the identity, and
of unit deviation, where all weights have the size that Adam's steps suit.
"""

import torch
from torch import Tensor, nn

from feedback.layers import CentredLinear, ConvBn, FullyConnectedDecoder, FullyConnectedEncoder, RefineNet
from feedback.training_set import TrainingSet
from feedback.unit_interval import to_unit_interval

_GAINS = torch.linspace(4.0, 6.0, 21)
_STATISTICS_SAMPLES = 5000
_GAIN_SAMPLES = 1000


@torch.no_grad()
def start_as_klt(encoder: FullyConnectedEncoder, decoder: FullyConnectedDecoder, training: TrainingSet) -> None:
    """Sets initial weights of a convolution + FC encoder and an FC + RefineNets + convolution decoder.

    Args:
        encoder: its features are one convolution with batch norm and leaky ReLU.
        decoder: its refinement is RefineNets, a convolution with bias, and a sigmoid.
        training: channels whose KLT is taken.
    """
    images = to_unit_interval(training.train[:_STATISTICS_SAMPLES])
    mean = images.mean(dim=(0, 2, 3))
    variance = images.var(dim=(0, 2, 3), correction=0)
    deviation = float(variance.mean().sqrt())
    klt = real_klt(training, encoder.fc.out_features)
    if isinstance(encoder.features, ConvBn):
        _start_features(encoder.features, mean, variance, deviation)
    _start_fc(encoder.fc, decoder.fc, klt, 0.5 / deviation)
    gain = _sigmoid_gain((images - 0.5).flatten(1)[:_GAIN_SAMPLES], klt)
    for layer in decoder.refinement.children():
        if isinstance(layer, RefineNet):
            nn.init.zeros_(layer.narrow.norm.weight)
        elif isinstance(layer, nn.Conv2d) and layer.bias is not None:
            nn.init.dirac_(layer.weight)
            layer.weight.mul_(gain * deviation)
            nn.init.constant_(layer.bias, -gain / 2)


def real_klt(training: TrainingSet, length: int) -> Tensor:
    r"""KLT of complex matrices as a real matrix on their images.

    .. math:: A = \begin{bmatrix} \Re U^T & \Im U^T \\ -\Im U^T & \Re U^T \end{bmatrix}

    Returns:
        ``[length, 2 Na Nt]``, float32, orthonormal rows; for an odd length the last row is left out.
    """
    axes = training.principal_axes[1][:, : (length + 1) // 2].T
    return torch.cat([torch.cat([axes.real, axes.imag], dim=1), torch.cat([-axes.imag, axes.real], dim=1)])[:length]


def _start_features(features: ConvBn, mean: Tensor, variance: Tensor, deviation: float) -> None:
    nn.init.dirac_(features.conv.weight)
    norm = features.norm
    # Batch statistics of training and running statistics of inference now mean the same map.
    norm.load_state_dict(
        {
            "running_mean": mean,
            "running_var": variance,
            "num_batches_tracked": torch.tensor(0),
            "weight": (variance + norm.eps).sqrt() / deviation,
            "bias": mean / deviation,
        }
    )


def _start_fc(encoder: CentredLinear, decoder: nn.Linear, klt: Tensor, offset: float) -> None:
    encoder.centre.fill_(offset)
    encoder.weight.copy_(klt)
    nn.init.zeros_(encoder.bias)
    decoder.weight.copy_(klt.T)
    nn.init.constant_(decoder.bias, offset)


def _sigmoid_gain(deviations: Tensor, klt: Tensor) -> float:
    """Gain before the sigmoid of least error; 4 is the tangent at 0.5, strong entries are nearer to saturation."""
    linear = deviations @ klt.T @ klt
    errors = [((linear * gain).sigmoid() - 0.5 - deviations).square().mean() for gain in _GAINS]
    return float(_GAINS[int(torch.stack(errors).argmin())])
