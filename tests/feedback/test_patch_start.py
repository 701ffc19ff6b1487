"""DeepCMC's start: what convolutions with few places keep of images, against closed forms and other transforms."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from feedback.compressors.deepcmc import DeepCmc
from feedback.csi_dimensions import CsiDimensions
from feedback.errors import FeedbackInputError
from feedback.layers.images import to_unit_interval
from feedback.layers.resampling import DownsamplingConv, spreading
from feedback.training.disturbance import Disturbance
from feedback.training_set import TrainingSet

SHAPE = (16, 16)
# A shape, and the width at which a complex value for each place of a patch crosses every activation as a pair.
SMALL = (4, 8)
COMPLETE = 4 * SMALL[0] * SMALL[1]


def channels(count: int, seed: int, shape: tuple[int, int] = SHAPE) -> Tensor:
    """Channels whose power falls over the delays, the largest entry of modulus 1."""
    generator = torch.Generator().manual_seed(seed)
    csi = torch.randn(count, *shape, dtype=torch.complex64, generator=generator)
    csi = csi * torch.exp(-0.4 * torch.arange(shape[0]))[:, None]
    return csi / csi.abs().amax(dim=(1, 2), keepdim=True)


def started(csi: Tensor, width: int, ratio: float, disturbance: Disturbance | None = None) -> DeepCmc:
    keys = {"width": width, "compression_ratio": ratio, "disturbance": disturbance}
    made = DeepCmc(DeepCmc.Parameters.model_validate(keys), (csi.shape[1], csi.shape[2]))
    made.prepare(TrainingSet(csi, csi[:0]), torch.Generator().manual_seed(1))
    return made


def nmse(made: DeepCmc, csi: Tensor) -> float:
    error = (made.decode(made.encode(csi)) - csi).abs().square().sum(dim=(1, 2))
    return float((error / csi.abs().square().sum(dim=(1, 2))).mean())


@pytest.mark.parametrize("shape", [SMALL, (7, 4), (3, 8)])
def test_it_is_the_identity_where_there_is_room_for_all(shape: tuple[int, int]) -> None:
    """Also where the last patches are not whole."""
    csi = channels(700, 1, shape)
    assert nmse(started(csi, COMPLETE, 1), csi) < 1e-9


def test_it_keeps_what_patches_of_patches_have_most_of() -> None:
    """The same by NumPy, on complex numbers: 4 x 4 places to 8 values, 2 x 2 of these to 8, 2 x 2 of these to 16."""
    csi = channels(2000, 2)
    made = started(csi, 32, 2 * 16 * 16 / 32)
    assert made.length == 32
    values, kept = csi.numpy().astype(np.complex128)[..., None], 1.0
    for factor, count in ((4, 8), (2, 8), (2, 16)):
        n, rows, columns, maps = values.shape
        patches = values.reshape(n, rows // factor, factor, columns // factor, factor, maps).transpose(0, 1, 3, 2, 4, 5)
        patches = patches.reshape(n, rows // factor, columns // factor, -1)
        flat = patches.reshape(-1, patches.shape[-1])
        _, _, axes = np.linalg.svd(flat, full_matrices=False)
        values = patches @ axes[:count].conj().T
    energy = (np.abs(csi.numpy()) ** 2).sum(axis=(1, 2))
    kept = float(((np.abs(values) ** 2).sum(axis=(1, 2, 3)) / energy).mean())
    assert nmse(made, csi) == pytest.approx(1 - kept, abs=2e-4)


def test_statistics_of_a_batch_are_the_running_ones() -> None:
    csi = channels(2000, 3)
    made = started(csi, 32, 8)
    before = nmse(made, csi)
    made.encoder.train()
    made.decoder.train()
    assert nmse(made, csi) == pytest.approx(before, rel=0.02)


def test_bits_in_the_loss_choose_the_steps() -> None:
    """An error of the values' variance over 12 is that of steps of rounding; dearer bits make them wider."""
    csi = channels(800, 4, SMALL)
    image = to_unit_interval(csi)
    found = []
    for weight in (1e-3, 1e-5):
        made = started(csi, COMPLETE, 1, Disturbance(rate_weight=weight))
        with torch.no_grad():
            values = made.encoder(image)
            rebuilt = made.decoder(values.round())
        error = (rebuilt - image).square().sum(dim=(1, 2, 3)) / (image - 0.5).square().sum(dim=(1, 2, 3))
        found.append((float(values.square().mean()), float(error.mean())))
    (coarse, coarse_error), (fine, fine_error) = found
    assert fine > 10 * coarse
    assert fine_error < coarse_error / 10
    # Orthonormal axes: the error is that of rounding, a twelfth where steps are fine, over the energy.
    assert 10 * math.log10(fine_error) == pytest.approx(-10 * math.log10(12 * fine), abs=1.5)


