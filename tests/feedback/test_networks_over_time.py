"""Networks whose reports build on those before: layers, starts, what is remembered, and what losses do to it."""

import math
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from feedback.compressor import COMPRESSORS, NO_MEMORY
from feedback.conformance.candidate import channels, delivered
from feedback.layers.csinet_pro import decoder_convolutions, encoder_convolutions, start_as_identity, unit_power
from feedback.layers.lstm import ImageLstm
from feedback.networks.over_time import NetworkOverTime
from feedback.plugin_file import build_compressor
from feedback.training.recipe import TrainingRecipe
from feedback.training.sequence_errors import sequence_errors, step_errors
from feedback.training_set import TrainingSet

NAMES = ["csinet-lstm", "markovnet"]
SHAPE = (4, 4)
SECTION: dict[str, Any] = {"compression_ratio": 4, "first_ratio": 2, "training_reports": 3, "alone_every": 4}


def sequences(n: int, n_reports: int, seed: int = 0) -> Tensor:
    """Channels that change by a tenth of their amplitude from report to report."""
    steps = [channels(n, SHAPE, seed + report) for report in range(n_reports)]
    return torch.stack([steps[0] + 0.1 * sum(steps[1 : report + 1]) for report in range(n_reports)], dim=1)


def made(name: str, shape: tuple[int, int] = SHAPE, **given: Any) -> NetworkOverTime:
    section = {"name": name, **SECTION, **given}
    if name == "csinet-lstm":
        section = {"lstm_layers": 1, **section}
    network = build_compressor(COMPRESSORS.parameters(name).model_validate(section), shape)
    assert isinstance(network, NetworkOverTime)
    return network


@cache
def prepared(name: str) -> NetworkOverTime:
    network = made(name)
    csi = sequences(200, 3)
    network.prepare(TrainingSet(csi, csi[:0]), torch.Generator().manual_seed(0))
    return network


def exchanged(network: NetworkOverTime, csi: Tensor, lost: dict[int, list[int]]) -> tuple[list[Tensor], list[Tensor]]:
    """NMSE and losses of each report, where some do not arrive: rows by report."""
    ue, bs, told = NO_MEMORY, NO_MEMORY, None
    errors, erased = [], []
    for place, now in enumerate(csi.unbind(1)):
        sent, ue = network.report(now, ue, told)
        gone = torch.zeros(len(now), dtype=torch.bool)
        gone[lost.get(place, [])] = True
        rebuilt, bs = network.rebuild(replace(delivered(sent), erased=gone), bs)
        assert rebuilt.channel is not None
        assert rebuilt.erased is not None
        assert torch.view_as_real(rebuilt.channel).isfinite().all()
        told = rebuilt.erased if network.told_of_losses else None
        error = (rebuilt.channel - now).abs().square().sum((1, 2)) / now.abs().square().sum((1, 2))
        errors.append(error)
        erased.append(rebuilt.erased)
    return errors, erased


@pytest.mark.parametrize("name", NAMES)
def test_reports_have_the_bits_of_their_kind(name: str) -> None:
    network = prepared(name)
    scale = {"markovnet": (8, 6), "csinet-lstm": (0, 0)}[name]
    # 2 Na Nt = 32: 16 values, then 8, of 4 bits each; kind and number modulo 4 take 3.
    alone, following = 3 + scale[0] + 64, 3 + scale[1] + 32
    ue, found = NO_MEMORY, []
    for now in sequences(1, 6, seed=50).unbind(1):
        sent, ue = network.report(now, ue)
        assert sent.max_bits == alone
        assert isinstance(sent.value_bits, Tensor)
        found += sent.value_bits.tolist()
    assert found == [alone, following, following, following, alone, following]


@pytest.mark.parametrize("name", NAMES)
def test_a_lost_report_is_followed_by_one_that_stands_alone(name: str) -> None:
    errors, erased = exchanged(prepared(name), sequences(5, 5, seed=50), {1: [2]})
    assert [row.tolist() for row in erased] == [[False] * 5, [place == 2 for place in range(5)]] + [[False] * 5] * 3
    # The second one arrives as what it is without any loss.
    clean, _ = exchanged(prepared(name), sequences(5, 5, seed=50), {})
    kept = [0, 1, 3, 4]
    for with_loss, without in zip(errors, clean, strict=True):
        torch.testing.assert_close(with_loss[kept], without[kept], rtol=1e-3, atol=1e-5)
    assert errors[2][2] < 1


