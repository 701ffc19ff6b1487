"""Every compressor obeys the contract; a new one is tested by being registered."""

from functools import cache

import pytest

import feedback.compressors  # noqa: F401 - registers the compressors
from feedback.compressor import COMPRESSORS
from feedback.conformance.candidate import Candidate
from feedback.conformance.compressor import CHECKS, Check
from feedback.conformance.network import NETWORK_CHECKS, candidate_of
from feedback.neural import NeuralCompressor

NAMES = sorted(map(str, COMPRESSORS.keys()))
NEURAL = [name for name in NAMES if issubclass(COMPRESSORS.get_class(name), NeuralCompressor)]


@cache
def candidate(name: str) -> Candidate:
    return candidate_of(COMPRESSORS.get_class(name), {"name": name})


# One compressor after the other, so that each is fitted once.
@pytest.mark.parametrize(
    ("name", "check"),
    [pytest.param(name, check, id=f"{name}-{check.__name__}") for name in NAMES for check in CHECKS],
)
def test_contract_of_compressors(name: str, check: Check) -> None:
    check(candidate(name))


@pytest.mark.parametrize(
    ("name", "check"),
    [pytest.param(name, check, id=f"{name}-{check.__name__}") for name in NEURAL for check in NETWORK_CHECKS],
)
def test_contract_of_networks(name: str, check: Check) -> None:
    check(candidate(name))
