r"""Starts a network with a convolutional latent space as the KLT of single angles, the best that one tap can do.

The codeword's ``m`` maps are, at every angle, ``m`` linear measurements of the ``2 Na`` values of that angle. The best
are the leading eigenvectors ``A`` of their second moment over channels and angles; the other taps of the kernels start
at 0. The convolutions around it are ``chain_start``'s.
"""

import torch
from torch import Tensor, nn

from feedback.chain_start import STATISTICS_SAMPLES, ImageStatistics, start_features, start_refinement
from feedback.convolutional_latent import ConvolutionalDecoder, ConvolutionalEncoder, to_rows
from feedback.layers import ConvBn
from feedback.training_set import TrainingSet
from feedback.unit_interval import to_unit_interval


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
    axes = _principal_rows(rows)[:, : narrow.out_channels].T.contiguous()
    start_features(encoder.features, statistics)
    offset = 0.5 / statistics.deviation
    _only_tap(narrow.weight, axes)
    narrow.bias.copy_(-offset * axes.sum(dim=1))
    linear = axes.T @ (axes @ rows)
    scaled = linear / statistics.deviation
    _only_tap(widen.conv.weight, axes.T)
    mean, variance = scaled.mean(dim=(0, 2)), scaled.var(dim=(0, 2), correction=0)
    widen.norm.load_state_dict(
        {
            "running_mean": mean,
            "running_var": variance,
            "num_batches_tracked": torch.tensor(0),
            "weight": (variance + widen.norm.eps).sqrt(),
            "bias": mean + offset,
        }
    )
    rebuilt, wanted = (part.unflatten(1, (2, -1)).flatten(2) for part in (linear, rows))
    start_refinement(decoder.refinement, rebuilt, wanted, statistics.deviation)


def _principal_rows(rows: Tensor) -> Tensor:
    """Eigenvectors, strongest first, of the second moment of rows ``[n, 2 Na, Nt]`` over ``n`` and ``Nt``."""
    flat = rows.transpose(1, 2).flatten(0, 1).to(torch.float64)
    return torch.linalg.eigh(flat.T @ flat / len(flat))[1].flip(1).to(torch.float32)


def _only_tap(kernel: Tensor, matrix: Tensor) -> None:
    """Makes a ``[out, in, 1, width]`` kernel a product with a matrix at each place."""
    kernel.zero_()
    kernel[:, :, 0, kernel.shape[3] // 2] = matrix
