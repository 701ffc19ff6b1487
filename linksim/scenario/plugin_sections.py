"""Sections of a scenario that name a plug-in (source, estimator, compressor, quantiser, link, denoiser, precoder).

Each is the union of its registry's parameters, so a new plug-in's parameters are part of the schema as soon as it is
registered.
"""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Discriminator, Tag

from channels.estimator_parameters import EstimatorParameters
from channels.source_parameters import SourceParameters
from feedback.any_of import AnyOf
from feedback.compressor_parameters import CompressorParameters
from feedback.denoiser_parameters import DenoiserParameters
from feedback.link_parameters import LinkParameters
from feedback.plugin_file import PluginParameters
from feedback.predictor_parameters import PredictorParameters
from feedback.quantiser_parameters import QuantiserParameters
from linksim.precoding import PrecoderParameters
from linksim.scenario.plugin_kinds import (
    COMPRESSOR,
    DENOISER,
    ESTIMATOR,
    LINK,
    PRECODER,
    PREDICTOR,
    QUANTISER,
    SOURCE,
    PluginKind,
)

# The two kinds of compressor: one that ships, by name, and one of the user's own.
REGISTERED, PLUGIN = "registered", "plug-in"


def _any_of(kind: PluginKind) -> Any:
    return Annotated[Any, AnyOf(kind.registry.keys, kind.parameters, kind.discriminator)]


def _compressor_kind(section: Any) -> str:
    own = isinstance(section, PluginParameters) or (isinstance(section, dict) and "plugin" in section)
    return PLUGIN if own else REGISTERED


if TYPE_CHECKING:
    ChannelSection = SourceParameters
    EstimatorSection = EstimatorParameters
    CompressorSection = CompressorParameters
    QuantiserSection = QuantiserParameters
    LinkSection = LinkParameters
    DenoiserSection = DenoiserParameters
    PredictorSection = PredictorParameters
    PrecoderSection = PrecoderParameters
else:
    ChannelSection = _any_of(SOURCE)
    EstimatorSection = _any_of(ESTIMATOR)
    CompressorSection = Annotated[
        Annotated[_any_of(COMPRESSOR), Tag(REGISTERED)] | Annotated[PluginParameters, Tag(PLUGIN)],
        Discriminator(_compressor_kind),
    ]
    QuantiserSection = _any_of(QUANTISER)
    LinkSection = _any_of(LINK)
    DenoiserSection = _any_of(DENOISER)
    PredictorSection = _any_of(PREDICTOR)
    PrecoderSection = _any_of(PRECODER)


def compressor_label(parameters: CompressorParameters) -> str:
    """Name of a compressor in tables and figures."""
    return parameters.label or parameters.name
