r"""Starts a network with a convolutional latent space as the KLT of single angles, the best that one tap can do.

The codeword's ``m`` maps are, at every angle, ``m`` linear measurements of the ``2 Na`` values of that angle. The best
are the leading eigenvectors ``A`` of their second moment over channels and angles; the other taps of the kernels start
at 0. ``convolutions`` and ``refinement`` start what is around it.
"""

import torch
from torch import Tensor, nn

from feedback.initialisation.convolutions import STATISTICS_SAMPLES, ImageStatistics, start_features, start_norm
from feedback.initialisation.logits import BlockInput
from feedback.initialisation.refinement import MARGIN, activated, start_refinement
from feedback.layers.basic import ConvBn
from feedback.layers.convolutional_latent import ConvolutionalDecoder, ConvolutionalEncoder, to_rows
from feedback.layers.images import to_unit_interval
from feedback.training_set import TrainingSet


@torch.no_grad()
def start_as_angle_klt(encoder: ConvolutionalEncoder, decoder: ConvolutionalDecoder, training: TrainingSet) -> None:
    """Sets initial weights of a network whose latent space is a pair of single convolutions along the angles.

    Args:
        encoder: its features start with a convolution with batch norm, and ``narrow`` is a convolution.
        decoder: ``widen`` is a convolution with batch norm; its refinement ends in a sigmoid.
        training: channels whose KLT is taken.

    Raises:
        TypeError: as ``start_refinement``.
    """
    images = to_unit_interval(training.train[:STATISTICS_SAMPLES])
    statistics = ImageStatistics.of(images)
    rows = to_rows(images - 0.5)[:, :, 0]
    narrow, widen = encoder.narrow, decoder.widen
    assert isinstance(widen, ConvBn)
    assert isinstance(narrow, nn.Conv2d)
    assert narrow.bias is not None
    axes = principal_rows(rows, narrow.out_channels)
    start_features(encoder.features, statistics)
    _only_tap(narrow.weight, axes)
    narrow.bias.copy_(-0.5 / statistics.deviation * axes.sum(dim=1))
    rebuilt = start_row(widen, axes.T, axes @ rows / statistics.deviation, rows.new_full((rows.shape[1],), MARGIN))
    start_angle_refinement(decoder, rebuilt, activated(widen, rebuilt), statistics.deviation)


def start_angle_refinement(decoder: ConvolutionalDecoder, rebuilt: Tensor, taken: Tensor, deviation: float) -> None:
    """Starts what follows the latent space at the BS.

    Args:
        decoder: of the network.
        rebuilt: deviations of linear reconstructions in standard deviations, plus ``MARGIN``, ``[n, 2 Na, Nt]``.
        taken: those after the activations before the refinement.
        deviation: standard deviation of images.
    """
    images, passed = (((rows - MARGIN) * deviation).unflatten(1, (2, -1)).flatten(2) for rows in (rebuilt, taken))
    start_refinement(decoder.refinement, images, deviation, BlockInput(passed, 1 / deviation, MARGIN))


def start_row(layer: ConvBn, matrix: Tensor, inputs: Tensor, shift: Tensor) -> Tensor:
    """Makes the first outputs of a convolution along the angles with batch norm ``matrix x + shift``.

    Args:
        layer: ``[in, 1, Nt]`` to ``[out, 1, Nt]``; outputs beyond the matrix's stay as drawn.
        matrix: of the first inputs, ``[k, j]``.
        inputs: samples of the first inputs, ``[n, j, Nt]``, for batch norm's statistics.
        shift: ``[k]``.

    Returns:
        Samples of the first outputs, ``[n, k, Nt]``, before the activation.
    """
    outputs = matrix @ inputs
    mean, variance = outputs.mean(dim=(0, 2)), outputs.var(dim=(0, 2), correction=0)
    _only_tap(layer.conv.weight[: len(matrix)], matrix)
    start_norm(layer.norm, mean, variance, 1.0, mean + shift)
    return outputs + shift[:, None]


def principal_rows(rows: Tensor, n_maps: int) -> Tensor:
    """Leading eigenvectors of the second moment of rows ``[n, 2 Na, Nt]`` over ``n`` and ``Nt``, ``[n_maps, 2 Na]``."""
    flat = rows.transpose(1, 2).flatten(0, 1).to(torch.float64)
    vectors = torch.linalg.eigh(flat.T @ flat / len(flat))[1].flip(1)
    return vectors[:, :n_maps].T.to(torch.float32).contiguous()


def _only_tap(kernel: Tensor, matrix: Tensor) -> None:
    """Makes a ``[out, in, 1, width]`` kernel a product of the first inputs with a matrix ``[out, j]`` at each place."""
    kernel.zero_()
    kernel[:, : matrix.shape[1], 0, kernel.shape[3] // 2] = matrix
