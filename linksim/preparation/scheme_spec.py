"""What has to be fitted or trained for the points of a scenario: a compressor, with quantiser and denoiser."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from feedback.compressor_parameters import CompressorIdentity, CompressorParameters
from feedback.denoiser_parameters import DENOISERS, DenoiserParameters
from feedback.neural_parameters import NeuralParameters
from feedback.plugin_file import has_training_run, identity_of, own_parameters, weights_of_others
from feedback.quantiser_parameters import QUANTISERS, QuantiserParameters
from feedback.training.adaptation import Adaptation
from linksim.errors import InputError
from linksim.scenario.identity import fit_key, taking_part, weights_document
from linksim.scenario.model import Scenario
from linksim.scenario.outlines import csi_dimensions
from linksim.scenario.plugin_sections import compressor_label
from linksim.scenario.sweep import Point
from linksim.scenario.training_channel import training_scenario

if TYPE_CHECKING:
    from feedback.codec import Codec


@dataclass(frozen=True)
class SchemeSpec:
    """A compressor, quantiser and denoiser to be fitted for one or more points.

    Attributes:
        label: name in tables and figures.
        parameters: the compressor's, compression ratio filled in.
        scenario: a point that needs it, with the channel that it is fitted or trained on.
        adapted_to: the point itself, whose channel a trained network is adapted to; ``None`` for the others.
    """

    label: str
    parameters: CompressorParameters
    scenario: Scenario
    adapted_to: Scenario | None = None

    @cached_property
    def key(self) -> str:
        """Content hash of everything that the fit depends on."""
        return fit_key(self.scenario, self.parameters, self.adapted_to)

    @property
    def identity(self) -> CompressorIdentity:
        """What the compressor is, without building it."""
        return identity_of(self.parameters, csi_dimensions(self.scenario))

    @property
    def trained_for(self) -> dict[str, Any]:
        """What it is trained for, and adapted to. Keys trained weights."""
        return weights_document(self.scenario, self.adapted_to, self.parameters.traits.learns_over_time)

    def build(self) -> "Codec":
        """The unfitted codec."""
        from feedback.csi_report.normalisation import Normalisation
        from linksim.preparation.codecs import build_codec

        normalisation = Normalisation(self.scenario.transform.normalisation)
        return build_codec(self.parameters, csi_dimensions(self.scenario), self.quantiser, self.denoiser, normalisation)

    @property
    def quantiser(self) -> QuantiserParameters:
        """Section of the quantiser; one that does nothing for a compressor that makes bits of its own."""
        none: QuantiserParameters = QUANTISERS.parameters("none")(name="none")
        if self.makes_bits:
            return none
        own: QuantiserParameters | None = own_parameters(self.parameters).own_quantiser
        return self.scenario.feedback.quantiser if own is None else own

    @property
    def denoiser(self) -> DenoiserParameters:
        """Section of the denoiser; likewise."""
        none: DenoiserParameters = DENOISERS.parameters("none")(name="none")
        return none if self.makes_bits else self.scenario.feedback.denoiser

    @property
    def makes_bits(self) -> bool:
        """Whether the compressor makes bits of its own, so that there is neither quantiser nor denoiser."""
        return self.parameters.traits.sends != "analogue"

    @property
    def sends_scale(self) -> bool:
        """Whether its reports hold the scale that ``per_sample`` takes off."""
        scaled = self.scenario.transform.normalisation == "per_sample"
        return scaled and self.parameters.traits.sends_scale()

    @property
    def title(self) -> str:
        """Label, and compression ratio where it has one."""
        ratio = self.parameters.compression_ratio
        return self.label if ratio is None else f"{self.label} at CR {ratio:g}"

    @property
    def learns(self) -> bool:
        """Whether a fit does anything."""
        return self.learns_codewords or self.parameters.traits.learns

    @property
    def needs_training_channels(self) -> bool:
        """Whether training channels have to be made for it; weights that were trained elsewhere take none."""
        return self.learns_codewords or (self.learns and weights_of_others(self.parameters) is None)

    @property
    def learns_codewords(self) -> bool:
        """Whether the quantiser or the denoiser learns from codewords."""
        if self.makes_bits:
            return False
        return self.quantiser.learns or self.scenario.feedback.denoiser.learns

    @property
    def learns_jointly(self) -> bool:
        """Whether the denoiser learns together with a trained network."""
        return has_training_run(self.parameters) and self.scenario.feedback.denoiser.learns_jointly


def scheme_specs(scenario: Scenario) -> Iterator[SchemeSpec]:
    """What one point needs fitted.

    Raises:
        InputError: if an entry's ``trained_on`` is no channel section, of matrices of another shape, or missing beside
            an ``adaptation``.
    """
    for entry, ratio in taking_part(scenario):
        update = {"compression_ratio": ratio, "label": None, "only_ratios": None, "trained_on": None}
        adaptation = getattr(own_parameters(entry), "adaptation", None)
        if adaptation is not None and entry.trained_on is None:
            raise InputError(
                f"compressors: {compressor_label(entry)}: adaptation: got no `trained_on` beside it, expected the "
                "channel that it starts from"
            )
        adapted_to = scenario if adaptation is not None and adaptation.samples else None
        if adaptation is not None and adapted_to is None:
            update["adaptation"] = None
        parameters = entry.model_copy(update=update)
        learns_from = training_scenario(scenario, entry)
        yield SchemeSpec(compressor_label(entry), parameters, learns_from, adapted_to)


@dataclass(frozen=True)
class PlannedPoint(Point):
    """A point whose schemes are known.

    Attributes:
        schemes: in the order of the compressors.
    """

    schemes: tuple[SchemeSpec, ...]


def planned(point: Point, device: str) -> PlannedPoint:
    """A point on a kind of device, with its schemes, so that every stage of a run finds the same ones."""
    scenario = point.scenario.model_copy(update={"device": device})
    return PlannedPoint(point.sweep, point.axes, scenario, point.key, tuple(scheme_specs(scenario)))


def schemes_of(point: Point) -> tuple[SchemeSpec, ...]:
    """What a point needs fitted; as ``scheme_specs``."""
    return point.schemes if isinstance(point, PlannedPoint) else tuple(scheme_specs(point.scenario))


def is_trained(spec: SchemeSpec) -> bool:
    """Whether a compressor's weights come from a training run that is kept."""
    return has_training_run(spec.parameters)


def adaptation_of(spec: SchemeSpec) -> Adaptation:
    """How a network is adapted, one whose spec says that it is."""
    parameters = own_parameters(spec.parameters)
    assert isinstance(parameters, NeuralParameters)
    assert parameters.adaptation is not None
    return parameters.adaptation
