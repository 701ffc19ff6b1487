"""Eigenvectors' reports that build on the one before: both sides remember the same, and losses are found."""

from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.beam_delay import BeamDelay
from feedback.compressors.context_eigenvectors import ContextOfEigenvectors
from feedback.compressors.parameters.context import ContextParameters
from feedback.context_codec.kernel import LevelShape
from feedback.context_codec.layer_codec import LayerCodec
from feedback.context_codec.layer_sequence import LayerReference, LayerSequenceCodec
from feedback.context_codec.operations import following_operations
from feedback.context_codec.tables import shipped_following_tables
from feedback.eigenvector_sequence import EigenvectorSequence, exact_vectors
from feedback.errors import FeedbackInputError
from feedback.plugin_file import build_compressor
from feedback.training_set import TrainingSet
from tests.feedback.test_context_eigenvectors import dimensions, sgcs, vectors

N = 4
KNOWN = dimensions()
FORM = BeamDelay.of(KNOWN)
SHAPE = LevelShape(6, 2, 2, 4)


def codec(step: float = 0.5, alone_every: int = 100, n_layers: int = 1) -> EigenvectorSequence:
    layers = LayerCodec(SHAPE, n_layers, FORM.n_rotations, step=step)
    return EigenvectorSequence(FORM, LayerSequenceCodec(layers, alone_every))


def nothing(n: int = N, n_layers: int = 1) -> LayerReference:
    return LayerReference.nothing(n, n_layers, SHAPE)


def still(n: int = N, n_layers: int = 1, seed: int = 3) -> torch.Tensor:
    return exact_vectors(vectors(n, KNOWN, n_layers, seed))


