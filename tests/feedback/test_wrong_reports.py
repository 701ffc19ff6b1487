"""Whatever bits arrive, the BS finds out, or rebuilds a channel that is bounded by what was learnt in training."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from feedback.compressor import COMPRESSORS, Compressor
from feedback.csi_report.codeword import Codeword
from feedback.csi_report.scale import ScaleQuantiser, learnt_range
from feedback.links.uci.layout import ReportLayout
from feedback.neural import NeuralCompressor
from feedback.quantiser import QUANTISERS, Quantiser
from feedback.training_set import TrainingSet

SHAPE = (8, 8)
QUANTISED = sorted(name for name in QUANTISERS.keys() if QUANTISERS.get_class(name).sends != "analogue")  # noqa: SIM118
REQUIRED: dict[str, Any] = {"bits": 4, "dimension": 2, "cells": 20}
N_WRONG = 200


def channels(n: int, seed: int) -> Tensor:
    """Angular-delay matrices whose energy falls with the delay, of powers over 20 dB."""
    generator = torch.Generator().manual_seed(seed)
    csi = torch.randn(n, *SHAPE, dtype=torch.complex64, generator=generator) * torch.exp(-torch.arange(8) / 2)[:, None]
    return csi * 10 ** torch.rand(n, 1, 1, generator=generator)


def scales_of(csi: Tensor) -> Tensor:
    return csi.abs().amax(dim=(1, 2))


def compressor_of(name: str, training: TrainingSet) -> Compressor:
    compressor_class = COMPRESSORS.get_class(name)
    compressor = compressor_class(compressor_class.Parameters(name=name, compression_ratio=4.0), SHAPE)
    generator = torch.Generator().manual_seed(0)
    if isinstance(compressor, NeuralCompressor):
        compressor.initialise(generator)
    else:
        compressor.fit(training, generator)
    return compressor


def quantiser_of(name: str, values: Tensor) -> Quantiser:
    quantiser_class = QUANTISERS.get_class(name)
    fields = quantiser_class.Parameters.model_fields
    required = {key: REQUIRED[key] for key in fields if key in REQUIRED}
    quantiser = quantiser_class(quantiser_class.Parameters(name=name, **required))
    quantiser.fit(values)
    return quantiser


def flipped(bits: Tensor, seed: int) -> Tensor:
    """Each row with 1, 2, 4, ... of its bits wrong, or all of them random."""
    generator = torch.Generator().manual_seed(seed)
    out = bits.clone()
    for row, count in zip(out, [2**power for power in range(8)] * (len(bits) // 8 + 1), strict=False):
        at = torch.randperm(len(row), generator=generator)[:count]
        row[at] ^= 1 if count < 128 else torch.randint(0, 2, (len(at),), generator=generator)
    return out


def largest_value(quantiser: Quantiser, values: Tensor) -> Tensor:
    """What no dequantised value of any element may exceed in modulus, ``[length]``."""
    if quantiser.settings.name == "sigmoid_uniform":
        # Learns nothing; the last cell of 16 is at logit(31 / 32).
        return torch.full((values.shape[1],), 31.0).log()
    # Levels lie within the range of some element around each one's mean, half a cell of 20 or 16 beyond at most.
    return values.abs().amax(0) + 1.1 * (values.amax(0) - values.amin(0)).amax()


@pytest.fixture(scope="module")
def training() -> TrainingSet:
    csi = channels(400, seed=0)
    csi = csi / scales_of(csi)[:, None, None]
    return TrainingSet(csi, csi[:0])


@pytest.mark.parametrize(
    ("compressor_name", "quantiser_name"),
    [
        # Of those that make bits of their own, `check_wrong_bits` of the contract asks the same.
        *((name, "uniform") for name in sorted(COMPRESSORS) if COMPRESSORS.get_class(name).sends == "analogue"),
        *(("topk", name) for name in QUANTISED if name != "uniform"),
        *(("klt", name) for name in QUANTISED if name != "uniform"),
    ],
)
def test_wrong_bits_are_found_out_or_bounded(compressor_name: str, quantiser_name: str, training: TrainingSet) -> None:
    compressor = compressor_of(compressor_name, training)
    values = compressor.encode(training.train).values.detach()
    quantiser = quantiser_of(quantiser_name, values)
    csi = channels(N_WRONG, seed=1)
    scale = ScaleQuantiser(8, learnt_range(scales_of(channels(400, seed=0))))
    assert scale.range_db is not None
    assert scale.format is not None
    sent = quantiser.quantise(compressor.encode(csi / scales_of(csi)[:, None, None]))
    sent = replace(
        sent,
        side={**sent.side, "scale": scale.encode(scales_of(csi))},
        side_bits=sent.side_bits + 8,
        side_formats={**sent.side_formats, "scale": scale.format},
    )
    longest = int(sent.value_bits.max()) if isinstance(sent.value_bits, Tensor) else int(sent.value_bits or 0)
    layout = ReportLayout.of(sent, sent.side_bits + longest + 10)
    payload, fits = layout.pack(sent)
    received = quantiser.dequantise(layout.unpack(flipped(payload, seed=2), fits))
    assert received.erased is not None
    rebuilt = compressor.decode(received).detach() * scale.decode(received.side["scale"])[:, None, None]
    assert torch.view_as_real(rebuilt).isfinite().all()
    passed = ~received.erased
    # Of one wrong bit among all, hardly any report is found out by its fillers alone.
    assert passed.any()
    assert received.values[passed].abs().le(largest_value(quantiser, values)).all()
    if not isinstance(compressor, NeuralCompressor):
        # An isometry of its values, so that the energy is bounded by theirs and the largest scale; float32 rounds.
        most = largest_value(quantiser, values).square().sum() * 10 ** (scale.range_db[1] / 10)
        assert rebuilt[passed].abs().square().sum((1, 2)).max() <= most * (1 + 1e-5)


def test_a_bit_behind_the_report_is_no_report(training: TrainingSet) -> None:
    quantiser = quantiser_of("uniform", torch.rand(50, 6))
    sent = quantiser.quantise(Codeword(torch.rand(3, 6)))
    layout = ReportLayout.of(sent, 40)
    payload, fits = layout.pack(sent)
    payload[1, 30] = 1
    assert layout.unpack(payload, fits).erased.tolist() == [False, True, False]  # type: ignore[union-attr]


def test_a_stream_that_the_ue_would_not_send_is_no_report() -> None:
    values = torch.randn(300, 6, generator=torch.Generator().manual_seed(0))
    quantiser = quantiser_of("entropy_coded", values)
    sent = quantiser.quantise(Codeword(values[:50]))
    layout = ReportLayout.of(sent, int(sent.value_bits.max()) + 20)  # type: ignore[union-attr]
    payload, fits = layout.pack(sent)
    right = quantiser.dequantise(layout.unpack(payload, fits))
    assert not right.erased.any()  # type: ignore[union-attr]
    assert torch.equal(right.values, quantiser.dequantise(sent).values)
    payload[:, -1] = 1
    assert quantiser.dequantise(layout.unpack(payload, fits)).erased.all()  # type: ignore[union-attr]
