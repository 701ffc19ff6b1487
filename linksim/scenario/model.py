"""The scenario: one document that says everything about a run.

Sections for plug-ins (source, estimator, compressor, quantiser, link, denoiser, precoder) are unions over the
registries, so a new plug-in's parameters are part of the schema as soon as it is registered.
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, Union

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from channels.estimator import EstimatorParameters
from channels.source import SourceParameters
from feedback.compressor import CompressorParameters
from feedback.csi_report.codeword import Signal
from feedback.denoiser import DENOISERS, DenoiserParameters
from feedback.link import LINKS, LinkParameters
from feedback.plugin_file import PluginParameters
from feedback.predictor import PredictorParameters
from feedback.quantiser import QUANTISERS, QuantiserParameters
from feedback.training.recipe import TrainingRecipe
from linksim.metrics import METRICS
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
from linksim.subbands import DEFAULT_SUBBANDS

# The two kinds of compressor: one that ships, by name, and one of the user's own.
REGISTERED, PLUGIN = "registered", "plug-in"


def _any_of(kind: PluginKind) -> Any:
    models = tuple(plugin.Parameters for plugin in kind.registry.classes())
    return Annotated[Union[models], Field(discriminator=kind.discriminator)]  # noqa: UP007 - members known at run time only


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

_SIGNALS: dict[Signal, str] = {
    "analogue": "real values",
    "levels": "level numbers",
    "bitstream": "bitstreams of variable length",
}

# Reports seen over a link that loses some: that all are lost is as rare as the fourth power of the loss rate.
_REMEMBERED = 4

DEFAULT_METRICS = tuple(sorted(str(metric.name) for metric in METRICS.classes() if not metric.on_request))


PlainValue = float | str | bool | dict[str, Any]

# What an axis of a sweep takes: the value of a key, a whole plug-in section, or one of them for each of several keys.
SweptValue = PlainValue | tuple[PlainValue, ...]


def _one_problem(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """One message in place of one for each kind of value that it is not."""
    try:
        return handler(value)
    except ValidationError:
        kinds = "a finite number, a text, true or false, a section such as {name: ls}, or a list of these"
        text = repr(value)
        raise ValueError(f"got {text if len(text) <= 60 else text[:57] + '...'}, expected {kinds}") from None


_SweptEntry = Annotated[SweptValue, WrapValidator(_one_problem)]


class Section(BaseModel):
    """Base of all sections: unknown keys, NaN and infinities are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TransformSection(Section):
    """Angular-delay transform and normalisation at the UE."""

    n_delay: int = Field(default=32, ge=1, le=65536, description="delay rows Na kept of the angular-delay matrix")
    normalisation: Literal["per_sample", "dataset", "none"] = Field(
        default="per_sample", description="scale by the largest modulus of the matrix, of the training set, or not"
    )
    scale_bits: int = Field(
        default=32,
        ge=0,
        le=32,
        description="bits of per_sample's scale: 1..16 = dB steps over the range of training channels, 32 = float32, "
        "over links of bits as fine dB steps, 0 = not sent",
    )

    @model_validator(mode="after")
    def _known_width(self) -> Self:
        if 16 < self.scale_bits < 32:
            raise ValueError(f"scale_bits is {self.scale_bits}, expected 0 to 16, or 32")
        return self


