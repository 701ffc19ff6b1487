"""Levels under the context model: real bitstreams, any levels, any bits; compiled and in Python alike."""

import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from feedback.context_codec import kernel, reference_kernel, sizes
from feedback.context_codec.kernel import CodingRecord, LevelShape, decode_values, encode_values
from feedback.context_codec.tables import ContextTables
from tests.feedback.context_tables import random_tables

SHAPES = [
    LevelShape(4, 1, 1, 8),
    LevelShape(3, 2, 1, 5),
    LevelShape(2, 1, 3, 4),
    LevelShape(3, 2, 2, 3),
    LevelShape(5, 1, 1, 2),
    LevelShape(2, 3, 2, 1),
    LevelShape(1, 1, 1, 1),
]
TABLES = random_tables(1)
# Fewer hidden units than the compiled kernel sums at once, as many, and more.
MORE_INPUTS = random_tables(3, hidden_units=8, inputs=sizes.INPUTS + sizes.MORE_INPUTS)
BASE_INPUTS = random_tables(4, hidden_units=11, inputs=sizes.INPUTS + sizes.MORE_INPUTS + sizes.BASE_INPUTS)
NO_OFFSETS = random_tables(2, centroids=0)
MULTIPLIER = 451

needs_compiler = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")
few = settings(max_examples=40)


def draw(shape: LevelShape, n: int = 4, spread: float = 400.0) -> tuple[np.ndarray, np.ndarray]:
    """Values with heavy tails, some beyond the largest level, and numbers of steps."""
    generator = np.random.default_rng(list(shape))
    values = generator.standard_t(1.2, (n, shape.entries, 2)) * spread
    values[0, 0] = 3e6, -3e6
    return values.astype(np.int32), generator.integers(-60, 60, n).astype(np.int32)


@needs_compiler
@pytest.mark.parametrize("on_base", [False, True], ids=["alone", "on a base"])
@pytest.mark.parametrize(
    "tables", [TABLES, MORE_INPUTS, BASE_INPUTS], ids=["inputs", "more inputs", "inputs of a base"]
)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_compiled_kernel_is_the_reference(
    shape: LevelShape, tables: ContextTables, on_base: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, numbers = draw(shape)
    bases = values[::-1] // 2 if on_base else None
    records = [CodingRecord.empty(len(values), shape.entries, tables.inputs) for _ in range(2)]
    assert kernel.compiled() is not None
    coded = encode_values(tables, shape, values, numbers, MULTIPLIER, records[0], bases)
    damaged = coded[0] ^ (np.random.default_rng(0).random(coded[0].shape) < 0.02)
    read = [decode_values(tables, shape, bits, coded[1], numbers, bases) for bits in (coded[0], damaged)]
    monkeypatch.setattr(kernel, "compiled", lambda: None)
    again = encode_values(tables, shape, values, numbers, MULTIPLIER, records[1], bases)
    assert all(np.array_equal(*pair) for pair in zip(coded, again, strict=True))
    assert all(np.array_equal(getattr(records[0], name), getattr(records[1], name)) for name in vars(records[0]))
    for bits, found in zip((coded[0], damaged), read, strict=True):
        expected = decode_values(tables, shape, bits, coded[1], numbers, bases)
        assert all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))


def test_what_a_network_sees_of_a_base() -> None:
    """By hand, 16 log2(1 + v) of sizes in 1/8 step: a base of 2 steps, 16, in the middle, and 0.5 left of it."""
    shape = LevelShape(3, 1, 1, 5)
    base = np.zeros((1, *shape, 2), np.int32)
    base[0, 1, 0, 0, 2] = 300, -212
    base[0, 1, 0, 0, 1, 1] = 128
    record = CodingRecord.empty(1, shape.entries, BASE_INPUTS.inputs)
    flat = base.reshape(1, shape.entries, 2)
    encode_values(BASE_INPUTS, shape, 0 * flat, np.zeros(1, np.int32), MULTIPLIER, record, flat)
    seen = record.inputs[0].reshape(*shape, -1)[:, 0, 0, :, sizes.INPUTS + sizes.MORE_INPUTS :]
    two, half, both = 65, 37, 70  # 16 log2(17), 16 log2(5), 16 log2(21)
    assert seen[1, 2].tolist() == [two, half, 0, 0, 0, 0, 0, 0]
    assert seen[1, 0].tolist() == [0, half, two, 0, 0, 0, 0, 0]
    assert seen[1, 4].tolist() == [0, 0, both, 0, 0, 0, 0, 0]
    assert seen[0, 2].tolist() == [0, 0, 0, two, 0, half, 0, 0]
    assert seen[2, 1].tolist() == [0, 0, 0, half, 0, 0, 0, 0]


