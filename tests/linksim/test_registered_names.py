"""No class of a user stands in for one that ships, whatever has been imported by then."""

import pytest
from class_registry import RegistryKeyError

from channels.estimator_parameters import ESTIMATORS
from channels.source_parameters import SOURCES
from feedback.compressor_parameters import COMPRESSORS
from feedback.denoiser_parameters import DENOISERS
from feedback.link_parameters import LINKS
from feedback.predictor_parameters import PREDICTORS
from feedback.quantiser_parameters import QUANTISERS
from linksim.metrics import METRICS
from linksim.precoding import PRECODERS

REGISTRIES = (SOURCES, ESTIMATORS, COMPRESSORS, QUANTISERS, LINKS, DENOISERS, PREDICTORS, METRICS, PRECODERS)
SHIPPED = [(registry, str(name)) for registry in REGISTRIES for name in registry.keys()]  # noqa: SIM118


@pytest.mark.parametrize(("registry", "name"), SHIPPED)
def test_the_names_of_what_ships_are_taken(registry, name):
    class Own:
        """Of a user."""

    with pytest.raises(RegistryKeyError, match=name.replace("+", r"\+")):
        registry.register(name)(Own)
    assert registry.get_class(name) is not Own
