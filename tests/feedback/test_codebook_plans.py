"""Sizes of reports that the standard has not are refused by the plan of every codebook, in one line."""

from typing import Any

import pytest

from feedback.codebooks.enhanced_type2_plan import EnhancedType2Plan
from feedback.codebooks.layout import PortLayout
from feedback.codebooks.plan import CodebookPlan
from feedback.codebooks.type1_plan import Type1Plan
from feedback.codebooks.type2_plan import Type2Plan
from feedback.errors import FeedbackInputError

LARGE = PortLayout(8, 2)
PLANS: list[tuple[type[Any], dict[str, Any], int]] = [
    (Type1Plan, {}, 4),
    (Type2Plan, {}, 2),
    (EnhancedType2Plan, {"combination": 6}, 4),
    # Table 5.2.2.2.5-1 has no taps for ranks 3 and 4 of these.
    (EnhancedType2Plan, {"combination": 7}, 2),
    (EnhancedType2Plan, {"combination": 8, "predicted": True}, 2),
]


def test_no_plan_is_left_out() -> None:
    assert {plan for plan, *_ in PLANS} == set(CodebookPlan.__subclasses__())


@pytest.mark.parametrize(("plan", "keys", "most"), PLANS)
def test_ranks_up_to_the_largest(plan: type[Any], keys: dict[str, Any], most: int) -> None:
    for rank in range(1, most + 1):
        assert plan(LARGE, 13, rank, **keys).most_rank == most
    for rank in (0, most + 1):
        expected = "1 or 2" if most == 2 else "1 to 4"
        with pytest.raises(FeedbackInputError, match=f"^rank: got {rank}, expected {expected} for {plan.codebook}"):
            plan(LARGE, 13, rank, **keys)


@pytest.mark.parametrize(("plan", "keys", "most"), PLANS)
def test_a_band_has_a_unit(plan: type[Any], keys: dict[str, Any], most: int) -> None:
    with pytest.raises(FeedbackInputError, match=r"^subbands: got 0, expected at least 1$"):
        plan(LARGE, 0, 1, **keys)


@pytest.mark.parametrize("plan", [Type2Plan, EnhancedType2Plan])
def test_two_ports_are_type1s(plan: type[Any]) -> None:
    assert Type1Plan(PortLayout(1, 1), 13, 1).most_rank == 2
    with pytest.raises(FeedbackInputError, match=f"^ports: got 2, expected at least 4 for {plan.codebook}"):
        plan(PortLayout(1, 1), 13, 1)
