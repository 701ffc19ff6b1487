"""Refinement of a context codec's reports at the BS: cells, symmetries, same bits, files, training."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import save
from torch import Tensor

from feedback.compressors.context import Context
from feedback.compressors.parameters.context import ContextParameters
from feedback.context_codec import kernel
from feedback.context_codec.codec import RATE_WEIGHT, ContextCodec
from feedback.context_codec.kernel import CodingRecord, LevelShape
from feedback.context_codec.tables import shipped_tables
from feedback.enhancement import training
from feedback.enhancement.gated_filters import GatedFilters, within_cells
from feedback.enhancement.refiner import FilterRefiner
from feedback.enhancement.training import Course, Gain, train_filters
from feedback.enhancement.weights import layout, read_weights, weights_of
from feedback.errors import FeedbackInputError

SHAPE = LevelShape(8, 1, 1, 8)


def sparse(n: int, seed: int, shape: tuple[int, ...] = (8, 1, 1, 8)) -> NDArray[np.complex64]:
    """Matrices of two paths each, between bins of delay and angle, of many subcarriers from the first one on.

    Such a band gives a path the phase of its middle, so that neighbouring taps differ in sign from a sinc's.
    """
    rng = np.random.default_rng(seed)
    rows, columns = shape[0], shape[-1]
    planes = n * int(np.prod(shape[1:-1]))
    found = np.zeros((planes, rows, columns), np.complex128)
    for _ in range(2):
        delay, angle = 6 * rng.random((planes, 1)), columns * rng.random((planes, 1))
        gain = rng.standard_normal((planes, 1, 1)) + 1j * rng.standard_normal((planes, 1, 1))
        taps, waves = (
            np.sinc(np.arange(rows) - delay) * (-1.0) ** np.arange(rows),
            np.exp(2j * np.pi * angle * (np.arange(columns) - (columns - 1) / 2) / columns),
        )
        found += gain * taps[:, :, None] * np.fft.fft(waves)[:, None, :]
    order = found.reshape(n, *shape[1:-1], rows, columns)
    return np.moveaxis(order, -2, 1).astype(np.complex64)


def random_network(seed: int = 1) -> GatedFilters:
    network = GatedFilters(width=3, filters=2, delays=3, angles=5)
    network.initialise(torch.Generator().manual_seed(seed))
    with torch.no_grad():
        for part in (network.real, network.imaginary):
            part.mul_(30)
    return network


def random_values(seed: int, n: int = 3, rows: int = 5, columns: int = 6) -> Tensor:
    """Values a little beside their levels."""
    rng = np.random.default_rng(seed)
    levels = rng.integers(-3, 4, (n, 2, rows, columns)) * (rng.random((n, 2, rows, columns)) < 0.4)
    return torch.from_numpy((levels + 0.3 * (rng.random(levels.shape) - 0.5)).astype(np.float32))


@given(st.integers(0, 2**32 - 1))
def test_what_lies_in_a_cell_is_only_ever_approached(seed: int) -> None:
    rng = np.random.default_rng(seed)
    levels = rng.integers(-9, 10, 500)
    sign, size = np.sign(levels), np.abs(levels)
    true = np.where(size > 0, sign * (size + rng.uniform(-0.5, 1.5, 500)), rng.uniform(-1.5, 1.5, 500))
    estimate = true + rng.standard_normal(500) * 3
    values = torch.from_numpy(levels + rng.uniform(-0.4, 0.4, 500))
    moved = within_cells(torch.from_numpy(estimate), values).numpy()
    assert (np.abs(moved - true) <= np.abs(estimate - true) + 1e-12).all()
    # No further off than the cell is wide.
    assert (np.abs(moved - true) <= np.where(size > 0, 2, 3) + 1e-12).all()


def test_values_lie_in_the_cells_of_the_levels_that_the_kernel_chooses() -> None:
    values = np.random.default_rng(4).integers(-1000, 1001, (40, SHAPE.entries, 2)).astype(np.int32)
    values[np.random.default_rng(5).random(values.shape) < 0.7] //= 8
    record = CodingRecord.empty(40, SHAPE.entries)
    steps = np.zeros(40, np.int32)
    kernel.encode_values(shipped_tables(), SHAPE, values, steps, RATE_WEIGHT, record)
    sizes, along = np.abs(record.levels.astype(int)), values * np.where(record.levels < 0, -1, 1) / 256
    some = sizes > 0
    assert some.any()
    assert (along[some] >= sizes[some] - 0.5).all()
    assert (along[some] <= sizes[some] + 1.5).all()
    # A zero beyond 1.5 would have to save (1.5^2 - 0.5^2) / 0.095 = 21 bits.
    assert (np.abs(along[~some]) <= 1.5).all()


def test_a_quarter_turn_and_a_shift_of_angles_pass_through() -> None:
    network, values, steps = random_network(), random_values(1), torch.tensor([0.3, 1.0, 2.5])
    out = network(values, steps)
    assert (out - values).abs().max() > 0.1
    turned = network(torch.stack([-values[:, 1], values[:, 0]], 1), steps)
    # Sums of at most 4 x 25 products of order 1 in another order, in float32.
    torch.testing.assert_close(turned, torch.stack([-out[:, 1], out[:, 0]], 1), atol=1e-5, rtol=0)
    torch.testing.assert_close(network(values.roll(2, -1), steps), out.roll(2, -1), atol=1e-5, rtol=0)


def test_filters_are_complex() -> None:
    network = random_network()
    with torch.no_grad():
        network.gate.weight.zero_()
        network.gate.bias.fill_(1)
        network.real.mul_(0.05)
        network.imaginary.mul_(0.05)
    values = random_values(2)
    found = network(values, torch.ones(3))
    kernels = torch.complex(network.real, network.imaginary)[:, 0].sum(0)
    signal = torch.complex(values[:, 0], values[:, 1])
    padded = torch.nn.functional.pad(torch.cat([signal[..., -2:], signal, signal[..., :2]], -1), (0, 0, 1, 1))
    filtered = sum(
        kernels[i, j] * padded[:, i : i + values.shape[2], j : j + values.shape[3]] for i in range(3) for j in range(5)
    )
    expected = within_cells(values + torch.stack([filtered.real, filtered.imag], 1), values)  # type: ignore[union-attr]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_few_columns_wrap_round_several_times(columns: int) -> None:
    values = random_values(3, columns=columns)
    out = random_network()(values, torch.ones(3))
    wider = random_network()(values.repeat(1, 1, 1, 6), torch.ones(3))
    torch.testing.assert_close(out.repeat(1, 1, 1, 6), wider, atol=1e-5, rtol=0)


def test_planes_are_refined_each_by_itself() -> None:
    shape = LevelShape(5, 2, 3, 6)
    refiner = FilterRefiner(random_network())
    values = np.random.default_rng(6).integers(-700, 701, (2, shape.entries, 2)).astype(np.int32)
    steps = np.array([0.5, 2.0])
    found = refiner.refine(values, steps, shape).reshape(2, *shape, 2)
    for layer in range(2):
        for tilt in range(3):
            plane = values.reshape(2, *shape, 2)[:, :, layer, tilt].reshape(2, -1, 2)
            alone = refiner.refine(np.ascontiguousarray(plane), steps, LevelShape(5, 1, 1, 6))
            np.testing.assert_allclose(found[:, :, layer, tilt].reshape(2, -1, 2), alone, atol=256e-5)
    one = refiner.refine(values[1:], steps[1:], shape)
    np.testing.assert_allclose(one.reshape(*shape, 2), found[1], atol=256e-5)
    assert refiner.refine(values[:0], steps[:0], shape).shape == (0, shape.entries, 2)


def test_the_ue_sends_the_same_bits_and_the_bs_knows_more_of_them() -> None:
    matrices = sparse(60, 7, (32, 1, 1, 32))
    codec = ContextCodec(LevelShape(32, 1, 1, 32), step=0.7)
    refined = ContextCodec(LevelShape(32, 1, 1, 32), step=0.7, refiner=FilterRefiner.of(read_weights(None)))
    bits, lengths = codec.encode(matrices)
    for found, expected in zip(refined.encode(matrices), (bits, lengths), strict=True):
        np.testing.assert_array_equal(found, expected)
    errors = [np.square(np.abs(one.decode(bits, lengths)[0] - matrices)).sum() for one in (codec, refined)]
    # Learnt from other channels than these. A tenth of a dB is what filters have to gain to be worth their name.
    assert errors[1] < 10**-0.01 * errors[0]


def test_bits_of_noise_give_finite_matrices_or_are_erased() -> None:
    codec = ContextCodec(SHAPE, step=0.5, refiner=FilterRefiner.of(read_weights(None)))
    bits = np.random.default_rng(8).integers(0, 2, (50, 300)).astype(np.uint8)
    matrices, erased = codec.decode(bits, np.full(50, 300))
    assert np.isfinite(matrices).all()
    assert (matrices[erased] == 0).all()


def test_costs_what_its_layers_multiply() -> None:
    compressor = Context(ContextParameters(step=0.5, enhancer="filters"), (8, 4))
    plain = Context(ContextParameters(step=0.5), (8, 4))
    width, filters, delays, angles = 16, 12, 9, 5
    entry = width * 4 * 25 + width * width * 9 + filters * width + filters * (4 * delays * angles + 2)
    assert compressor.complexity().bs_macs - plain.complexity().bs_macs == 32 * entry
    numbers = sum(int(np.prod(shape)) for shape in layout(width, filters, delays, angles).values())
    assert compressor.complexity().bs_parameters - plain.complexity().bs_parameters == numbers
    assert compressor.complexity().ue_macs == plain.complexity().ue_macs
    assert compressor.complexity().ue_bytes == plain.complexity().ue_bytes


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"enhancer_weights": "here.safetensors"}, "enhancer_weights: got a file without enhancer"),
        ({"enhancer": "filters", "memory": 1}, "enhancer: got 'filters' with memory"),
    ],
)
def test_keys_that_do_not_go_together(keys: dict[str, Any], line: str) -> None:
    with pytest.raises(ValueError, match=line):
        ContextParameters(step=0.5, **keys)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"real": None}, r"expected biases and filters"),
        ({"first.bias": np.zeros((2, 2), np.float32)}, r"expected biases and filters"),
        ({"gate.bias": None}, r"got \['first.bias'.*expected .*'gate.bias'"),
        ({"more": np.zeros(1, np.float32)}, r"'more'.*expected \["),
        ({"second.bias": np.zeros(4, np.float32)}, r"second.bias: got float32 of shape \[4\], expected .* \[3\]"),
        ({"second.bias": np.zeros(3, np.float64)}, r"second.bias: got float64"),
        ({"gate.bias": np.full(2, np.nan, np.float32)}, r"gate.bias: .*expected finite"),
        ({"real": np.zeros((2, 1, 4, 5), np.float32)}, r"2 filters of 4 x 5, expected .* of odd sizes"),
        ({"first.bias": np.zeros(999, np.float32)}, r"got 999 maps"),
    ],
)
def test_files_of_other_things_are_refused(tmp_path: Path, change: dict[str, Any], line: str) -> None:
    tensors = {name: np.zeros(shape, np.float32) for name, shape in layout(3, 2, 3, 5).items()}
    assert set(weights_of(save(tensors))) == set(tensors)
    file = tmp_path / "filters.safetensors"
    file.write_bytes(save({name: tensor for name, tensor in (tensors | change).items() if tensor is not None}))
    with pytest.raises(FeedbackInputError, match=rf"^{file}: filters: .*{line}"):
        read_weights(file)


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "filters.safetensors"
    with pytest.raises(FeedbackInputError, match=r"filters.safetensors: No such file"):
        read_weights(file)
    file.write_bytes(b"{}")
    with pytest.raises(FeedbackInputError, match=r"filters: got no safetensors file"):
        read_weights(file)


def test_learns_what_reports_leave_out_and_goes_on_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "_CHUNK", 32)
    monkeypatch.setattr(training, "_STATE_CHUNKS", 1)
    channels, held_out = {"paths": sparse(64, 1)[:, :, 0, 0]}, {"paths": sparse(40, 2)[:, :, 0, 0]}
    course = Course(reports=960, batch_size=16, learning_rate=2e-2, validations=3)

    def trained(file: Path | None, stop_at: int | None = None) -> tuple[GatedFilters, list[Gain]]:
        network = GatedFilters(width=4, filters=3, delays=3, angles=5)

        def tell(reports: int, gains: list[Gain]) -> None:
            if stop_at is not None and reports >= stop_at:
                raise KeyboardInterrupt

        return network, train_filters(network, shipped_tables(), channels, held_out, course, 5, file, tell)

    whole, gains = trained(None)
    # 60 steps hardly leave the start, where nothing is gained or lost; what ships shows what more of them find.
    assert sum(gain.before_db - gain.after_db for gain in gains) > 0
    file = tmp_path / "filters.state"
    with pytest.raises(KeyboardInterrupt):
        trained(file, stop_at=600)
    rest, same = trained(file)
    assert same == gains
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), rest.parameters(), strict=True))
    file.unlink()
    with pytest.raises(KeyboardInterrupt):
        trained(file, stop_at=600)
    with pytest.raises(FeedbackInputError, match=r"filters.state: is the state of a training with seed 5, expected 6"):
        train_filters(GatedFilters(), shipped_tables(), channels, held_out, course, 6, file)
    with pytest.raises(FeedbackInputError, match=r"filters.state: is the state of other filters; without it"):
        train_filters(GatedFilters(), shipped_tables(), channels, held_out, course, 5, file)
    others = {"paths": channels["paths"][::-1]}
    with pytest.raises(FeedbackInputError, match=r"filters.state: is the state of a training with sources.paths '"):
        train_filters(GatedFilters(), shipped_tables(), others, held_out, course, 5, file)
    # A damaged state is set aside, and the same comes of starting anew.
    file.write_bytes(file.read_bytes()[:2000])
    assert trained(file)[1] == gains
    assert file.with_name("filters.state.damaged").exists()
    with pytest.raises(FeedbackInputError, match="got no channels to learn from"):
        train_filters(GatedFilters(), shipped_tables(), {}, held_out, course, 6)
