"""What is known of channels and estimators without PyTorch is what their classes have."""

from typing import Any

import pytest
import torch

from channels.dimensions import ArrayShape, OfdmGrid
from channels.errors import ChannelInputError
from channels.estimator_parameters import ESTIMATORS, EstimatorTraits
from channels.source_parameters import SOURCES, SourceTraits
from channels.traits import Traits
from channels.transforms.angular_delay import AngularDelayTransform
from channels.transforms.sizes import check_truncation

DRAWN: tuple[dict[str, Any], ...] = (
    {"source": "sionna", "n_rows": 2, "polarization": "dual", "n_rx": 2, "n_subcarriers": 24, "bandwidth_hz": 1e9},
    {"source": "sionna", "model": "TDL-A"},
    {"source": "cost2100", "environment": "outdoor", "n_columns": 8},
    {"source": "cost2100", "carrier_hz": 1e9, "n_subcarriers": 12},
    {"source": "cost2100", "placement": "nowhere"},
    {"source": "mixture", "parts": [{"source": "sionna"}, {"source": "cost2100"}]},
    {"source": "mixture", "parts": [{"source": "sionna"}, {"source": "cost2100", "n_columns": 4}]},
)
SECTIONS: tuple[dict[str, Any], ...] = (
    {"name": "perfect"},
    {"name": "ls"},
    {"name": "ls", "n_pilots": 4},
    {"name": "ls_comb", "spacing": 4, "interpolation": "linear", "window": 100},
    {"name": "ls_comb", "spacing": 4, "window": 7},
    {"name": "ls_comb", "spacing": 5},
    {"name": "ls_comb", "spacing": 1},
    {"name": "dft_denoising", "spacing": 4, "window": 6},
    {"name": "dft_denoising", "spacing": 4, "window": 100},
    {"name": "lmmse", "n_pilots": 4},
    {"name": "lmmse", "spacing": 1},
    {"name": "lmmse", "spacing": 12},
)
GRIDS = (OfdmGrid(24, 1e6, 1e9), OfdmGrid(2049, 1e6, 1e9))


def _line(action: Any) -> str:
    try:
        action()
    except ChannelInputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("section", DRAWN, ids=str)
def test_the_outline_of_drawn_channels_is_that_of_their_source(section: dict[str, Any]) -> None:
    parameters, plugin = (
        SOURCES.parameters(section["source"]).model_validate(section),
        SOURCES.get_class(section["source"]),
    )
    line = _line(parameters.outline)
    assert line == _line(lambda: plugin(parameters, seed=1, device=torch.device("cpu")))
    if not line:
        outline, source = parameters.outline(), plugin(parameters, seed=1, device=torch.device("cpu"))
        assert (outline.grid, outline.array) == (source.grid, source.array)
        assert outline.validity_warnings() == source.validity_warnings()
        assert (outline.n_samples("test"), outline.stored_delays()) == (
            source.n_samples("test"),
            source.stored_delays(),
        )


@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize("section", SECTIONS, ids=str)
def test_checking_an_estimator_says_what_building_it_says(section: dict[str, Any], grid: OfdmGrid) -> None:
    parameters, array = ESTIMATORS.parameters(section["name"]).model_validate(section), ArrayShape(n_columns=5)
    line = _line(lambda: parameters.check(grid, array))
    assert line == _line(lambda: ESTIMATORS.get_class(parameters.name)(parameters, grid, array))
    if not line:
        assert parameters.check(grid, array)


def test_checking_a_transform_says_what_building_it_says() -> None:
    lines = []
    for n_delay in (0, 1, 24, 25):
        lines.append(_line(lambda rows=n_delay: check_truncation(GRIDS[0], ArrayShape(), rows)))
        assert lines[-1] == _line(lambda rows=n_delay: AngularDelayTransform(GRIDS[0], ArrayShape(), rows))
    assert list(map(bool, lines)) == [True, False, False, True]


@pytest.mark.parametrize(("registry", "traits"), [(SOURCES, SourceTraits), (ESTIMATORS, EstimatorTraits)])
def test_class_and_parameters_say_the_same(registry: Any, traits: type[Traits]) -> None:
    for name in registry.keys():  # noqa: SIM118 - no mapping
        model, plugin = registry.parameters(name), registry.get_class(name)
        assert plugin.Parameters is model
        for trait in traits.names():
            assert getattr(plugin, trait) == getattr(model, trait), (name, trait)
