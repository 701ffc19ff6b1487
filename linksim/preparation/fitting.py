"""From a scenario to fitted compressors, quantisers, denoisers and normalisation, kept as files that workers load.

What is fitted depends on training channels, and never on a test channel, an SNR or a speed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from feedback.codec import Codec
from feedback.compressor_parameters import CompressorIdentity, CompressorParameters
from feedback.csi_report.normalisation import Normalisation
from feedback.csi_report.scale import ScaleRange, learnt_range, needs_range
from feedback.denoiser_parameters import DENOISERS, DenoiserParameters
from feedback.plugin_file import (
    has_training_run,
    identity_of,
    own_parameters,
    weights_of_others,
)
from feedback.quantiser_parameters import QUANTISERS, QuantiserParameters
from feedback.training_set import TrainingSet
from linksim.chain.mean_channel import fit_mean_channel, needs_mean_channel
from linksim.chain.random_streams import stream_seed
from linksim.errors import InputError
from linksim.files import KeptTensors, kept_tensors, needed_tensors, save_tensors
from linksim.preparation.codecs import build_codec
from linksim.scenario.identity import channel_fit_key, fit_key, taking_part, weights_document
from linksim.scenario.model import Scenario
from linksim.scenario.outlines import csi_dimensions
from linksim.scenario.plugin_sections import compressor_label
from linksim.scenario.sweep import Point
from linksim.scenario.training_channel import training_scenario

# Training codewords that quantisers and denoisers are fitted on.
FIT_CODEWORDS = 4000


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
        return weights_document(self.scenario, self.adapted_to)

    def build(self) -> Codec:
        """The unfitted codec."""
        normalisation = Normalisation(self.scenario.transform.normalisation)
        return build_codec(self.parameters, csi_dimensions(self.scenario), self.quantiser, self.denoiser, normalisation)

    @property
    def quantiser(self) -> QuantiserParameters:
        """Section of the quantiser; one that does nothing for a compressor that makes bits of its own."""
        none: QuantiserParameters = QUANTISERS.parameters("none")(name="none")
        return none if self.makes_bits else self.scenario.feedback.quantiser

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
        feedback = self.scenario.feedback
        return feedback.quantiser.learns or feedback.denoiser.learns

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


def fit_generator(scenario: Scenario, key: str) -> torch.Generator:
    """Random stream of one fit."""
    return torch.Generator().manual_seed(stream_seed(scenario.seed, f"fit {key}", 0))


def fit_to_codewords(scheme: Codec, training: TrainingSet, generator: torch.Generator) -> None:
    """Fits a scheme's quantiser and denoiser to the codewords of training channels.

    A denoiser may change the compressor's weights, which then belong to this scheme alone.
    """
    with torch.no_grad():
        codewords = scheme.compressor.encode(training.train[:FIT_CODEWORDS]).values
        scheme.quantiser.fit(codewords)
        scheme.denoiser.fit(codewords)
    scheme.denoiser.fit_jointly(scheme.compressor, training, generator)


def save_scheme(scheme: Codec, spec: SchemeSpec, folder: Path, checkpoint: str) -> None:
    """Keeps a fitted scheme for the workers, and the hash of the checkpoint that it is from, if it is from one."""
    tensors = {f"compressor/{name}": tensor for name, tensor in scheme.compressor.state().items()}
    tensors |= {f"quantiser/{name}": tensor for name, tensor in scheme.quantiser.state().items()}
    tensors |= {f"denoiser/{name}": tensor for name, tensor in scheme.denoiser.state().items()}
    save_tensors(scheme_file(spec, folder), tensors, {"checkpoint": checkpoint})


def kept_scheme(spec: SchemeSpec, folder: Path) -> KeptTensors | None:
    """A kept scheme, with the hash of the checkpoint that it is from as ``checkpoint``; ``None`` if there is none.

    A damaged one is set aside.
    """
    return kept_tensors(scheme_file(spec, folder))


def scheme_file(spec: SchemeSpec, folder: Path) -> Path:
    """Where a fitted scheme is kept."""
    return folder / f"{spec.key}.safetensors"


def mean_channel_file(scenario: Scenario, folder: Path) -> Path:
    """Where the mean channel is kept."""
    return _channel_file("mean-channel", scenario, folder)


def _channel_file(kind: str, scenario: Scenario, folder: Path) -> Path:
    return folder / f"{kind}-{channel_fit_key(scenario)}.safetensors"


def fit_fallback(scenario: Scenario, folder: Path, training_csi: Callable[[], Tensor]) -> None:
    """Fits and keeps, once, the mean channel that the BS of a point falls back to, if its link loses reports."""
    file = mean_channel_file(scenario, folder)
    if needs_mean_channel(scenario) and kept_tensors(file) is None:
        save_tensors(file, fit_mean_channel(training_csi))


def fit_normalisation(scenario: Scenario, folder: Path, training_csi: Callable[[], Tensor]) -> None:
    """Fits and keeps, once, the normalisation that schemes use that learn from a scenario's channel."""
    file = _channel_file("normalisation", scenario, folder)
    if scenario.transform.normalisation == "dataset" and kept_tensors(file) is None:
        normalisation = Normalisation("dataset").fit(training_csi())
        save_tensors(file, {"scale": torch.tensor(normalisation.dataset_scale, dtype=torch.float64)})


def load_normalisation(scenario: Scenario, folder: Path) -> Normalisation:
    """The fitted normalisation of schemes that learn from a scenario's channel."""
    kind = scenario.transform.normalisation
    if kind != "dataset":
        return Normalisation(kind)
    return Normalisation(kind, float(needed_tensors(_channel_file("normalisation", scenario, folder))["scale"]))


def needs_scale_range(scenario: Scenario) -> bool:
    """Whether reports of a point hold a scale that is sent within a range learnt from training channels."""
    over_bits = "analogue" not in scenario.feedback.link.carries
    transform = scenario.transform
    return transform.normalisation == "per_sample" and needs_range(transform.scale_bits, over_bits)


def fit_scale_range(scenario: Scenario, folder: Path, training_csi: Callable[[], Tensor]) -> None:
    """Fits and keeps, once, the range of the scale in reports of schemes that learn from a scenario's channel."""
    file = _channel_file("scale-range", scenario, folder)
    if needs_scale_range(scenario) and kept_tensors(file) is None:
        csi = training_csi()
        csi = csi[csi.abs().amax(dim=(1, 2)) > 0]
        range_db = learnt_range(Normalisation("per_sample").scale(csi))
        save_tensors(file, {"range_db": torch.tensor(range_db, dtype=torch.float64)})


def scale_of(scenario: Scenario, folder: Path) -> tuple[int, ScaleRange | None]:
    """Bits and range of the scale in reports of schemes that learn from a scenario's channel."""
    bits = scenario.transform.scale_bits
    if not needs_scale_range(scenario):
        return bits, None
    low, high = needed_tensors(_channel_file("scale-range", scenario, folder))["range_db"].tolist()
    return bits, (low, high)
