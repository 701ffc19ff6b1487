"""The scenario: one document that says everything about a run."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from linksim.link_adaptation.parameters import LinkAdaptationParameters
from linksim.link_budget.parameters import LinkBudgetParameters
from linksim.metrics import METRICS
from linksim.multi_user.parameters import MultiUserParameters
from linksim.reserved_names import RESERVED_NAMES
from linksim.scenario.feedback_section import FeedbackSection
from linksim.scenario.key_suggestion import unknown_name
from linksim.scenario.monte_carlo_section import MonteCarloSection
from linksim.scenario.paired_axes import axis_keys
from linksim.scenario.plugin_sections import (
    ChannelSection,
    CompressorSection,
    EstimatorSection,
    PrecoderSection,
    compressor_label,
)
from linksim.scenario.section import Section
from linksim.scenario.signals import check_recipe, check_signals, check_stop
from linksim.scenario.swept_value import SweptEntry
from linksim.scenario.training_section import TrainingSection, is_trained_section
from linksim.subbands import DEFAULT_SUBBANDS

DEFAULT_METRICS = tuple(sorted(str(metric.name) for metric in METRICS.classes() if not metric.on_request))


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


def _share_or_auto(value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value != "auto" and not (number and 0 <= value < 1):
        raise ValueError(f"got {value!r}, expected auto, or a share of 0 to less than 1")
    return value


ShareOrAuto = Annotated[float | Literal["auto"], BeforeValidator(_share_or_auto)]


class OverheadSection(Section):
    """What pilots take of the downlink, as shares of its resource elements."""

    csi_rs: ShareOrAuto = Field(
        default="auto",
        description="CSI-RS; auto: the pilots of the estimation once in a period, and those for tracking",
    )
    dmrs: ShareOrAuto = Field(
        default="auto", description="DM-RS; auto: one symbol in 14, as with type 1 and up to four layers"
    )
    csi_rs_period_s: float | None = Field(
        default=None, gt=0, le=10, description="time between CSI-RS [s]; by default that of the reports, or 5 ms"
    )


class SgcsSection(Section):
    """The metric ``sgcs``."""

    n_subbands: int | None = Field(
        default=None,
        ge=1,
        le=65536,
        description=f"subbands of the band; by default {DEFAULT_SUBBANDS}, or fewer subcarriers",
    )


class Scenario(Section):
    """A whole run."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="names the folder of the results")
    description: str = Field(default="", description="what the run is for; stands in the report")
    seed: int = Field(default=1, ge=0, lt=2**63, description="what everything random in the run follows from")
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="auto: a GPU when there is one")
    channel: ChannelSection
    snr_db: float = Field(default=10.0, ge=-100, le=200, description="downlink SNR per antenna, also the pilots' [dB]")
    link_budget: LinkBudgetParameters | None = Field(
        default=None,
        description="an SNR of each UE by power, path loss and noise in place of `snr_db`; by default none",
    )
    estimation: EstimatorSection = Field(default={"name": "ls"}, validate_default=True)
    overhead: OverheadSection = OverheadSection()
    transform: TransformSection = TransformSection()
    compression_ratio: float = Field(default=4.0, ge=0.01, le=1e6, description="2 Na Nt / codeword length")
    compressors: tuple[CompressorSection, ...] = Field(min_length=1)
    feedback: FeedbackSection = Field(default={}, validate_default=True)
    precoder: PrecoderSection = Field(default={"name": "mrt"}, validate_default=True)
    metrics: tuple[str, ...] = Field(default=DEFAULT_METRICS, min_length=1, description="figures of merit, by name")
    reference_curves: tuple[Literal["gaussian_source"], ...] = Field(
        default=(),
        description="curves of figures over the bits that no compressor is behind; gaussian_source: what an ideal code "
        "takes for a Gaussian source of the training channels' covariance, which is no bound for channels",
    )
    sgcs: SgcsSection = SgcsSection()
    multi_user: MultiUserParameters = MultiUserParameters()
    link_adaptation: LinkAdaptationParameters = LinkAdaptationParameters()
    samples_without_energy: Literal["leave_out", "refuse"] = Field(
        default="leave_out", description="all-zero channels, such as blocked users: left out and counted, or an error"
    )
    monte_carlo: MonteCarloSection = MonteCarloSection()
    training: TrainingSection = TrainingSection()
    zoo: str | None = Field(
        default=None,
        min_length=1,
        description="folder of trained weights; by default LINKSIM_ZOO and the one that ships",
    )
    sweeps: dict[str, dict[str, Annotated[tuple[SweptEntry, ...], Field(min_length=1)]]] = Field(
        default={},
        description="sweep name -> axis (a scenario key) -> values, also plug-ins as {name: ...}; axes of one "
        "multiply; keys that go together are one axis, 'key, key', of values [value, value]; "
        "`feedback_snr_db` is that of the feedback link, and puts `awgn` in place of a link that has none",
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
        if not any(map(is_trained_section, entries)):
            return document
        samples = training.get("network_samples", TrainingSection.model_fields["network_samples"].default)
        return {**document, "training": {**training, "samples": samples}}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        unknown = [name for name in self.metrics if name not in METRICS]
        if unknown:
            raise ValueError(f"metrics: {unknown_name(unknown[0], sorted(map(str, METRICS.keys())))}")
        stop = self.monte_carlo.stop
        if stop is not None and stop.metric not in self.metrics:
            raise ValueError(
                f"monte_carlo.stop.metric: got {stop.metric!r}, expected one of the scenario's metrics: "
                f"{', '.join(self.metrics)}"
            )
        if stop is not None:
            check_stop(stop.metric, self.compressors)
        if self.reference_curves and "nmse_db" not in self.metrics:
            raise ValueError(
                f"reference_curves: got {self.reference_curves[0]} without the metric nmse_db, expected it among the "
                "scenario's metrics"
            )
        if self.link_adaptation.outer_loop.step_db > 0 and self.feedback.reports_seen < 2:
            raise ValueError(
                "link_adaptation.outer_loop.step_db: got one report, expected feedback.n_reports of 2 or more with a "
                "report_period_s: the loop learns from blocks after earlier reports"
            )
        if self.multi_user.strengths == "cqi" and self.link_adaptation.layers == "all":
            raise ValueError(
                "multi_user.strengths: got cqi with link_adaptation.layers all, expected first: users have a layer each"
            )
        self._check_link_budget()
        check_signals(self.feedback, self.compressors)
        check_recipe(self.training.recipe, self.compressors)
        labels = [compressor_label(compressor) for compressor in self.compressors]
        repeated = [label for label in labels if labels.count(label) > 1]
        if repeated:
            raise ValueError(f"compressors: got the label {repeated[0]!r} twice, expected one `label` for each")
        for label in labels:
            if not label.strip() or " ".join(label.split()) in RESERVED_NAMES:
                raise ValueError(
                    f"compressors: got the label {label!r}, expected one that results do not use themselves"
                )
        if any(not name.strip() for name in self.sweeps):
            raise ValueError("sweeps: got a sweep without a name, expected one for each")
        return self

    def _check_link_budget(self) -> None:
        """Refuses a budget of channels without path loss, and an SNR for all beside it.

        The SNR is compared by value, so that a resolved scenario, in which defaults are spelt out, stays valid.
        """
        if self.link_budget is None:
            return
        if not self.channel.has_path_gain:
            raise ValueError(
                f"link_budget: got channels of {self.channel.source!r} without path loss, expected those of a scenario "
                "of TR 38.901, such as {source: sionna, model: UMa}"
            )
        if self.snr_db != type(self).model_fields["snr_db"].default:
            raise ValueError(f"snr_db: got {self.snr_db:g} beside link_budget, expected one of the two")
        for name, axes in self.sweeps.items():
            if any("snr_db" in axis_keys(axis) for axis in axes):
                raise ValueError(
                    f"sweeps.{name}: got snr_db beside link_budget, expected another axis, such as "
                    "link_budget.transmit_power_dbm"
                )