class FeedbackSection(Section):
    """From codeword to BS."""

    quantiser: QuantiserSection = Field(default={"name": "none"}, validate_default=True)
    link: LinkSection = Field(default={"name": "perfect"}, validate_default=True)
    denoiser: DenoiserSection = Field(default={"name": "none"}, validate_default=True)
    predictor: PredictorSection = Field(default={"name": "hold"}, validate_default=True)
    delay_s: float = Field(default=0.0, ge=0, le=1, description="time from channel estimate to precoder use [s]")
    report_period_s: float = Field(default=0.0, ge=0, le=10, description="time from report to report [s]; 0: only one")
    n_reports: int | None = Field(
        default=None,
        ge=1,
        le=100,
        description="reports that the BS has seen; by default what the predictor needs; fixes the start of a recording",
    )

    @model_validator(mode="after")
    def _compatible(self) -> Self:
        quantiser = self.quantiser.name
        sends = QUANTISERS.get_class(quantiser).sends
        takers = {
            "link": (self.link.name, LINKS.get_class(self.link.name).carries),
            "denoiser": (self.denoiser.name, DENOISERS.get_class(self.denoiser.name).accepts),
        }
        for key, (name, takes) in takers.items():
            if sends not in takes:
                raise ValueError(
                    f"got {key} {name!r} with quantiser {quantiser!r}, which sends {_SIGNALS[sends]}, expected "
                    f"{' or '.join(sorted(_SIGNALS[signal] for signal in takes))}"
                )
        lack = self.link.misfit(sends)
        if lack is not None:
            raise ValueError(f"link {self.link.name!r}: got {lack}")
        return self

    @model_validator(mode="after")
    def _enough_reports(self) -> Self:
        name, least = self.predictor.name, self.predictor.least_reports
        if self.report_period_s == 0 and max(least, self.n_reports or 1) > 1:
            wanted = f"n_reports {self.n_reports}" if least == 1 else f"predictor {name!r}, which needs {least} reports"
            raise ValueError(f"got {wanted} with report_period_s 0, expected the time from report to report in s")
        if self.reports_seen < least:
            raise ValueError(f"got n_reports {self.n_reports}, expected at least {least} for predictor {name!r}")
        return self

    @property
    def reports_seen(self) -> int:
        """Reports that the BS has seen when it uses the precoder."""
        if self.report_period_s == 0:
            return 1
        remembered = _REMEMBERED if LINKS.get_class(self.link.name).loses_reports else 1
        return self.n_reports or max(self.predictor.default_reports, remembered)


