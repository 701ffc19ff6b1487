"""The kinds of plug-in: where each stands in a scenario, its registry, and the key that names the plug-in.

The scenario's model, sweeps, messages and listings all read this table, so that a new kind is one entry.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from class_registry import ClassRegistry

from channels.estimator_parameters import ESTIMATORS
from channels.source_parameters import SOURCES
from feedback.compressor_parameters import COMPRESSORS
from feedback.denoiser_parameters import DENOISERS
from feedback.link_parameters import LINKS
from feedback.predictor_parameters import PREDICTORS
from feedback.quantiser_parameters import QUANTISERS
from linksim.metrics import METRICS
from linksim.precoding import PRECODERS
from linksim.scenario.plugin_index import TITLES


@dataclass(frozen=True)
class PluginKind:
    """One kind of plug-in.

    Attributes:
        title: what its plug-ins are called together.
        registry: its plug-ins by name.
        section: dotted key of its section in a scenario, empty for metrics, which have none.
        discriminator: key of the section that names the plug-in.
        swept: whether a sweep may exchange the plug-in.
        other_sections: further keys, of any document, that hold sections of this kind or lists and mappings of them.
    """

    title: str
    registry: ClassRegistry[Any]
    section: str
    discriminator: str = "name"
    swept: bool = True
    other_sections: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """Names of its plug-ins, in alphabetical order."""
        return sorted(str(name) for name in self.registry.keys())  # noqa: SIM118 - a registry is no mapping

    def title_of(self, name: str) -> str:
        """What a plug-in is called in prose; its name where it says nothing or is not registered."""
        if name not in self.registry:
            return name
        titles: tuple[str, ...] = getattr(self.traits(name), "titles", ())
        return next((title for title in titles if _letters(title) == _letters(name)), titles[0] if titles else name)

    def parameters(self, name: str) -> Any:
        """The model of a plug-in's section."""
        known = getattr(self.registry, "parameters", None)
        return self.registry.get_class(name).Parameters if known is None else known(name)

    def models(self) -> list[Any]:
        """The models of all its plug-ins' sections, each once."""
        return list(dict.fromkeys(map(self.parameters, map(str, self.registry.keys()))))

    def traits(self, name: str) -> Any:
        """What is known of a plug-in before it is built: its parameters, or its class where that is light."""
        known = getattr(self.registry, "parameters", None)
        return self.registry.get_class(name) if known is None else known(name)


SOURCE = PluginKind(TITLES["SOURCES"], SOURCES, "channel", "source", swept=False, other_sections=("sources",))
ESTIMATOR = PluginKind(TITLES["ESTIMATORS"], ESTIMATORS, "estimation")
COMPRESSOR = PluginKind(TITLES["COMPRESSORS"], COMPRESSORS, "compressors", swept=False)
QUANTISER = PluginKind(TITLES["QUANTISERS"], QUANTISERS, "feedback.quantiser")
LINK = PluginKind(TITLES["LINKS"], LINKS, "feedback.link")
DENOISER = PluginKind(TITLES["DENOISERS"], DENOISERS, "feedback.denoiser")
PREDICTOR = PluginKind(TITLES["PREDICTORS"], PREDICTORS, "feedback.predictor")
PRECODER = PluginKind(TITLES["PRECODERS"], PRECODERS, "precoder")
METRIC = PluginKind(TITLES["METRICS"], METRICS, "")

KINDS = (SOURCE, ESTIMATOR, COMPRESSOR, QUANTISER, LINK, DENOISER, PREDICTOR, PRECODER, METRIC)

_BY_KEY = {key: kind for kind in KINDS if kind.section for key in (kind.section.split(".")[-1], *kind.other_sections)}


def kind_of_section(path: Iterable[str]) -> PluginKind | None:
    """The kind of the section at a path of keys, ``None`` where that is no plug-in's section.

    A number or label in a list or mapping of sections is the last key then, as in ``compressors, 0``.
    """
    return next((_BY_KEY[key] for key in reversed(list(path)[-2:]) if key in _BY_KEY), None)


def swept_kind(section: str) -> PluginKind | None:
    """The kind whose section has this dotted key, if sweeps may exchange its plug-in."""
    return next((kind for kind in KINDS if kind.swept and kind.section == section), None)


def value_title(key: str, value: str) -> str:
    """A swept value in words: ``Kalman, order 4`` for ``kalman, order 4`` of the key ``feedback.predictor``."""
    section = key.removesuffix(".name").removesuffix(".source")
    kind = next((kind for kind in KINDS if kind.section == section), None)
    if kind is None:
        return value
    name, comma, parameters = value.partition(",")
    return kind.title_of(name) + comma + parameters


def _letters(text: str) -> str:
    return "".join(character for character in text.lower() if character not in " _-")
