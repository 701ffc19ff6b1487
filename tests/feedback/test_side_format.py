"""Side information as bits: nothing lost, every bit used, nonsense found out."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from feedback.csi_report.side_format import LevelFormat, SubsetFormat, from_bits, to_bits
from feedback.errors import FeedbackInputError


def test_sets_are_numbered_without_a_gap() -> None:
    form = SubsetFormat(9, 4)
    sets = torch.tensor(list(itertools.combinations(range(9), 4)))
    numbers = from_bits(form.pack(sets))
    assert sorted(numbers.tolist()) == list(range(math.comb(9, 4)))
    # The number is the sum of binomials of the definition.
    for row, number in zip(sets.tolist(), numbers.tolist(), strict=True):
        assert number == sum(math.comb(position, i + 1) for i, position in enumerate(row))
    positions, usable = form.unpack(to_bits(torch.arange(2**form.bits), form.bits))
    assert usable.tolist() == [number < math.comb(9, 4) for number in range(2**form.bits)]
    assert torch.equal(positions[numbers], sets)


@given(st.integers(1, 300), st.data())
def test_any_set_survives(n: int, data: st.DataObject) -> None:
    chosen = data.draw(st.sets(st.integers(0, n - 1), min_size=1))
    form, positions = SubsetFormat(n, len(chosen)), torch.tensor([sorted(chosen)])
    bits = form.pack(positions)
    assert bits.shape == (1, form.bits)
    assert form.bits == math.ceil(math.log2(math.comb(n, len(chosen))) - 1e-9)
    received, usable = form.unpack(bits)
    assert torch.equal(received, positions)
    assert usable.all()


@pytest.mark.parametrize("positions", [[0, 0], [2, 1], [-1, 2], [1, 9], [1]])
def test_refuses_what_is_no_set(positions: list[int]) -> None:
    with pytest.raises(FeedbackInputError, match="expected"):
        SubsetFormat(9, 2).pack(torch.tensor([positions]))


@pytest.mark.parametrize("width", [0, 1, 8])
def test_levels_are_in_natural_binary(width: int) -> None:
    levels = torch.arange(2**width)
    bits = LevelFormat(width).pack(levels)
    assert ["".join(map(str, row)) for row in bits.tolist()] == [f"{i:0{width}b}"[:width] for i in range(2**width)]
    received, usable = LevelFormat(width).unpack(bits)
    assert torch.equal(received, levels)
    assert usable.all()
