"""SGCS and bits of TS 38.214's codebooks on TR 38.843's evaluation, against another program's run.

Reference: another selector in NumPy on 600 drops of its own of Sionna's UMa at 2 GHz, 8 x 8 crossed elements without
pattern in 32 ports, 4 UE antennas, 82 % indoors, channels known, mean SGCS of each layer; its 95 % intervals are at
most 0.013.
"""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from channels.channel_batch import Snapshots
from channels.sources.parameters.sionna import SionnaParameters
from channels.sources.sionna.source import SionnaSource
from feedback.codebooks import (
    enhanced_type2,
    enhanced_type2_bits,
    enhanced_type2_plan,
    enhanced_type2_selection,
    type1,
    type1_selection,
    type2,
    type2_bits,
)
from feedback.codebooks.layout import PortLayout
from feedback.codebooks.targets import covariances, eigenvectors, squared_cosines

pytestmark = pytest.mark.validate

DROPS, SUBBANDS, POINTS = 600, 13, 52
LAYOUT = PortLayout(8, 2)
REFERENCE_INTERVAL = 0.013
# Both runs are of other drops, so that their difference has the intervals' root of the sum of squares; 19 codebooks
# on the same drops share their luck, but are allowed 3.5 standard deviations, 0.05 % each, rather than 1.96.
SIGMAS = 3.5 / 1.96


@pytest.fixture(scope="module")
def response() -> Tensor:
    """Channels ``[drops, points, 4, 32]``, ports in the standard's order."""
    parameters = SionnaParameters(
        model="UMa", spec_version="19.2", los="mixed", carrier_hz=2e9, bandwidth_hz=POINTS * 180e3,
        n_subcarriers=POINTS, n_rows=2, n_columns=8, sub_array_rows=4, sub_array_zenith_deg=102, polarization="dual",
        element_spacing=(0.5, 0.8), antenna_pattern="omni", n_rx=4, rx_polarization="dual", indoor_share=0.82,
        indoor_floors=(4, 8),
    )  # fmt: skip
    source = SionnaSource(parameters, seed=7, device=torch.device("cpu"))
    response = source.read("test", 0, DROPS, Snapshots()).response
    # Ours are [polarisation, row, column], the standard's [polarisation, column, row].
    return response.reshape(DROPS, POINTS, 4, 2, 2, 8).transpose(-1, -2).reshape(DROPS, POINTS, 4, 32)


@pytest.fixture(scope="module")
def covariance(response: Tensor) -> Tensor:
    """Covariances of the subbands, ``[drops, subbands, 32, 32]``."""
    return covariances(response, equal_units(SUBBANDS))


def equal_units(count: int) -> list[slice]:
    width = POINTS // count
    return [slice(width * unit, width * (unit + 1)) for unit in range(count)]


def etype2(combination: int, rank: int = 1, refinements: int = 3) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    def report(covariance: Tensor) -> tuple[Tensor, Tensor]:
        plan = enhanced_type2_plan.EnhancedType2Plan(LAYOUT, SUBBANDS, rank, combination)
        chosen = enhanced_type2_selection.select(plan, eigenvectors(covariance, rank)[0], refinements)
        return enhanced_type2.precoder(plan, chosen), enhanced_type2_bits.write(plan, chosen)[1]

    return report


def rel15(n_beams: int, n_phases: int, amplitude: bool, rank: int = 1) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    def report(covariance: Tensor) -> tuple[Tensor, Tensor]:
        plan = type2.Type2Plan(LAYOUT, SUBBANDS, rank, n_beams, n_phases, amplitude)
        chosen = type2.select(plan, eigenvectors(covariance, rank)[0])
        return type2.precoder(plan, chosen), type2_bits.write(plan, chosen)[1]

    return report


def single_panel(n_subbands: int) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    def report(covariance: Tensor) -> tuple[Tensor, Tensor]:
        plan = type1.Type1Plan(LAYOUT, n_subbands)
        chosen = type1_selection.select(plan, covariance)
        bits = torch.full((len(covariance),), type1_selection.write(plan, chosen).shape[1])
        return type1.precoder(plan, chosen).expand(-1, SUBBANDS, -1, -1), bits

    return report


