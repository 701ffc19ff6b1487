r"""Starts a network as the KLT of the training channels, so that training only has to improve on the linear optimum.

Images are 0.5 plus a deviation ``d`` of standard deviation :math:`\sigma`, around 0.02. The network starts as

.. math:: y = x / \sigma, \quad v = A (y - 0.5 / \sigma), \quad \hat y = A^T v + 0.5 / \sigma,
          \quad \hat x = \mathrm{sigmoid}(g \sigma \hat y - g / 2)

with ``A`` the KLT as a real matrix. Between the layers images are positive, where a leaky ReLU is the identity, and
of unit deviation, where all weights have the size that Adam's steps suit. Residual paths start at 0. The last affine
map is that of the last convolution; activations that follow it start with slope 1, as values there have both signs,
or the last block gets around its own (see ``leaky_start``).

Of a binary layer only the signs of ``A`` remain; the BS then starts with the linear estimator of least mean-square
error from its codeword.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from feedback.binary_fc import BinaryLinear, scale_of, signs_of
from feedback.equilibrium_blocks import EquilibriumBlock
from feedback.layers import (
    CentredLinear,
    ConvBn,
    FullyConnectedDecoder,
    FullyConnectedEncoder,
    PassesImages,
    ResidualBlock,
)
from feedback.leaky_start import start_leaky_path
from feedback.training_set import TrainingSet
from feedback.unit_interval import to_unit_interval

_GAINS = torch.linspace(4.0, 6.0, 21)
_STATISTICS_SAMPLES = 5000
_GAIN_SAMPLES = 1000
# Share of the mean codeword power that keeps the estimator's normal equations solvable.
_LOADING = 1e-6


@torch.no_grad()
def start_as_klt(encoder: FullyConnectedEncoder, decoder: FullyConnectedDecoder, training: TrainingSet) -> None:
    """Sets initial weights of a network whose convolutions and residual blocks follow each other in a chain.

    Args:
        encoder: its features start with a convolution with batch norm.
        decoder: its refinement ends in a sigmoid.
        training: channels whose KLT is taken.

    Raises:
        TypeError: if an activation after the last convolution has a slope that is not learnt, and the last block has
            no path of leaky ReLUs either.
    """
    images = to_unit_interval(training.train[:_STATISTICS_SAMPLES])
    mean = images.mean(dim=(0, 2, 3))
    variance = images.var(dim=(0, 2, 3), correction=0)
    deviation = float(variance.mean().sqrt())
    klt = real_klt(training, encoder.fc.out_features)
    _start_features(_chain(encoder.features), mean, variance, deviation)
    _start_fc(encoder.fc, klt, 0.5 / deviation)
    deviations = (images - 0.5).flatten(1)
    if isinstance(encoder.fc, BinaryLinear):
        binary = scale_of(klt) * signs_of(klt)
        inverse = _estimator(training, binary)
        linear = deviations @ binary.T @ inverse.T
    else:
        inverse = klt.T
        linear = deviations @ klt.T @ klt
    decoder.fc.weight.copy_(inverse)
    nn.init.constant_(decoder.fc.bias, 0.5 / deviation)
    gain = _sigmoid_gain(linear[:_GAIN_SAMPLES], deviations[:_GAIN_SAMPLES])
    _start_refinement(decoder, linear.unflatten(1, (2, -1)), deviation, gain)


def real_klt(training: TrainingSet, length: int) -> Tensor:
    r"""KLT of complex matrices as a real matrix on their images.

    .. math:: A = \begin{bmatrix} \Re U^T & \Im U^T \\ -\Im U^T & \Re U^T \end{bmatrix}

    Returns:
        ``[length, 2 Na Nt]``, float32, orthonormal rows; for an odd length the last row is left out.
    """
    axes = training.principal_axes[1][:, : (length + 1) // 2].T
    return torch.cat([torch.cat([axes.real, axes.imag], dim=1), torch.cat([-axes.imag, axes.real], dim=1)])[:length]


def _chain(network: nn.Module) -> list[nn.Module]:
    return list(network.children()) if isinstance(network, nn.Sequential) else [network]


def _start_features(chain: Sequence[nn.Module], mean: Tensor, variance: Tensor, deviation: float) -> None:
    for place, layer in enumerate(chain):
        if isinstance(layer, ConvBn) and place == 0:
            pass_through(layer, mean, variance, deviation, mean / deviation)
        elif isinstance(layer, ConvBn):
            pass_through(layer, mean / deviation, variance / deviation**2, 1.0, mean / deviation)
        elif isinstance(layer, PassesImages):
            layer.start_as_identity(mean, variance, deviation)
        elif isinstance(layer, (ResidualBlock, EquilibriumBlock)):
            layer.silence()


def _start_refinement(decoder: FullyConnectedDecoder, linear: Tensor, deviation: float, gain: float) -> None:
    """Residual paths to 0, and the way from images of unit deviation to logits.

    Args:
        decoder: its FC layer gives images of unit deviation.
        linear: deviations of linear reconstructions, ``[n, 2, Na Nt]``.
        deviation: of images.
        gain: before the sigmoid.
    """
    chain = _chain(decoder.refinement)
    affine = [layer for layer in chain if isinstance(layer, (ConvBn, nn.Conv2d))]
    blocks = [layer for layer in chain if isinstance(layer, (ResidualBlock, EquilibriumBlock))]
    if not affine:
        decoder.fc.weight.mul_(gain * deviation)
        nn.init.zeros_(decoder.fc.bias)
    last = blocks[-1] if affine and chain.index(affine[-1]) < chain.index(blocks[-1]) else None
    leaky = isinstance(last, ResidualBlock) and last.leaky_path is not None
    offset = gain / 2 if leaky else 0.0
    are_logits = not affine
    for layer in chain:
        if isinstance(layer, (ResidualBlock, EquilibriumBlock)):
            layer.silence()
        elif isinstance(layer, nn.Conv2d) and layer.bias is not None:
            nn.init.dirac_(layer.weight)
            layer.weight.mul_(gain * deviation)
            nn.init.constant_(layer.bias, -gain / 2)
        elif isinstance(layer, ConvBn):
            mean = linear.mean(dim=(0, 2))
            variance = linear.var(dim=(0, 2), correction=0) / deviation**2
            pass_through(layer, (mean + 0.5) / deviation, variance, 1 / (gain * deviation), gain * mean + offset)
        are_logits = are_logits or (layer in affine and not leaky)
        if are_logits and isinstance(layer, (ConvBn, ResidualBlock, EquilibriumBlock)):
            _pass_both_signs(layer.activation)
    if leaky:
        assert isinstance(last, ResidualBlock)
        start_leaky_path(last, gain * linear, offset)


def _pass_both_signs(activation: nn.Module) -> None:
    if isinstance(activation, nn.PReLU):
        nn.init.ones_(activation.weight)
    elif not isinstance(activation, nn.Identity):
        raise TypeError(f"{type(activation).__name__} cannot pass logits unchanged: this network has no linear start")


def pass_through(layer: ConvBn, mean: Tensor, variance: Tensor, unit: float, mean_after: Tensor) -> None:
    """Makes a layer ``(x - mean) / unit + mean_after`` for inputs of those statistics, ``[channels]`` each."""
    nn.init.dirac_(layer.conv.weight)
    norm = layer.norm
    # Batch statistics of training and running statistics of inference now mean the same map.
    norm.load_state_dict(
        {
            "running_mean": mean,
            "running_var": variance,
            "num_batches_tracked": torch.tensor(0),
            "weight": (variance + norm.eps).sqrt() / unit,
            "bias": mean_after,
        }
    )


def _start_fc(encoder: CentredLinear, klt: Tensor, offset: float) -> None:
    encoder.centre.fill_(offset)
    encoder.weight.copy_(klt)
    nn.init.zeros_(encoder.bias)


def _estimator(training: TrainingSet, matrix: Tensor) -> Tensor:
    r"""Linear estimator of least mean-square error of deviations from codewords ``v = B d``.

    .. math:: D = R B^T (B R B^T + \epsilon I)^{-1}

    Args:
        training: channels of second moment ``R``.
        matrix: ``B``, ``[M, 2 Na Nt]``.

    Returns:
        ``[2 Na Nt, M]``, float32.
    """
    values, vectors = training.principal_axes
    complex_moment = (vectors * values) @ vectors.mH.to(torch.complex128)
    upper = torch.cat([complex_moment.real, -complex_moment.imag], dim=1)
    lower = torch.cat([complex_moment.imag, complex_moment.real], dim=1)
    cross = torch.cat([upper, lower]) @ matrix.T.to(torch.float64)
    power = matrix.to(torch.float64) @ cross
    power.diagonal().add_(_LOADING * power.diagonal().mean())
    return torch.linalg.solve(power, cross.T).T.to(torch.float32)


def _sigmoid_gain(linear: Tensor, deviations: Tensor) -> float:
    """Gain before the sigmoid of least error; 4 is the tangent at 0.5, strong entries are nearer to saturation."""
    errors = [((linear * gain).sigmoid() - 0.5 - deviations).square().mean() for gain in _GAINS]
    return float(_GAINS[int(torch.stack(errors).argmin())])
