"""Every compressor obeys the contract; a new one is tested by being registered."""

from functools import cache

import pytest

from feedback.compressor import COMPRESSORS
from feedback.conformance.candidate import Candidate
from feedback.conformance.compressor import (
    CHECKS,
    Check,
    check_complexity,
    check_compression_ratio,
    check_save_and_load,
    check_shapes_and_dtypes,
)
from feedback.conformance.network import (
    NETWORK_CHECKS,
    candidate_of,
    check_complexity_agrees_with_the_networks,
    check_gradients,
)
from feedback.neural import NeuralCompressor
from tests.feedback.narrow_networks import NARROW

NAMES = sorted(map(str, COMPRESSORS.keys()))
# Compressors of any matrix, on that of eigenvectors: linear, sparse, sensed, a network, and bits of their own.
OF_EIGENVECTORS: dict[str, dict[str, object]] = {
    "klt": {"name": "klt"},
    "topk": {"name": "topk"},
    "lasso": {"name": "lasso"},
    "amp": {"name": "amp"},
    "csinet": {"name": "csinet"},
    "context": {"name": "context", "step": 0.5},
    "klt, coded": {"name": "klt", "target_bits": 100},
    "topk, coded": {"name": "topk", "payload_bits": 100},
    "mixture_klt": {"name": "mixture_klt", "target_bits": 100, "components": 3},
}
# The same class and layers as another name, only wider or more of them: what hangs on that is checked of each.
OTHER_SIZES = {
    *(f"{name}-{times}x" for name in ("acrnet", "bacrnet") for times in (1, 10, 20)),
    *(f"bcsinet-{layers}3" for layers in "abc"),
    "qacrnet-10x",
}
OF_SIZES = {
    check_shapes_and_dtypes,
    check_save_and_load,
    check_compression_ratio,
    check_complexity,
    check_gradients,
    check_complexity_agrees_with_the_networks,
}
NEURAL = [name for name in NAMES if issubclass(COMPRESSORS.get_class(name), NeuralCompressor)]


# Sections that make of a class another kind of compressor than its defaults do.
VARIANTS = [
    {"name": "type1", "rank": "auto", "allowed_ranks": (1, 2, 4), "cqi": "subband", "layer_indicator": True},
    {"name": "type2", "rank": "auto", "allowed_ranks": (1, 2)},
    {"name": "etype2", "rank": "auto", "allowed_ranks": (1, 3), "cqi": "wideband", "n_pmi_subbands": 2},
    {"name": "etype2", "rank": 2, "param_combination": 1, "enhancer": "transformer"},
]


def checks_of(name: str, checks: tuple[Check, ...]) -> list[Check]:
    return [check for check in checks if name not in OTHER_SIZES or check in OF_SIZES]


@cache
def candidate(name: str) -> Candidate:
    return candidate_of(COMPRESSORS.get_class(name), {"name": name, **NARROW.get(name, {})})


@cache
def of_eigenvectors(name: str) -> Candidate:
    section = {**OF_EIGENVECTORS[name], "csi": "eigenvectors", "rank": 2}
    return candidate_of(COMPRESSORS.get_class(str(section["name"])), section)


# One compressor after the other, so that each is fitted once.
@pytest.mark.parametrize(
    ("name", "check"),
    [pytest.param(name, check, id=f"{name}-{check.__name__}") for name in NAMES for check in checks_of(name, CHECKS)],
)
def test_contract_of_compressors(name: str, check: Check) -> None:
    check(candidate(name))


@cache
def variant(number: int) -> Candidate:
    return candidate_of(COMPRESSORS.get_class(str(VARIANTS[number]["name"])), VARIANTS[number])


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("number", range(len(VARIANTS)), ids=lambda number: str(VARIANTS[number]["name"]))
def test_contract_of_variants(number: int, check: Check) -> None:
    check(variant(number))


@pytest.mark.parametrize(
    ("name", "check"),
    [
        pytest.param(name, check, id=f"{name}-{check.__name__}")
        for name in NEURAL
        for check in checks_of(name, NETWORK_CHECKS)
    ],
)
def test_contract_of_networks(name: str, check: Check) -> None:
    check(candidate(name))


@pytest.mark.parametrize(
    ("name", "check"),
    [
        pytest.param(name, check, id=f"{name}-{check.__name__}")
        for name in OF_EIGENVECTORS
        for check in (CHECKS + NETWORK_CHECKS if name in NEURAL else CHECKS)
    ],
)
def test_contract_of_compressors_of_eigenvectors(name: str, check: Check) -> None:
    check(of_eigenvectors(name))


def test_other_sizes_are_of_a_class_that_is_checked_in_full() -> None:
    in_full = {COMPRESSORS.get_class(name) for name in NAMES if name not in OTHER_SIZES}
    assert in_full >= {COMPRESSORS.get_class(name) for name in OTHER_SIZES}