# Codebook, SGCS of each layer, mean bits.
REFERENCE = [
    pytest.param(single_panel(1), [0.584], 10, id="type1-wideband"),
    pytest.param(single_panel(SUBBANDS), [0.644], 34, id="type1-subband"),
    pytest.param(rel15(2, 4, False), [0.787], 99, id="type2-L2-4psk"),
    pytest.param(rel15(2, 8, True), [0.840], 177, id="type2-L2-8psk-amplitudes"),
    pytest.param(rel15(4, 4, False), [0.827], 209, id="type2-L4-4psk"),
    pytest.param(rel15(4, 8, True), [0.892], 337, id="type2-L4-8psk-amplitudes"),
    pytest.param(rel15(4, 8, True, 2), [0.886, 0.831], 663, id="type2-rank2"),
    pytest.param(etype2(1, refinements=0), [0.760], 62, id="etype2-1-basic"),
    pytest.param(etype2(6, refinements=0), [0.905], 255, id="etype2-6-basic"),
    pytest.param(etype2(1), [0.764], 62, id="etype2-1"),
    pytest.param(etype2(2), [0.815], 89, id="etype2-2"),
    pytest.param(etype2(3), [0.833], 111, id="etype2-3"),
    pytest.param(etype2(4), [0.874], 162, id="etype2-4"),
    pytest.param(etype2(5), [0.884], 199, id="etype2-5"),
    pytest.param(etype2(6), [0.910], 255, id="etype2-6"),
    pytest.param(etype2(7), [0.893], 225, id="etype2-7"),
    pytest.param(etype2(8), [0.899], 265, id="etype2-8"),
    pytest.param(etype2(4, 2), [0.858, 0.763], 310, id="etype2-4-rank2"),
    pytest.param(etype2(1, 2), [0.744, 0.612], 113, id="etype2-1-rank2"),
    pytest.param(etype2(2, 3), [0.733, 0.614, 0.479], 154, id="etype2-2-rank3"),
    pytest.param(etype2(6, 3), [0.844, 0.769, 0.691], 515, id="etype2-6-rank3"),
    pytest.param(etype2(6, 4), [0.808, 0.733, 0.671, 0.594], 565, id="etype2-6-rank4"),
    pytest.param(etype2(4, 4), [0.757, 0.660, 0.582, 0.502], 319, id="etype2-4-rank4"),
]


@pytest.mark.parametrize(("report", "sgcs", "bits"), REFERENCE)
def test_sgcs_and_bits(covariance, report, sgcs, bits):
    precoder, lengths = report(covariance)
    found = squared_cosines(precoder, eigenvectors(covariance, len(sgcs))[0])
    interval = 1.96 * found.std(0) / math.sqrt(DROPS)
    for layer, expected in enumerate(sgcs):
        allowed = SIGMAS * math.hypot(float(interval[layer]), REFERENCE_INTERVAL)
        assert float(found[:, layer].mean()) == pytest.approx(expected, abs=allowed), f"layer {layer + 1}"
    # Sizes that vary do so with the non-zero coefficients, by less than 10 % between the two sets of drops.
    assert float(lengths.float().mean()) == pytest.approx(bits, rel=0.1)


@pytest.mark.parametrize(("combination", "expected"), [(4, 0.832), (6, 0.877)])
def test_sgcs_of_two_pmi_subbands_in_a_subband(response, combination, expected):
    plan = enhanced_type2_plan.EnhancedType2Plan(LAYOUT, 2 * SUBBANDS, 1, combination, 2)
    target = eigenvectors(covariances(response, equal_units(2 * SUBBANDS)), 1)[0]
    report = enhanced_type2_selection.select(plan, target)
    found = squared_cosines(enhanced_type2.precoder(plan, report), target)[:, 0]
    allowed = SIGMAS * math.hypot(1.96 * float(found.std()) / math.sqrt(DROPS), REFERENCE_INTERVAL)
    assert float(found.mean()) == pytest.approx(expected, abs=allowed)