@pytest.mark.parametrize("name", NAMES)
def test_a_channel_that_stays_is_known_no_worse_after_the_second_report(name: str) -> None:
    """As far as a linear estimate from both reports, fitted to moving channels, is that from the first alone."""
    csi = sequences(100, 1, seed=50).expand(-1, 2, -1, -1)
    errors, _ = exchanged(prepared(name), csi, {})
    assert float(errors[1].mean()) < 1.1 * float(errors[0].mean())


@pytest.mark.parametrize("name", NAMES)
def test_without_being_told_it_recovers_with_the_next_that_stands_alone(name: str) -> None:
    network = made(name, told_of_losses=False)
    network.load_state(prepared(name).state())
    _, erased = exchanged(network, sequences(5, 6, seed=50), {1: [2]})
    assert [bool(row[2]) for row in erased] == [False, True, True, True, False, False]
    assert not torch.stack(erased)[:, [0, 1, 3, 4]].any()


@pytest.mark.parametrize("name", NAMES)
def test_the_bs_knows_nothing_but_what_arrived(name: str) -> None:
    """With the bits of another UE's report the BS rebuilds what that report says, whatever its own UE sent."""
    network, csi = prepared(name), sequences(2, 2, seed=50)
    ue, bs = NO_MEMORY, NO_MEMORY
    sent, ue = network.report(csi[:, 0], ue)
    both = delivered(sent)
    swapped = replace(both, values=both.values[[1, 1]])
    first, bs = network.rebuild(swapped, bs)
    assert first.channel is not None
    torch.testing.assert_close(first.channel[0], first.channel[1])
    sent, ue = network.report(csi[:, 1], ue)
    both = delivered(sent)
    second, _ = network.rebuild(replace(both, values=both.values[[1, 1]]), bs)
    assert second.channel is not None
    torch.testing.assert_close(second.channel[0], second.channel[1])


@pytest.mark.parametrize("name", NAMES)
def test_wrong_bits_over_many_reports_stay_finite(name: str) -> None:
    network, generator, bs = prepared(name), torch.Generator().manual_seed(1), NO_MEMORY
    sent, _ = network.report(sequences(20, 1, seed=50)[:, 0], NO_MEMORY)
    for report in range(12):
        values = torch.randint(0, 2, sent.values.shape, generator=generator).float()
        # All of the next number, so that they are taken for reports that follow.
        values[:, :3] = torch.tensor([float(report > 0), float(report % 4 > 1), float(report % 2)])
        rebuilt, bs = network.rebuild(replace(delivered(sent), values=values), bs)
        assert rebuilt.channel is not None
        assert rebuilt.erased is not None
        assert not rebuilt.erased.any()
        assert torch.view_as_real(rebuilt.channel).isfinite().all()


def test_markovnet_reports_alone_what_has_changed_altogether() -> None:
    network, csi = prepared("markovnet"), sequences(3, 1, seed=50)[:, 0]
    _, ue = network.report(csi, NO_MEMORY)
    sent, _ = network.report(-csi, ue)
    assert sent.values[:, 0].tolist() == [0.0, 0.0, 0.0]
    sent, _ = network.report(csi, ue)
    assert sent.values[:, 0].tolist() == [1.0, 1.0, 1.0]
    zeros = torch.zeros_like(csi)
    sent, ue = network.report(zeros, ue)
    assert sent.values[:, 0].tolist() == [0.0, 0.0, 0.0]


def test_wide_convolutions_start_as_the_identity() -> None:
    generator = torch.Generator().manual_seed(0)
    images = 0.1 * torch.randn(40, 2, 8, 8, generator=generator).clamp(-3, 3)
    scale = unit_power((8, 8))
    encoder, decoder = encoder_convolutions(scale), decoder_convolutions(scale)
    added = start_as_identity(encoder, images, scale)
    assert added >= float(scale * images.abs().max())
    assert start_as_identity(decoder, scale * images, scale) == 0
    for mode in (False, True):
        # Rounding of values around the scale, and around 1, through four layers.
        torch.testing.assert_close(encoder.train(mode)(images), scale * images + added, atol=1e-5 * scale, rtol=0)
        torch.testing.assert_close(decoder.train(mode)(scale * images), images.tanh(), atol=1e-5, rtol=0)


def test_lstm_layers_start_as_the_identity_of_small_values() -> None:
    lstm = ImageLstm(6, 3)
    lstm.start_as_identity()
    values = 0.1 * torch.randn(5, 4, 6, generator=torch.Generator().manual_seed(0)).clamp(-2, 2)
    # Of values up to 0.2: six tangents take x^3 / 3 each, 6 * 0.2^2 / 3 = 8 %; three forget gates keep 1.8 % each of
    # the value before, 5.5 %.
    with torch.no_grad():
        assert float((lstm(values)[0] - values).abs().max()) < 0.135 * 0.2