def _share_or_auto(value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value != "auto" and not (number and 0 <= value < 1):
        raise ValueError(f"got {value!r}, expected auto, or a share of 0 to less than 1")
    return value


ShareOrAuto = Annotated[float | Literal["auto"], BeforeValidator(_share_or_auto)]


class OverheadSection(Section):
    """What pilots take of the downlink, as shares of its resource elements."""

    csi_rs: ShareOrAuto = Field(
        default="auto", description="CSI-RS; auto: the pilots of the estimation, once in a period"
    )
    dmrs: ShareOrAuto = Field(default="auto", description="DM-RS; auto: one symbol in 14, as with type 1 and one layer")
    csi_rs_period_s: float | None = Field(
        default=None, gt=0, le=10, description="time between CSI-RS [s]; by default that of the reports, or 5 ms"
    )


class StopSection(Section):
    """When a point has enough test channels: once every compressor's interval of a metric is narrow."""

    metric: str = Field(default="nmse_db", description="metric whose interval counts; one of the scenario's")
    half_width: float = Field(gt=0, description="half the width that the 95 % interval must fall below [metric's unit]")
    minimum_samples: int = Field(
        default=200, ge=2, le=10**7, description="test channels before the first look at the interval"
    )
    minimum_rare_events: int = Field(
        default=20,
        ge=1,
        le=10**7,
        description="samples that share the spread of the values at least: none has more than one part in these",
    )


class MonteCarloSection(Section):
    """How many test channels, and how they are handed to workers."""

    samples: int = Field(default=1000, ge=1, le=10**7, description="test channels per point; with `stop`, at most")
    stop: StopSection | None = Field(default=None, description="stop a point early; by default all samples are taken")
    batch_size: int = Field(
        default=100, ge=1, le=10**6, description="test channels per task; changes no digit of any result"
    )

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.stop is not None and self.stop.minimum_samples > self.samples:
            raise ValueError(
                f"stop.minimum_samples is {self.stop.minimum_samples}, expected at most the {self.samples} of samples"
            )
        return self


class SgcsSection(Section):
    """The metric ``sgcs``."""

    n_subbands: int | None = Field(
        default=None,
        ge=1,
        le=65536,
        description=f"subbands of the band; by default {DEFAULT_SUBBANDS}, or fewer subcarriers",
    )


class BudgetSection(Section):
    """How long every network is trained, in place of what its recipe says; one of these."""

    epochs: int | None = Field(default=None, ge=0, le=10**6, description="passes over the training channels")
    samples: int | None = Field(default=None, ge=0, le=10**12, description="training channels seen")
    minutes: float | None = Field(
        default=None, gt=0, le=10**6, description="wall time; digits then depend on the machine"
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"got {' and '.join(given) or 'nothing'}, expected one of epochs, samples, minutes")
        return self

    def of(self, recipe: TrainingRecipe) -> TrainingRecipe:
        """The recipe within this budget."""
        return recipe.with_budget(**self.model_dump(exclude_none=True))


def _is_trained_section(entry: Any) -> bool:
    """Whether a compressor's section, as written, is one of a network whose training is kept."""
    if not isinstance(entry, dict) or any(entry.get(key) for key in ("untrained", "checkpoint", "keras")):
        return False
    name = entry.get("name")
    return "plugin" in entry or (
        isinstance(name, str) and name in COMPRESSOR.registry and COMPRESSOR.registry.get_class(name).trained
    )


class TrainingSection(Section):
    """Channels to learn from: those of the point, from streams of their own, never test channels."""

    samples: int = Field(
        default=8000,
        ge=1,
        le=10**7,
        description="channels for quick fits: KLT, quantiser and scale ranges; by default as many as network_samples "
        "where the scenario has trained networks, so that what is fitted and what is learnt see the same, else 8000",
    )
    network_samples: int = Field(
        default=50000, ge=1, le=10**7, description="channels that networks are trained on, an epoch"
    )
    fresh: bool = Field(
        default=False,
        description="networks see network_samples new channels in every epoch, straight from the generator, instead of "
        "the same again",
    )
    validation_samples: int = Field(default=1000, ge=1, le=10**7, description="channels to select the best epoch on")
    recipe: TrainingRecipe | None = Field(default=None, description="of all networks; by default each network's own")
    budget: BudgetSection | None = Field(default=None, description="of all networks; by default their recipes'")


class Scenario(Section):
    """A whole run."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="names the folder of the results")
    description: str = ""
    seed: int = Field(default=1, ge=0, lt=2**63)
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="auto: a GPU when there is one")
    channel: ChannelSection
    snr_db: float = Field(default=10.0, ge=-100, le=200, description="downlink SNR per antenna, also the pilots' [dB]")
    estimation: EstimatorSection = Field(default={"name": "ls"}, validate_default=True)
    overhead: OverheadSection = OverheadSection()
    transform: TransformSection = TransformSection()
    compression_ratio: float = Field(default=4.0, ge=0.01, le=1e6, description="2 Na Nt / codeword length")
    compressors: tuple[CompressorSection, ...] = Field(min_length=1)
    feedback: FeedbackSection = Field(default={}, validate_default=True)
    precoder: PrecoderSection = Field(default={"name": "mrt"}, validate_default=True)
    metrics: tuple[str, ...] = Field(default=DEFAULT_METRICS, min_length=1)
    sgcs: SgcsSection = SgcsSection()
    samples_without_energy: Literal["leave_out", "refuse"] = Field(
        default="leave_out", description="all-zero channels, such as blocked users: left out and counted, or an error"
    )
    monte_carlo: MonteCarloSection = MonteCarloSection()
    training: TrainingSection = TrainingSection()
    zoo: str | None = Field(
        default=None, min_length=1, description="folder of trained weights; by default the one that ships"
    )
    sweeps: dict[str, dict[str, Annotated[tuple[_SweptEntry, ...], Field(min_length=1)]]] = Field(
        default={},
        description="sweep name -> axis (a scenario key) -> values, also plug-ins as {name: ...}; axes of one "
        "multiply; keys that go together are one axis, 'key, key', of values [value, value]",
    )

    @model_validator(mode="before")
    @classmethod
    def _equal_training_channels(cls, document: Any) -> Any:
        """Fits take as many channels as networks, unless the scenario says how many."""
        if not isinstance(document, dict):
            return document
        training, entries = document.get("training", {}), document.get("compressors")
        if not isinstance(training, dict) or "samples" in training or not isinstance(entries, (list, tuple)):
            return document
        if not any(map(_is_trained_section, entries)):
            return document
        samples = training.get("network_samples", TrainingSection.model_fields["network_samples"].default)
        return {**document, "training": {**training, "samples": samples}}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        unknown = [name for name in self.metrics if name not in METRICS]
        if unknown:
            raise ValueError(
                f"metrics: got {unknown[0]!r}, expected one of {', '.join(sorted(map(str, METRICS.keys())))}"
            )
        stop = self.monte_carlo.stop
        if stop is not None and stop.metric not in self.metrics:
            raise ValueError(
                f"monte_carlo.stop.metric: got {stop.metric!r}, expected one of the scenario's metrics: "
                f"{', '.join(self.metrics)}"
            )
        labels = [compressor_label(compressor) for compressor in self.compressors]
        repeated = [label for label in labels if labels.count(label) > 1]
        if repeated:
            raise ValueError(f"compressors: got the label {repeated[0]!r} twice, expected one `label` for each")
        return self


def compressor_label(parameters: CompressorParameters) -> str:
    """Name of a compressor in tables and figures."""
    return parameters.label or parameters.name