@pytest.mark.parametrize("bits", [4, 6])
def test_few_levels_are_spread_over_the_maps(bits: int) -> None:
    csi = channels(800, 5, SMALL)
    quantiser = Disturbance(bits=bits)
    made = started(csi, COMPLETE, 1, quantiser)
    with torch.no_grad():
        image = to_unit_interval(csi)
        rebuilt = made.decoder(quantiser.quantise(made.encoder(image)))
    error = (rebuilt - image).square().sum() / (image - 0.5).square().sum()
    # A normal value in so many levels after a sigmoid of the best spread, twice.
    assert float(error) < 2 * {4: 0.0115, 6: 0.0007}[bits] + 0.02


@pytest.mark.parametrize(("width", "ratio", "why"), [(3, 4, "3 kernels have no room"), (8, 512, "one map has no room")])
def test_a_complex_value_needs_room(width: int, ratio: float, why: str) -> None:
    training = TrainingSet(channels(20, 6), channels(2, 7))
    keys = {"width": width, "compression_ratio": ratio}
    drawn = DeepCmc(DeepCmc.Parameters.model_validate(keys), SHAPE)
    assert not drawn.starts_as_klt
    drawn.prepare(training, torch.Generator().manual_seed(1))
    assert math.isfinite(nmse(drawn, training.validation))
    asked = DeepCmc.Parameters.model_validate(keys | {"init": "klt"})
    with pytest.raises(FeedbackInputError, match=f"init: got 'klt', expected 'xavier': .*{why}"):
        asked.check(CsiDimensions(n_delay=SHAPE[0], n_tx=SHAPE[1]))


def test_maps_that_start_at_0_learn() -> None:
    """A codeword of more maps than activations let through."""
    csi = channels(300, 10)
    made = started(csi, 8, 4)
    image = to_unit_interval(csi)
    values = made.encoder(image)
    empty = (values.square().sum(dim=0) == 0).nonzero().flatten()
    assert len(empty) > made.length / 2
    gains = made.encoder.layers[-1].norm.weight
    made.train()
    (made.decoder(made.encoder(image)) - image).square().sum().backward()
    assert (gains.grad != 0).all()


def test_places_that_are_not_kept_are_those_of_a_plain_convolution() -> None:
    generator = torch.Generator().manual_seed(8)
    maps = torch.randn(2, 3, 13, 10, generator=generator)
    layer = DownsamplingConv(3, 5, 5, 2).eval()
    plain = torch.nn.functional.conv2d(maps, layer.conv.weight, padding="same")[..., ::2, ::2]
    torch.testing.assert_close(layer.conv(maps), plain)


def test_zeros_between_places_then_a_plain_convolution() -> None:
    generator = torch.Generator().manual_seed(9)
    maps, size = torch.randn(2, 3, 7, 5, generator=generator), (13, 10)
    conv = spreading(3, 5, 5, 2, size)
    spread = torch.zeros(2, 3, *size)
    spread[..., ::2, ::2] = maps
    kernel = conv.weight.transpose(0, 1).flip(2, 3)
    torch.testing.assert_close(conv(maps), torch.nn.functional.conv2d(spread, kernel, padding="same"))
