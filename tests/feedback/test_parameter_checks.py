"""What parameters say of a compressor without building it is what building it says."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from feedback.compressor_parameters import COMPRESSORS, CompressorParameters, CompressorTraits
from feedback.conformance.candidate import csi_for
from feedback.csi_dimensions import CsiDimensions
from feedback.errors import FeedbackInputError
from feedback.own_bits_parameters import MODES
from feedback.plugin_file import build_compressor, compressor_class
from feedback.training_set import TrainingSet
from tests.feedback.narrow_networks import NARROW

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
    {"target_bits": 3, "step": None},
    {"max_bits": 3},
    {"csi": "eigenvectors", "rank": 2, "payload_bits": 20, "step": None},
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
    first = {"name": name, **model.example, **NARROW.get(name, {})}
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


OF_BITS = [name for name in NAMES if "payload_bits" in COMPRESSORS.parameters(name).model_fields]


@pytest.mark.parametrize("csi", ["matrix", "eigenvectors"])
@pytest.mark.parametrize("key", ["payload_bits", "target_bits", "max_bits"])
@pytest.mark.parametrize("name", OF_BITS)
def test_bits_that_no_report_has_are_refused_before_anything_is_learnt(name: str, key: str, csi: str) -> None:
    model, sizes = COMPRESSORS.parameters(name), SIZES[2]
    keys = {key: value for key, value in model.example.items() if key not in MODES}
    keys |= {"name": name, "csi": csi} | ({"step": 0.5} if key == "max_bits" else {})
    # Two bits close the stream; what a report says ahead of it takes more.
    for few in (1, 2):
        parameters = model.model_validate({**keys, key: few})
        with pytest.raises(FeedbackInputError, match=f"^{key}: got {few}, expected") as refused:
            parameters.check(sizes)
        assert "\n" not in str(refused.value)
        assert _built(parameters, sizes) == str(refused.value)
    assert model.model_validate({**keys, key: 2000}).check(sizes)


@pytest.mark.parametrize("csi", ["matrix", "eigenvectors"])
@pytest.mark.parametrize("name", ["klt", "topk", "mixture_klt"])
def test_the_least_payload_of_a_transform_code_is_one_that_fits(name: str, csi: str) -> None:
    """At the coarsest step zeros are all but certain, so that they take the bits that close the stream and no more."""
    sizes, keys = SIZES[2], {"name": name, "csi": csi} | ({"components": 1} if name == "mixture_klt" else {})
    with pytest.raises(FeedbackInputError, match="expected at least") as refused:
        COMPRESSORS.parameters(name).model_validate({**keys, "payload_bits": 1}).check(sizes)
    fewest = int(str(refused.value).split("at least ")[1].split(":")[0])
    # Scale, step, and 2 x 4 x 8 beams on the grid of two polarisations, two rows and two columns.
    assert fewest == {"matrix": 6, "eigenvectors": 7}[csi] + 7 + 2
    compressor = build_compressor(COMPRESSORS.parameters(name).model_validate({**keys, "payload_bits": fewest}), sizes)
    training = csi_for(compressor, 30)
    compressor.fit(TrainingSet(training, training[:0]), torch.Generator().manual_seed(0))
    assert compressor.encode(training).value_bits.tolist() == [fewest] * 30


@pytest.mark.parametrize("name", NAMES)
def test_class_and_parameters_say_the_same(name: str) -> None:
    model = COMPRESSORS.parameters(name)
    assert COMPRESSORS.get_class(name).Parameters is model
    for parameters in _parameters(name):
        said, found = parameters.traits, compressor_class(parameters)
        for trait in CompressorTraits.names():
            assert getattr(found, trait) == getattr(said, trait), (trait, parameters)
    assert len(model.titles) == len([other for other in NAMES if COMPRESSORS.parameters(other) is model])
