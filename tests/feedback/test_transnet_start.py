"""TransNet's start: what its layer norms pass on, and how near to the KLT that is."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from feedback.compressors.transnet import TransNet, TransNetFeatures, TransNetRefinement
from feedback.initialisation.layer_norms import NormWindow
from feedback.layers.images import to_unit_interval
from feedback.training.disturbance import Disturbance
from feedback.training_set import TrainingSet

SHAPE = (8, 16)


def channels(count: int, seed: int) -> Tensor:
    """Of 2 of 16 angles with little power, the largest entry of modulus 1."""
    generator = torch.Generator().manual_seed(seed)
    csi = torch.randn(count, *SHAPE, dtype=torch.complex64, generator=generator)
    csi = csi * torch.exp(-0.5 * torch.arange(SHAPE[0]))[:, None]
    csi[:, :, 5:7] *= 0.1
    return csi / csi.abs().amax(dim=(1, 2), keepdim=True)


TRAINING = TrainingSet(channels(2000, 1), channels(100, 2))


@pytest.fixture(scope="module")
def made() -> TransNet:
    found = TransNet(TransNet.Parameters(compression_ratio=4), SHAPE)
    found.prepare(TRAINING, torch.Generator().manual_seed(1))
    return found


@pytest.mark.parametrize("disturbance", [Disturbance(bits=6), Disturbance(rate_weight=1e-5)])
def test_codewords_get_gains_before_a_quantiser(made: TransNet, disturbance: Disturbance) -> None:
    """Of many levels, so that little is lost to what it is without one; without gains nearly all is."""
    found = TransNet(TransNet.Parameters(compression_ratio=4, disturbance=disturbance), SHAPE)
    found.prepare(TRAINING, torch.Generator().manual_seed(1))
    csi = TRAINING.validation
    power = csi.abs().square().sum(dim=(1, 2))
    errors = []
    for network in (found, made):
        codeword = network.encode(csi)
        received = replace(
            codeword, values=disturbance.quantise(codeword.values) if network is found else codeword.values
        )
        errors.append(float(((network.decode(received) - csi).abs().square().sum(dim=(1, 2)) / power).mean()))
    assert errors[0] < errors[1] + 0.01


def window() -> NormWindow:
    return NormWindow.of_least_energy((to_unit_interval(TRAINING.train) - 0.5).flatten(0, 2))


def test_the_window_costs_the_mean_and_what_there_is_least_of() -> None:
    kept = window().kept
    torch.testing.assert_close(kept @ kept, kept)
    torch.testing.assert_close(kept.sum(dim=0), torch.zeros(SHAPE[1]), atol=1e-5, rtol=0)
    assert float(kept.trace()) == pytest.approx(SHAPE[1] - 2, abs=1e-4)
    # The difference of the two weak angles has no mean.
    lost = torch.zeros(SHAPE[1])
    lost[5], lost[6] = 1, -1
    assert float((kept @ lost).norm()) < 0.1


def test_a_layer_norm_passes_on_what_the_window_keeps() -> None:
    """The error falls with the tokens' size: nothing but the bend of the norm is left."""
    norm, frame = nn.LayerNorm(SHAPE[1]), window()
    tokens = torch.randn(200, SHAPE[1], generator=torch.Generator().manual_seed(3))
    errors = []
    with torch.no_grad():
        frame.open(norm, take=True)
        for size in (4.0, 1.0):
            wanted = size * tokens @ frame.kept
            errors.append(float((norm(size * tokens + frame.constant) - wanted).norm() / wanted.norm()))
    assert errors[0] < 0.1
    assert errors[1] == pytest.approx(errors[0] / 4, rel=0.2)


def test_both_sides_pass_images_on(made: TransNet) -> None:
    """Two passes with the same weights, at either side."""
    features, refinement, kept = made.encoder.features, made.decoder.refinement, window().kept
    assert isinstance(features, TransNetFeatures)
    assert isinstance(refinement, TransNetRefinement)
    image = to_unit_interval(TRAINING.validation) * 0.02 + 0.49
    tokens = 50 * (image - 0.5)
    with torch.no_grad():
        torch.testing.assert_close(features(image), tokens @ kept, atol=5e-3, rtol=0)
        torch.testing.assert_close(refinement(tokens), 0.5 + tokens @ kept / 50, atol=1e-4, rtol=0)


def test_it_starts_as_the_klt_of_what_passes(made: TransNet) -> None:
    """The same by NumPy: what is lost at the window, and beyond the leading axes of what is left."""
    kept = window().kept.numpy().astype(np.float64)
    train, validation = (part.numpy().astype(np.complex128) for part in (TRAINING.train, TRAINING.validation))
    flat = (train @ kept).reshape(len(train), -1)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    axes = np.linalg.svd(flat, full_matrices=False)[2][: made.length // 2]
    rebuilt = (validation @ kept).reshape(len(validation), -1) @ axes.conj().T @ axes
    error = np.abs(rebuilt.reshape(validation.shape) - validation) ** 2
    linear = float((error.sum(axis=(1, 2)) / (np.abs(validation) ** 2).sum(axis=(1, 2))).mean())
    found = (made.decode(made.encode(TRAINING.validation)) - TRAINING.validation).abs().square().sum(dim=(1, 2))
    nmse = float((found / TRAINING.validation.abs().square().sum(dim=(1, 2))).mean())
    assert 10 * np.log10(nmse) == pytest.approx(10 * np.log10(linear), abs=0.3)
