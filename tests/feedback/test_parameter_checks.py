"""What parameters say of a compressor without building it is what building it says."""

from typing import Any

import pytest
from pydantic import ValidationError

from feedback.compressor_parameters import COMPRESSORS, CompressorParameters, CompressorTraits
from feedback.csi_dimensions import CsiDimensions
from feedback.errors import FeedbackInputError
from feedback.plugin_file import build_compressor, compressor_class

NAMES = sorted(map(str, COMPRESSORS.keys()))
# One of each model, as names of one model differ in layers.
FIRST = list({COMPRESSORS.parameters(name): name for name in reversed(NAMES)}.values())
RATIOS = (None, 0.5, 3.0, 4.0, 8.0, 10**4)
# Of one and two polarisations, several UE antennas and rows, and delay rows that few ratios divide.
SIZES = (
    CsiDimensions.of((8, 8)),
    CsiDimensions.of((6, 5)),
    CsiDimensions(4, 8, n_rx=2, n_polarizations=2, n_rows=2, bands=((0, 6), (6, 12))),
    CsiDimensions(4, 2, n_polarizations=2, bands=((0, 12),)),
    CsiDimensions(4, 6, n_polarizations=2, bands=((0, 12),)),
)
# Keys that sizes of the channel may forbid.
CHANGES: tuple[dict[str, Any], ...] = (
    {"rank": 2},
    {"rank": 4},
    {"mode": 2},
    {"wideband": True},
    {"n_beams": 3},
    {"param_combination": 8},
    {"payload_bits": 3, "step": None},
    {"payload_bits": 300, "step": None},
    {"ue_mac_budget": 3},
    {"rank": "auto"},
    {"rank": "auto", "allowed_ranks": (1, 4)},
    {"n_pmi_subbands": 2},
    {"port_step": 3},
    {"csi": "eigenvectors", "compression_ratio": 4},
    {"csi": "eigenvectors", "rank": 2, "compression_ratio": 3},
    {"csi": "eigenvectors", "rank": 4, "align": False, "compression_ratio": 2},
)


def _parameters(name: str) -> list[CompressorParameters]:
    model = COMPRESSORS.parameters(name)
    first = {"name": name, **model.example}
    sections = [
        *({**first, "compression_ratio": ratio} for ratio in RATIOS),
        *({**first, **change} for change in CHANGES),
    ]
    found = []
    for section in sections:
        try:
            found.append(model.model_validate(section))
        except ValidationError:
            continue
    return found


def _built(parameters: CompressorParameters, sizes: CsiDimensions) -> str:
    try:
        build_compressor(parameters, sizes)
    except FeedbackInputError as error:
        return str(error)
    return ""


def _checked(parameters: CompressorParameters, sizes: CsiDimensions) -> str | None:
    try:
        return "" if parameters.check(sizes) else None
    except FeedbackInputError as error:
        return str(error)


@pytest.mark.parametrize("name", FIRST)
def test_checking_says_what_building_says(name: str) -> None:
    for parameters in _parameters(name):
        for sizes in SIZES:
            assert _checked(parameters, sizes) == _built(parameters, sizes), (parameters, sizes)


@pytest.mark.parametrize("name", NAMES)
def test_class_and_parameters_say_the_same(name: str) -> None:
    model = COMPRESSORS.parameters(name)
    assert COMPRESSORS.get_class(name).Parameters is model
    for parameters in _parameters(name):
        said, found = parameters.traits, compressor_class(parameters)
        for trait in CompressorTraits.names():
            assert getattr(found, trait) == getattr(said, trait), (trait, parameters)
    assert len(model.titles) == len([other for other in NAMES if COMPRESSORS.parameters(other) is model])