@pytest.mark.parametrize("name", NAMES)
def test_counts_of_the_papers_sizes(name: str) -> None:
    """Closed forms of the layers: CsiNet Pro's kernels and FC, or CsiNet's and three LSTM layers of 2 Na Nt units."""
    with torch.device("meta"):
        network = build_compressor(
            COMPRESSORS.parameters(name).model_validate({"name": name, "compression_ratio": 16, "first_ratio": 4}),
            (32, 32),
        )
        cost = network.complexity()
    size, pixels, first, later = 2048, 1024, 512, 128
    if name == "markovnet":
        kernels = 49 * (2 * 16 + 16 * 8 + 8 * 4 + 4 * 2)
        pair = 2 * kernels * pixels + 2 * size * first
        assert (cost.ue_macs, cost.bs_macs) == (pair, pair // 2)
        # Gains and biases of norms, and the biases of the last convolution and the FC layers.
        norms = 2 * (16 + 8 + 4)
        encoder = 8 * (kernels + norms + 4) + size * (first + 7 * later) + first + 7 * later
        decoder = 8 * (kernels + norms + 2) + size * (first + 7 * later) + 8 * size
        assert (cost.ue_parameters, cost.bs_parameters) == (encoder + decoder, decoder)
        return
    lstm = 3 * 4 * size * 2 * size
    assert lstm == 100_663_296
    refinement = 2 * 9 * (2 * 8 + 8 * 16 + 16 * 2) + 9 * 4
    assert cost.bs_macs == lstm + refinement * pixels + size * (first + later)
    assert cost.ue_macs == 36 * pixels + size * first
    layers = sum(parameter.numel() for parameter in network.decoder.lstm.parameters())
    # As published, 100.7 M; PyTorch has two biases for each gate.
    assert layers == lstm + 3 * 2 * 4 * size
    assert abs(layers / 100.7e6 - 1) < 0.01


def test_errors_of_sequences_are_means_over_reports() -> None:
    image = torch.full((2, 3, 2, 4, 4), 0.5)
    image[:, :, 0, 0, 0] += torch.tensor([[1.0, 0.5, 2.0], [1.0, 1.0, 1.0]])
    rebuilt = image.clone()
    rebuilt[0, :, 0, 0, 0] -= torch.tensor([0.1, 0.1, 0.0])
    found = step_errors(image, rebuilt)
    torch.testing.assert_close(found[0], torch.tensor([0.01, 0.04, 0.0]))
    torch.testing.assert_close(sequence_errors(image, rebuilt), torch.tensor([0.05 / 3, 0.0]).double())


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_chosen_by_the_mean_over_all_reports(name: str) -> None:
    network = made(name)
    training = TrainingSet(sequences(60, 3), sequences(20, 3, seed=90))
    recipe = TrainingRecipe(epochs=2, batch_size=20, learning_rate=1e-3)
    outcome = network.train_networks(training, recipe, torch.Generator().manual_seed(0))
    assert outcome.history
    assert outcome.validation_nmse_db <= outcome.start_nmse_db < 0
    curve = network.diagnostics(training.validation)
    assert list(curve) == [f"nmse_db of report {place}" for place in (1, 2, 3)]
    mean = 10 * math.log10(sum(10 ** (value / 10) for value in curve.values()) / 3)
    assert mean == pytest.approx(outcome.validation_nmse_db, abs=1e-4)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("disturbance", {"bits": 4}),
        ("distillation", {"method": "kd", "teacher": {"name": "csinet"}}),
        ("adaptation", {"samples": 10}),
        ("quantiser", {"name": "uniform", "bits": 4}),
        ("csi", "eigenvectors"),
    ],
)
def test_keys_of_networks_without_memory_are_refused(key: str, value: object) -> None:
    with pytest.raises(ValidationError, match=f"{key}: got .*, expected"):
        COMPRESSORS.parameters("markovnet").model_validate({"name": "markovnet", key: value})


def test_every_layer_of_the_bs_is_its_own() -> None:
    network = made("markovnet")
    shared = {id(part) for part in network.encoder.modules()} & {id(part) for part in network.decoder.modules()}
    assert not shared
    assert isinstance(network.decoder.following, nn.ModuleList)
    assert len(network.decoder.following) == SECTION["training_reports"] - 1
