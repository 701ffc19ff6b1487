r"""Starts a network as the KLT of the training channels, so that training only has to improve on the linear optimum.

Images are 0.5 plus a deviation ``d`` of standard deviation :math:`\sigma`, around 0.02. The network starts as

.. math:: y = x / \sigma, \quad v = A (y - 0.5 / \sigma), \quad \hat y = A^T v,
          \quad \hat x = \mathrm{sigmoid}(g(\sigma \hat y))

with ``A`` the KLT as a real matrix; ``convolutions`` starts what is before it, and ``refinement`` makes
:math:`g(d) = \mathrm{logit}(0.5 + d)`. Where the BS ends in a scale in place of a sigmoid, and its blocks have nothing
after their sum, the network starts as the KLT itself.

Of a binary layer only the signs of ``A`` remain; the BS then starts with the linear estimator of least mean-square
error from its codeword.

Where codewords are quantised in training, entries differ far too much in size for one quantiser: each then has a gain
:math:`g_i` that spreads it over the levels, and the BS the weight :math:`w_i` of least mean-square error,
:math:`v_i \approx w_i \, Q(g_i v_i)`.
"""

import torch
from torch import Tensor, nn

from feedback.initialisation.convolutions import STATISTICS_SAMPLES, ImageStatistics, start_features
from feedback.initialisation.quantiser_gains import quantiser_gains
from feedback.initialisation.refinement import start_refinement
from feedback.layers.basic import CentredLinear, FullyConnectedDecoder, FullyConnectedEncoder
from feedback.layers.binary import BinaryLinear, scale_of, signs_of
from feedback.layers.images import to_unit_interval
from feedback.training.disturbance import Disturbance
from feedback.training_set import TrainingSet

# Share of the mean codeword power that keeps the estimator's normal equations solvable.
_LOADING = 1e-6
# Distance of binary layers' weights from 0 at the start: most entries of a KLT are tiny, and thousands of signs would
# change in the first steps, faster than the BS can follow.
_MARGIN = 0.03


@torch.no_grad()
def start_as_klt(
    encoder: FullyConnectedEncoder,
    decoder: FullyConnectedDecoder,
    training: TrainingSet,
    disturbance: Disturbance | None = None,
) -> None:
    """Sets initial weights of a network whose convolutions and residual blocks follow each other in a chain.

    Args:
        encoder: its features start with a convolution with batch norm, or a scale.
        decoder: its refinement ends in a sigmoid, a hard one, or a scale.
        training: channels whose KLT is taken.
        disturbance: what codewords go through in training; sets the gains of a float layer before a quantiser.

    Raises:
        TypeError: as ``start_refinement``.
    """
    images = to_unit_interval(training.train[:STATISTICS_SAMPLES])
    statistics = ImageStatistics.of(images)
    deviation = statistics.deviation
    klt = real_klt(training, encoder.fc.out_features)
    if isinstance(encoder.fc, BinaryLinear):
        klt = klt + _MARGIN * signs_of(klt)
    start_features(encoder.features, statistics)
    _start_fc(encoder.fc, klt, 0.5 / deviation)
    deviations = (images - 0.5).flatten(1)
    if isinstance(encoder.fc, BinaryLinear):
        binary = scale_of(klt) * signs_of(klt)
        inverse = _estimator(training, binary)
        linear = deviations @ binary.T @ inverse.T
    else:
        inverse = klt.T
        values = deviations @ klt.T
        found = quantiser_gains(values / deviation, deviations / deviation, disturbance)
        if found is not None and disturbance is not None:
            gains, weights = found
            values = deviation * weights * disturbance.quantise(gains * values / deviation)
            encoder.fc.weight.mul_(gains[:, None])
            inverse = inverse * weights
        linear = values @ klt
    decoder.fc.weight.copy_(inverse)
    nn.init.zeros_(decoder.fc.bias)
    start_refinement(decoder.refinement, linear.unflatten(1, (2, -1)), deviation)


def real_klt(training: TrainingSet, length: int) -> Tensor:
    r"""KLT of complex matrices as a real matrix on their images.

    .. math:: A = \begin{bmatrix} \Re U^T & \Im U^T \\ -\Im U^T & \Re U^T \end{bmatrix}

    Returns:
        ``[length, 2 Na Nt]``, float32, orthonormal rows; for an odd length the last row is left out.
    """
    axes = training.principal_axes((length + 1) // 2)[1].T
    return torch.cat([torch.cat([axes.real, axes.imag], dim=1), torch.cat([-axes.imag, axes.real], dim=1)])[:length]


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
    complex_moment = training.second_moment
    upper = torch.cat([complex_moment.real, -complex_moment.imag], dim=1)
    lower = torch.cat([complex_moment.imag, complex_moment.real], dim=1)
    cross = torch.cat([upper, lower]) @ matrix.T.to(torch.float64)
    power = matrix.to(torch.float64) @ cross
    power.diagonal().add_(_LOADING * power.diagonal().mean())
    return torch.linalg.solve(power, cross.T).T.to(torch.float32)
