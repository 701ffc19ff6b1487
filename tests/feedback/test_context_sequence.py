"""Reports of the context codec that build on the one before: both sides remember the same, and losses are found."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.context_codec.codec import ContextCodec
from feedback.context_codec.kernel import LevelShape
from feedback.context_codec.sequence import Reference, SequenceCodec
from feedback.errors import FeedbackInputError

SHAPE = LevelShape(6, 2, 1, 8)
N = 5


def codec(step: float = 0.3, alone_every: int = 100) -> SequenceCodec:
    return SequenceCodec(ContextCodec(SHAPE, step=step), alone_every)


def matrices(seed: int, n: int = N) -> np.ndarray:
    generator = np.random.default_rng(seed)
    parts = generator.standard_normal((2, n, *SHAPE)) * generator.gamma(0.3, 1, (n, *SHAPE))
    return (parts[0] + 1j * parts[1]).astype(np.complex64)


def walk(correlation: float, reports: int) -> list[np.ndarray]:
    """First-order autoregressive matrices."""
    found = [matrices(0)]
    for number in range(1, reports):
        fresh = matrices(number)
        found.append(correlation * found[-1] + np.sqrt(1 - correlation**2) * fresh)
    return found


def same(ue: Reference, bs: Reference) -> bool:
    return all(
        np.array_equal(getattr(ue, name), getattr(bs, name)) for name in ("number", "values", "rotation", "scale")
    )


@pytest.mark.parametrize("correlation", [1.0, 0.99, 0.5, 0.0])
def test_both_sides_remember_the_same(correlation: float) -> None:
    sequence = codec(0.02)
    ue = bs = Reference.nothing(N, SHAPE)
    for csi in walk(correlation, 6):
        bits, lengths, ue = sequence.encode(csi, ue)
        found, erased, bs = sequence.decode(bits, lengths, bs)
        assert not erased.any()
        assert same(ue, bs)
        # Each part errs by less than 1.5 steps, as reports that stand alone; the scale of a predecessor may be twice as
        # large as the matrix's own.
        error = (np.abs(found - csi) ** 2).sum(axis=(1, 2, 3, 4)) / (np.abs(csi) ** 2).sum(axis=(1, 2, 3, 4))
        assert (error < 2 * (1.5 * 0.02) ** 2 * 4).all()


def test_what_does_not_change_costs_next_to_nothing() -> None:
    """Levels of nothing but zeros, and 5 bits ahead, in place of all levels and 14 bits."""
    sequence, csi = codec(), matrices(3)
    reference = Reference.nothing(N, SHAPE)
    first, lengths, reference = sequence.encode(csi, reference)
    _, again, reference = sequence.encode(csi, reference)
    assert first[:, 0].tolist() == [0] * N
    assert (lengths > 100).all()
    assert (again <= sequence.codec.fewest_bits - sequence.codec.side_bits + sequence.following_bits + 20).all()


def test_unlike_matrices_stand_alone() -> None:
    sequence = codec()
    ue = Reference.nothing(N, SHAPE)
    _, _, ue = sequence.encode(matrices(3), ue)
    bits, following, _ = sequence.encode(matrices(4), ue)
    alone = sequence.encode(matrices(4), Reference.nothing(N, SHAPE))[1]
    assert (following <= alone).all()
    assert (bits[:, 0] == 0).any()


def test_reports_stand_alone_every_so_often() -> None:
    sequence, csi = codec(alone_every=3), matrices(3)
    ue, flags = Reference.nothing(N, SHAPE), []
    for _ in range(7):
        bits, _, ue = sequence.encode(csi, ue)
        flags.append(int(bits[0, 0]))
    assert flags == [0, 1, 1, 0, 1, 1, 0]


def test_who_misses_a_report_takes_none_that_builds_on_it() -> None:
    sequence, csi = codec(alone_every=4), matrices(3)
    ue = bs = Reference.nothing(N, SHAPE)
    lost = []
    for number in range(6):
        bits, lengths, ue = sequence.encode(csi, ue)
        if number == 1:
            continue
        _, erased, bs = sequence.decode(bits, lengths, bs)
        lost.append(bool(erased.any()))
    assert lost == [False, True, True, False, False]


def test_a_ue_that_is_told_of_a_loss_starts_anew() -> None:
    sequence, csi = codec(), matrices(3)
    ue = bs = Reference.nothing(N, SHAPE)
    bits, lengths, ue = sequence.encode(csi, ue)
    _, _, bs = sequence.decode(bits, lengths, bs)
    _, _, ue = sequence.encode(csi, ue)
    lost = np.array([True, False, True, False, False])
    bits, lengths, ue = sequence.encode(csi, ue.forgotten(lost))
    assert bits[:, 0].tolist() == [0, 1, 0, 1, 1]
    assert not sequence.decode(bits[lost], lengths[lost], Reference(*(v[lost] for v in vars(bs).values())))[1].any()


@given(seed=st.integers(0, 2**32 - 1), flips=st.floats(0, 0.5))
@settings(max_examples=25)
def test_whatever_bits_arrive_are_lost_or_a_matrix(seed: int, flips: float) -> None:
    sequence, generator = codec(), np.random.default_rng(seed)
    ue = bs = Reference.nothing(N, SHAPE)
    for number in range(3):
        bits, lengths, ue = sequence.encode(matrices(number), ue)
        wrong = bits ^ (generator.random(bits.shape) < flips)
        cut = np.minimum(lengths, generator.integers(0, bits.shape[1] + 1, N))
        found, erased, bs = sequence.decode(wrong, cut, bs)
        assert np.isfinite(found).all()
        assert not found[erased].any()


def test_rows_do_not_influence_each_other() -> None:
    sequence = codec()
    ue = Reference.nothing(N, SHAPE)
    for csi in walk(0.9, 3):
        bits, lengths, after = sequence.encode(csi, ue)
        one = Reference(*(value[2:3] for value in vars(ue).values()))
        alone, length, _ = sequence.encode(csi[2:3], one)
        assert length[0] == lengths[2]
        assert np.array_equal(alone[0], bits[2, : length[0]])
        ue = after


def test_keys_are_checked() -> None:
    with pytest.raises(FeedbackInputError, match="memory: got a codec without step"):
        SequenceCodec(ContextCodec(SHAPE, payload_bits=200))
    with pytest.raises(FeedbackInputError, match="alone_every: got 0"):
        codec(alone_every=0)
    tight = ContextCodec(SHAPE, step=0.3, max_bits=ContextCodec(SHAPE, step=0.3).fewest_bits)
    with pytest.raises(FeedbackInputError, match="max_bits: got"):
        SequenceCodec(tight)
