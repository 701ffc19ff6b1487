"""Levels of transform coding under static tables: any levels, any bits; compiled and in Python alike."""

import math

import numpy as np
import pytest

from feedback.transform_coding import kernel, reference_kernel, sizes
from feedback.transform_coding.kernel import CodedLevels, LevelCode
from feedback.transform_coding.level_tables import LevelCounts, code_of, label_table

ENTRIES, WEIGHT = 20, 473


def code(components: int = 1, seed: int = 0) -> LevelCode:
    """Coefficients 8 octaves apart, tables drawn at random."""
    generator = np.random.default_rng(seed)
    spread = generator.integers(-64, 64, (components, ENTRIES)).astype(np.int16)
    shape = (sizes.CLASSES, sizes.SEEN, sizes.DECISIONS)
    decision = generator.integers(8, 65528, shape).astype(np.uint16)
    return code_of(spread, label_table(generator.integers(0, 9, components).astype(float))[0], decision)


def values(n: int, sets: int = 1, seed: int = 1) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.laplace(size=(n, sets, ENTRIES, 2)) * np.exp2(generator.uniform(-4, 4, (n, sets, ENTRIES, 1)))


def steps(n: int) -> tuple[np.ndarray, np.ndarray]:
    numbers = np.arange(n, dtype=np.int32) * 7 % 48 - 32
    return np.exp2(numbers / 16), numbers


@pytest.mark.parametrize(("components", "sets"), [(1, 1), (5, 1), (5, 5)])
def test_reports_come_back(components: int, sets: int) -> None:
    given = code(components)
    coded = kernel.encode_levels(given, values(40, sets), *steps(40), WEIGHT)
    labels, levels, used = kernel.decode_levels(given, coded.bits, coded.lengths, steps(40)[1])
    assert np.array_equal(labels, coded.labels)
    assert np.array_equal(levels, coded.levels)
    assert np.array_equal(used, coded.lengths)
    assert components == 1 or len(np.unique(labels)) > 1


@pytest.mark.parametrize(("components", "sets"), [(1, 1), (5, 1), (5, 5)])
def test_compiled_and_python_kernel_are_alike(components: int, sets: int) -> None:
    given, (step, numbers) = code(components), steps(12)
    coded = kernel.encode_levels(given, values(12, sets), step, numbers, WEIGHT)
    streams, labels, levels = reference_kernel.encode_levels(given, values(12, sets), 256 / step, numbers, WEIGHT)
    assert np.array_equal(labels, coded.labels)
    assert np.array_equal(levels, coded.levels)
    assert [len(stream) for stream in streams] == coded.lengths.tolist()
    assert all(np.array_equal(stream, row[: len(stream)]) for stream, row in zip(streams, coded.bits, strict=True))
    garbled = np.random.default_rng(3).integers(0, 2, coded.bits.shape).astype(np.uint8)
    for bits in (coded.bits, garbled):
        found = kernel.decode_levels(given, bits, coded.lengths, numbers)
        again = reference_kernel.decode_levels(given, bits, coded.lengths, numbers)
        assert all(map(np.array_equal, found, again))


def test_no_compiler_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    given = code(3)
    coded = kernel.encode_levels(given, values(3), *steps(3), WEIGHT)
    monkeypatch.setattr(kernel, "compiled", lambda: None)
    again = kernel.encode_levels(given, values(3), *steps(3), WEIGHT)
    assert np.array_equal(coded.bits, again.bits)
    assert np.array_equal(kernel.decode_levels(given, again.bits, again.lengths, steps(3)[1])[1], coded.levels)


def code_length(given: LevelCode, coded: CodedLevels, numbers: np.ndarray) -> np.ndarray:
    """Ideal bits of each report: minus log2 of the probabilities of its decisions."""
    classes, seen = kernel.classes_of(given.spread[coded.labels], numbers), kernel.seen_of(coded.levels)
    price = given.price[classes[..., None], seen, np.abs(coded.levels)] / 256
    return price.sum(axis=(1, 2)) + given.label_price[coded.labels] / 256


def test_streams_are_as_long_as_their_prices() -> None:
    """Two closing bits, and less than one more; 41 prices round at 1/512 bit, the coder at 2^-14 a decision."""
    given, (step, numbers) = code(5), steps(40)
    coded = kernel.encode_levels(given, np.clip(values(40), -4, 4), 8 * step, numbers, WEIGHT)
    assert np.abs(coded.levels).max() < sizes.PRICED
    apart = coded.lengths - code_length(given, coded, numbers)
    assert apart.min() > 0 - 0.2
    assert apart.max() < 3 + 0.2


def test_the_component_of_least_cost_is_chosen() -> None:
    """Two components that differ in nothing but their label, at odds of 9 to 1: the dear one is never taken."""
    spread = np.zeros((2, ENTRIES), np.int16)
    given = code_of(spread, label_table(np.array([9.0, 1.0]))[0], code().decision)
    assert (kernel.encode_levels(given, values(10), *steps(10), WEIGHT).labels == 0).all()
    # Both have half an observation beside those that were counted.
    assert given.label_price.tolist() == [round(-256 * math.log2(p)) for p in (9.5 / 11, 1.5 / 11)]


def test_levels_are_chosen_by_rate_and_distortion() -> None:
    """Without a price of bits, the nearest level; the largest one is MAX_LEVEL."""
    given, (step, numbers) = code(), steps(10)
    coded = kernel.encode_levels(given, values(10), step, numbers, 0)
    nearest = np.rint(values(10)[:, 0] / step[:, None, None])
    # The kernel knows values to 1/256 step: halves may go either way.
    assert np.abs(coded.levels - values(10)[:, 0] / step[:, None, None]).max() <= 0.5 + 1 / 256
    assert (coded.levels == nearest).mean() > 0.98
    huge = kernel.encode_levels(given, 1e9 + values(2), *steps(2), WEIGHT)
    assert (huge.levels == sizes.MAX_LEVEL).all()
    assert np.array_equal(kernel.decode_levels(given, huge.bits, huge.lengths, steps(2)[1])[1], huge.levels)


def test_tables_are_counted() -> None:
    """10 000 parts of one class, 0 three times in four, else 2 or 3 at odds of 3 to 1; real parts alone."""
    levels = np.zeros(10_000, np.int32)
    levels[::4], levels[::16] = 2, 3
    counts = LevelCounts()
    counts.add(levels, np.full(10_000, 7), np.zeros(10_000, np.int64), np.abs(levels) + 0.1)
    tables = counts.tables()
    # Four observations of the Laplacian distribution beside 2500: at most 4 / 2500.
    assert tables.decision[7, 0, 0] / 65536 == pytest.approx(0.75, abs=2e-3)
    assert tables.decision[7, 0, 1] / 65536 == pytest.approx(1, abs=2e-3)
    assert tables.decision[7, 0, 2] / 65536 == pytest.approx(0, abs=2e-3)
    assert tables.decision[7, 0, sizes.OCTAVES] / 65536 == pytest.approx(0.25, abs=2e-3)
    assert tables.centroid[7, 0, 2:4] == pytest.approx([0.1, 0.1], abs=1e-3)
    assert (tables.centroid[6] == 0).all()


def test_labels_of_any_number_have_probabilities() -> None:
    for components in range(1, 10):
        one, price = label_table(np.arange(components, dtype=float))
        assert len(one) == 2 ** (components - 1).bit_length()
        # Labels that nobody has keep a share of 8 / 65536 a bit.
        assert np.exp2(-price / 256).sum() == pytest.approx(1, abs=0.01)
