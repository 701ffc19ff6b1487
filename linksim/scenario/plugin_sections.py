"""Sections of a scenario that name a plug-in (source, estimator, compressor, quantiser, link, denoiser, precoder).

Each is the union of its registry's parameters, so a new plug-in's parameters are part of the schema as soon as it is
registered.
"""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Union

from pydantic import Discriminator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, Tag, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from channels.estimator_parameters import EstimatorParameters
from channels.source_parameters import SourceParameters
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


class _AnyOf:
    """The union of a kind's models, told apart by name, of which only those that documents name are built."""

    def __init__(self, kind: PluginKind) -> None:
        self.kind = kind

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        choices: dict[Any, CoreSchema] = {
            name: core_schema.no_info_plain_validator_function(partial(self._validated, str(name)))
            for name in self.kind.registry.keys()  # noqa: SIM118 - a registry is no mapping
        }
        return core_schema.tagged_union_schema(choices, discriminator=self.kind.discriminator)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        models: Any = tuple(self.kind.models())
        one: Any = Union[models]  # noqa: UP007 - members are known at run time only
        union: Any = Annotated[one, Field(discriminator=self.kind.discriminator)]
        return handler(TypeAdapter(union).core_schema)

    def _validated(self, name: str, section: Any) -> Any:
        return self.kind.parameters(name).model_validate(section)


def _any_of(kind: PluginKind) -> Any:
    return Annotated[Any, _AnyOf(kind)]


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
