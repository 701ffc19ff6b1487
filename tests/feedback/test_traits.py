"""What is known of a plug-in before it is built is what its class does."""

import pytest

from feedback.denoiser import Denoiser
from feedback.denoiser_parameters import DENOISERS, DenoiserTraits
from feedback.link_parameters import LINKS, LinkTraits
from feedback.predictor_parameters import PREDICTORS, PredictorTraits
from feedback.quantiser import Quantiser
from feedback.quantiser_parameters import QUANTISERS, QuantiserTraits
from feedback.registry import Registry
from feedback.traits import Traits

KINDS = (
    (QUANTISERS, QuantiserTraits),
    (DENOISERS, DenoiserTraits),
    (LINKS, LinkTraits),
    (PREDICTORS, PredictorTraits),
)
PLUGINS = [(registry, traits, str(name)) for registry, traits in KINDS for name in registry.keys()]  # noqa: SIM118


@pytest.mark.parametrize(("registry", "traits", "name"), PLUGINS)
def test_class_and_parameters_say_the_same(registry: Registry, traits: type[Traits], name: str) -> None:
    model, plugin = registry.parameters(name), registry.get_class(name)
    assert plugin.Parameters is model
    for trait in traits.names():
        assert getattr(plugin, trait) == getattr(model, trait), trait
    assert len(model.titles) == 1


@pytest.mark.parametrize(("registry", "contract"), [(QUANTISERS, Quantiser), (DENOISERS, Denoiser)])
def test_what_learns_says_so(registry: Registry, contract: type) -> None:
    for plugin in registry.classes():
        assert plugin.learns == (plugin.fit is not contract.fit)
    for denoiser in DENOISERS.classes():
        assert denoiser.learns_jointly == (denoiser.fit_jointly is not Denoiser.fit_jointly)


def test_a_class_of_its_own_goes_before_its_parameters() -> None:
    class Own(Quantiser):
        Parameters = QUANTISERS.parameters("none")
        results_version = 7

    assert (Own.sends, Own.titles, Own.results_version) == ("analogue", ("none",), 7)