@given(
    shape=st.sampled_from(SHAPES),
    number=st.integers(-100, 100),
    data=st.data(),
)
@few
def test_any_levels_come_back(shape: LevelShape, number: int, data: st.DataObject) -> None:
    levels = data.draw(arrays(np.int32, (1, shape.entries, 2), elements=st.integers(-8000, 8000) | st.integers(-2, 2)))
    numbers = np.array([number], np.int32)
    bits, lengths = encode_values(NO_OFFSETS, shape, 256 * levels, numbers, 0)
    values, used = decode_values(NO_OFFSETS, shape, bits, lengths, numbers)
    assert np.array_equal(values, 256 * levels)
    assert np.array_equal(used, lengths)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_reports_may_follow_each_other(shape: LevelShape) -> None:
    values, numbers = draw(shape, n=3)
    bits, lengths = encode_values(TABLES, shape, values, numbers, MULTIPLIER)
    alone, _ = decode_values(TABLES, shape, bits, lengths, numbers)
    stream = np.concatenate([row[:length] for row, length in zip(bits, lengths, strict=True)])
    for index, length in enumerate(lengths):
        one, used = decode_values(TABLES, shape, stream[None], np.array([len(stream)]), numbers[index : index + 1])
        assert used.tolist() == [length]
        assert np.array_equal(one[0], alone[index])
        stream = stream[length:]


def test_no_prefix_of_a_report_is_one() -> None:
    shape = SHAPES[0]
    values, numbers = draw(shape, n=1, spread=100)
    bits, lengths = encode_values(TABLES, shape, values, numbers, MULTIPLIER)
    n = int(lengths[0])
    cut = np.arange(n)
    _, used = decode_values(TABLES, shape, np.repeat(bits, n, axis=0), cut, np.repeat(numbers, n))
    assert (used != cut).all()


@given(shape=st.sampled_from(SHAPES), number=st.integers(-100, 100), data=st.data())
@few
def test_whatever_bits_arrive_are_read(shape: LevelShape, number: int, data: st.DataObject) -> None:
    bits = data.draw(arrays(np.uint8, (1, data.draw(st.integers(0, 200))), elements=st.integers(0, 1)))
    length, numbers = np.array([data.draw(st.integers(0, bits.shape[1]))]), np.array([number], np.int32)
    values, used = decode_values(TABLES, shape, bits, length, numbers)
    expected = reference_kernel.decode_reports(TABLES, shape, bits, length, numbers)
    assert np.array_equal(values, expected[0])
    assert np.array_equal(used, expected[1])
    # The largest level of 1 + SIZES + 2^14 - 2, moved by its centroid.
    assert np.abs(values).max() <= 256 * (sizes.SIZES + 2 ** (sizes.MAX_GAMMA_BITS + 1) - 1) + 100


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_bits_are_those_of_the_probabilities(shape: LevelShape) -> None:
    values, numbers = draw(shape)
    record = CodingRecord.empty(len(values), shape.entries)
    _, lengths = encode_values(TABLES, shape, values, numbers, MULTIPLIER, record)
    for index, length in enumerate(lengths):
        decisions = list(decisions_of(record.levels[index].reshape(-1), record.contexts[index].reshape(-1, 4)))
        ideal = -np.log2(decisions).sum()
        # Two closing bits less what the last interval is wider than they name, at most 1; a decision's split is rounded
        # by 1 in an interval of 2^30, of which the least probable one is 20 / 65536: 2^-18 of it.
        assert ideal - 1e-3 * len(decisions) <= length <= ideal + 2 + 1e-3 * len(decisions)


def decisions_of(levels: np.ndarray, contexts: np.ndarray):
    """Probability of each decision that was taken, from the tables alone."""
    p = TABLES.probability / 65536
    for place, (level, (primary, secondary, size, last)) in enumerate(zip(levels, contexts, strict=True)):
        seen, negative = divmod(int(last), 2)
        zero = p[TABLES.zero[primary, secondary, size, seen]]
        if level == 0:
            yield zero
            continue
        yield 1 - zero
        agrees = int((level < 0) == negative)
        same = p[TABLES.agrees[primary, size, place % 2]]
        yield same if agrees else 1 - same
        for k in range(1, sizes.SIZES + 1):
            more = p[TABLES.larger[primary, secondary, agrees, size // 2, k - 1]]
            if abs(level) <= k:
                yield 1 - more
                break
            yield more
        else:
            bits = int(abs(level) - sizes.SIZES).bit_length() - 1
            yield from [0.5] * (2 * bits + (bits < sizes.MAX_GAMMA_BITS))


def test_a_level_is_dropped_where_its_bits_cost_more_than_its_error() -> None:
    """One part of 0.6 steps, all contexts alike: zero errs by 0.36, one by 0.16 at 3 bits.

    Every decision is even, so that one takes those of its sign and size ahead of zero: 0.2 of squared error are
    worth it up to 0.1 a bit, that is a multiplier of 409.6.
    """
    even = random_tables(0, centroids=0)
    for name in ("zero", "agrees", "larger"):
        getattr(even, name)[:] = np.abs(even.probability.astype(int) - 32768).argmin()
    shape, values = SHAPES[-1], np.array([[[154, 0]]], np.int32)
    levels = []
    for multiplier in (380, 440):
        record = CodingRecord.empty(1, 1)
        encode_values(even, shape, values, np.zeros(1, np.int32), multiplier, record)
        levels.append(record.levels.tolist())
    assert levels == [[[[1, 0]]], [[[0, 0]]]]


def test_without_a_compiler_python_codes(monkeypatch: pytest.MonkeyPatch, tmp_path, caplog) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    kernel.compiled.cache_clear()
    assert kernel.compiled() is None
    assert "no gcc was found" in caplog.text
    kernel.compiled.cache_clear()