def turned(csi: torch.Tensor, seed: int) -> torch.Tensor:
    """The same directions: another phase in every subband."""
    angle = 7 * torch.rand(csi.shape[:-1], generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return csi * torch.polar(torch.ones_like(angle), angle)[..., None]


def walk(share: float, reports: int, n_layers: int = 1) -> list[torch.Tensor]:
    """Vectors that move towards others, of unit norm, each report with phases of its own."""
    start, end, found = still(N, n_layers), still(N, n_layers, seed=4), []
    for number in range(reports):
        mixed = start + share * number * end
        found.append(turned(mixed / torch.linalg.vector_norm(mixed, dim=-1, keepdim=True), number))
    return found


def same(ue: LayerReference, bs: LayerReference) -> bool:
    return all(np.array_equal(getattr(ue, name), getattr(bs, name)) for name in ("number", "values", "rotation"))


@pytest.mark.parametrize("n_layers", [1, 2])
@pytest.mark.parametrize("share", [0.0, 0.1, 10.0])
def test_both_sides_remember_the_same(share: float, n_layers: int) -> None:
    """What the BS has differs from the vector in some phase by at most what reports that stand alone err."""
    sequence = codec(0.1, n_layers=n_layers)
    ue = bs = nothing(N, n_layers)
    for csi in walk(share, 4, n_layers):
        bits, lengths, ue = sequence.encode(csi, ue)
        matrices, rotation, erased, bs = sequence.codec.decode(bits, lengths, bs)
        assert not erased.any()
        assert same(ue, bs)
        found = FORM.vectors(torch.from_numpy(matrices), torch.from_numpy(rotation))
        found = found / torch.linalg.vector_norm(found, dim=-1, keepdim=True)
        # A step of 0.1 errs by at most 1.5 steps a part, 0.05 of the energy, and by 2 x 0.1^2 / 12 on average.
        assert float(sgcs(found, csi).min()) > 0.98


def test_directions_that_do_not_change_cost_next_to_nothing_whatever_their_phases() -> None:
    """5 bits ahead and levels of nothing but zeros, but for what the first report has left."""
    sequence, csi = codec(), still()
    bits, first, reference = sequence.encode(csi, nothing())
    assert bits[:, 0].tolist() == [0] * N
    bits, again, _ = sequence.encode(turned(csi, 9), reference)
    assert bits[:, 0].tolist() == [1] * N
    assert (again < first / 4).all()


def test_unlike_vectors_stand_alone() -> None:
    sequence = codec()
    _, _, ue = sequence.encode(still(), nothing())
    # Of other paths: what is remembered is as far from them as nothing is.
    bits, lengths, _ = sequence.encode(still(seed=8), ue)
    alone = sequence.encode(still(seed=8), nothing())[1]
    assert (bits[:, 0] == 0).any()
    assert (lengths[bits[:, 0] == 0] == alone[bits[:, 0] == 0]).all()


def test_reports_stand_alone_every_so_often() -> None:
    sequence, csi = codec(alone_every=3), still()
    ue, flags = nothing(), []
    for _ in range(7):
        bits, _, ue = sequence.encode(csi, ue)
        flags.append(int(bits[0, 0]))
    assert flags == [0, 1, 1, 0, 1, 1, 0]


def test_who_misses_a_report_takes_none_that_builds_on_it() -> None:
    sequence, csi = codec(alone_every=4), still()
    ue = bs = nothing()
    lost = []
    for number in range(6):
        bits, lengths, ue = sequence.encode(csi, ue)
        if number == 1:
            continue
        matrices, _, erased, bs = sequence.codec.decode(bits, lengths, bs)
        assert bool(matrices.any()) != bool(erased.all())
        lost.append(bool(erased.any()))
    assert lost == [False, True, True, False, False]


@pytest.mark.parametrize("n_layers", [1, 3])
@given(seed=st.integers(0, 2**32 - 1), flips=st.floats(0, 0.5))
@settings(max_examples=8)
def test_whatever_bits_arrive_are_lost_or_a_matrix(n_layers: int, seed: int, flips: float) -> None:
    sequence, generator = codec(n_layers=n_layers), np.random.default_rng(seed)
    bs = nothing(N, n_layers)
    for bits, lengths in _sent(n_layers):
        wrong = bits ^ (generator.random(bits.shape) < flips)
        cut = np.minimum(lengths, generator.integers(0, bits.shape[1] + 1, N))
        matrices, rotation, erased, bs = sequence.codec.decode(wrong, cut, bs)
        assert np.isfinite(matrices).all()
        assert not matrices[erased].any()
        assert ((rotation >= 0) & (rotation < FORM.n_rotations)).all()


@cache
def _sent(n_layers: int) -> list[tuple[np.ndarray, np.ndarray]]:
    sequence, ue, found = codec(n_layers=n_layers), nothing(N, n_layers), []
    for csi in walk(0.05, 3, n_layers):
        bits, lengths, ue = sequence.encode(csi, ue)
        found.append((bits, lengths))
    return found


def test_rows_do_not_influence_each_other() -> None:
    sequence, ue = codec(n_layers=2), nothing(N, 2)
    for csi in walk(0.1, 3, 2):
        bits, lengths, after = sequence.encode(csi, ue)
        one = LayerReference(*(value[2:3] for value in vars(ue).values()))
        alone, length, _ = sequence.encode(csi[2:3], one)
        assert length[0] == lengths[2]
        assert np.array_equal(alone[0], bits[2, : length[0]])
        ue = after


@pytest.mark.parametrize("max_bits", [60, 120])
def test_no_report_is_longer_than_is_reserved(max_bits: int) -> None:
    layers = LayerCodec(SHAPE, 1, FORM.n_rotations, step=0.2, max_bits=max_bits)
    sequence, ue = EigenvectorSequence(FORM, LayerSequenceCodec(layers)), nothing()
    for csi in walk(0.3, 4):
        _, lengths, ue = sequence.encode(csi, ue)
        assert (lengths <= max_bits).all()


def fitted(**keys: object) -> ContextOfEigenvectors:
    section = ContextParameters.model_validate({"csi": "eigenvectors", "step": 0.8, "memory": 1, **keys})
    compressor = build_compressor(section, KNOWN)
    assert isinstance(compressor, ContextOfEigenvectors)
    csi = vectors(20, KNOWN, compressor.n_layers)
    compressor.fit(TrainingSet(csi, csi[:0]), torch.Generator())
    return compressor


@pytest.mark.parametrize("told", [True, False])
def test_memory_is_told_of_losses_or_not(told: bool) -> None:
    """Still vectors, the second report lost: the third stands alone if the UE is told, else it builds on that."""
    compressor = fitted(told_of_losses=told)
    assert compressor.told_of_losses == told
    csi, ue, bs, lost = vectors(3, KNOWN, seed=7), {}, {}, None
    seen = []
    for number in range(3):
        sent, ue = compressor.report(csi, ue, lost if told else None)
        rebuilt, bs = compressor.rebuild(replace(sent, erased=torch.full((3,), number == 1)), bs)
        lost = rebuilt.erased
        seen.append((sent.value_bits, lost))
    assert seen[0][1].tolist() == [False] * 3
    assert seen[2][1].tolist() == [not told] * 3
    if told:
        assert torch.equal(seen[2][0], seen[0][0])
        assert float(sgcs(rebuilt.csi, csi)) > 0.8


def test_without_a_past_a_report_says_3_bits_more() -> None:
    """Whether it stands alone, and its number; what it says then is the report without memory."""
    csi = vectors(5, KNOWN, seed=6)
    with_memory, without = fitted().encode(csi), fitted(memory=0).encode(csi)
    assert torch.equal(with_memory.value_bits, without.value_bits + 3)
    assert torch.equal(with_memory.values[:, 3:], without.values)
    assert torch.equal(fitted().decode(with_memory), fitted(memory=0).decode(without))


def test_cost_of_memory() -> None:
    """By hand, 6 x 2 x 2 x 4: ramps 4, FFTs 2 log2(8) once and 2 log2(6) twice, phases and products 4 an entry."""
    compressor, plain = fitted(), fitted(memory=0)
    tables = shipped_following_tables()
    entries, units = SHAPE.entries, tables.hidden_units
    delays = int(np.ceil(entries * 2 * np.log2(6)))
    model = entries * (units * (32 + 2) + 16)
    assert following_operations(SHAPE, tables, 1) == entries * (4 + 6 + 4 + 4) + 2 * delays + model + 2 * entries
    more = compressor.complexity().ue_macs - plain.complexity().ue_macs
    assert more == following_operations(SHAPE, tables, 1)
    # The BS reads one report, at most as costly as one under the larger network.
    wider = entries * (units * (32 + 2) - units * (24 + 2))
    assert compressor.complexity().bs_macs == plain.complexity().bs_macs + wider
    assert compressor.complexity().ue_bytes == plain.complexity().ue_bytes + tables.ue_bytes
    assert tables.ue_bytes < 2**15


def test_what_is_remembered_are_tensors() -> None:
    _, memory = fitted().report(vectors(2, KNOWN), {})
    assert set(memory) == {field.name for field in fields(LayerReference)}
    assert all(isinstance(value, torch.Tensor) for value in memory.values())


def test_keys_are_checked() -> None:
    with pytest.raises(FeedbackInputError, match="memory: got a codec without step"):
        LayerSequenceCodec(LayerCodec(SHAPE, payload_bits=200))
    with pytest.raises(FeedbackInputError, match="alone_every: got 0"):
        codec(alone_every=0)
    tight = LayerCodec(SHAPE, step=0.3, max_bits=LayerCodec(SHAPE, step=0.3).fewest_bits)
    with pytest.raises(FeedbackInputError, match="max_bits: got"):
        LayerSequenceCodec(tight)
    for keys in ({"memory": 0}, {"csi": "matrix"}):
        with pytest.raises(ValueError, match="memory_tables: got a file with csi"):
            ContextParameters.model_validate(
                {"step": 1, "csi": "eigenvectors", "memory": 1, "memory_tables": "a.safetensors", **keys}
            )
    with pytest.raises(FeedbackInputError, match=r"none\.safetensors: No such file"):
        fitted(memory_tables="none.safetensors")
