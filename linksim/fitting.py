"""From a scenario to fitted compressors, quantisers, denoisers and normalisation, kept as files that workers load.

What is fitted depends on training channels, and never on a test channel, an SNR or a speed.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from channels.normalisation import Normalisation
from feedback.compressor import Compressor, CompressorParameters
from feedback.denoiser import DENOISERS, Denoiser
from feedback.plugin_file import PluginParameters, build_compressor, compressor_class, has_training_run, identity
from feedback.quantiser import QUANTISERS, Quantiser
from feedback.training_set import TrainingSet
from linksim.chain import ReportScheme
from linksim.errors import InputError
from linksim.mean_channel import MeanChannel, fit_mean_channel, load_mean_channel, needs_mean_channel
from linksim.random_streams import stream_seed
from linksim.scenario import Scenario, compressor_label
from linksim.scenario_source import matrix_shape
from linksim.sweep import content_hash
from linksim.training_channel import training_scenario

# Training codewords that quantisers and denoisers are fitted on.
FIT_CODEWORDS = 4000


@dataclass(frozen=True)
class SchemeSpec:
    """A compressor, quantiser and denoiser to be fitted for one or more points.

    Attributes:
        label: name in tables and figures.
        parameters: the compressor's, compression ratio filled in.
        scenario: a point that needs it, with the channel that it is fitted or trained on.
        key: content hash of everything that the fit depends on.
        adapted_to: the point itself, whose channel a trained network is adapted to; ``None`` for the others.
    """

    label: str
    parameters: CompressorParameters
    scenario: Scenario
    key: str
    adapted_to: Scenario | None = None

    @property
    def trained_for(self) -> dict[str, object]:
        """What it is trained for, and adapted to. Keys trained weights."""
        return _trained_for(self.scenario, self.adapted_to)

    def build(self) -> ReportScheme:
        """The unfitted scheme."""
        quantiser, denoiser = self.scenario.feedback.quantiser, self.scenario.feedback.denoiser
        return ReportScheme(
            build_compressor(self.parameters, matrix_shape(self.scenario)),
            Normalisation(self.scenario.transform.normalisation),
            QUANTISERS.get_class(quantiser.name)(quantiser),
            DENOISERS.get_class(denoiser.name)(denoiser),
        )

    @property
    def learns(self) -> bool:
        """Whether a fit does anything."""
        return self.learns_codewords or compressor_class(self.parameters).fit is not Compressor.fit

    @property
    def learns_codewords(self) -> bool:
        """Whether the quantiser or the denoiser learns from codewords."""
        feedback = self.scenario.feedback
        quantiser_learns = QUANTISERS.get_class(feedback.quantiser.name).fit is not Quantiser.fit
        return quantiser_learns or DENOISERS.get_class(feedback.denoiser.name).fit is not Denoiser.fit

    @property
    def learns_jointly(self) -> bool:
        """Whether the denoiser learns together with a trained network."""
        denoiser_class = DENOISERS.get_class(self.scenario.feedback.denoiser.name)
        return has_training_run(self.parameters) and denoiser_class.fit_jointly is not Denoiser.fit_jointly


def scheme_specs(scenario: Scenario) -> Iterator[SchemeSpec]:
    """What one point needs fitted.

    Raises:
        InputError: if an entry's ``trained_on`` is no channel section, of matrices of another shape, or missing beside
            an ``adaptation``.
    """
    for entry in scenario.compressors:
        ratio = entry.compression_ratio or scenario.compression_ratio
        if entry.only_ratios is not None and ratio not in entry.only_ratios:
            continue
        update = {"compression_ratio": ratio, "label": None, "only_ratios": None, "trained_on": None}
        adaptation = getattr(entry.own() if isinstance(entry, PluginParameters) else entry, "adaptation", None)
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
        key = content_hash(
            [
                identity(parameters.model_dump(mode="json", exclude={"trained_on"})),
                scenario.feedback.quantiser.model_dump(mode="json"),
                scenario.feedback.denoiser.model_dump(mode="json"),
                _trained_for(learns_from, adapted_to),
                scenario.training.model_dump(mode="json"),
                scenario.seed,
            ]
        )
        yield SchemeSpec(compressor_label(entry), parameters, learns_from, key, adapted_to)


def training_description(scenario: Scenario) -> dict[str, object]:
    """What a compressor is trained for: the channel at rest, and the transform. Keys trained weights.

    Values that are their section's default are left out, so that a new parameter does not orphan old weights.
    """
    transform = {"n_delay": scenario.transform.n_delay, "normalisation": scenario.transform.normalisation}
    return {"channel": _channel_at_rest(scenario), "transform": transform}


def _trained_for(scenario: Scenario, adapted_to: Scenario | None) -> dict[str, object]:
    description = training_description(scenario)
    return description if adapted_to is None else {**description, "adapted_to": _channel_at_rest(adapted_to)}


def _channel_at_rest(scenario: Scenario) -> dict[str, object]:
    channel = scenario.channel.model_dump(mode="json", exclude_defaults=True)
    channel["source"] = scenario.channel.source
    channel.pop("speed_m_s", None)
    return channel


def fit_generator(scenario: Scenario, key: str) -> torch.Generator:
    """Random stream of one fit."""
    return torch.Generator().manual_seed(stream_seed(scenario.seed, f"fit {key}", 0))


def fit_to_codewords(scheme: ReportScheme, training: TrainingSet, generator: torch.Generator) -> None:
    """Fits a scheme's quantiser and denoiser to the codewords of training channels.

    A denoiser may change the compressor's weights, which then belong to this scheme alone.
    """
    with torch.no_grad():
        codewords = scheme.compressor.encode(training.train[:FIT_CODEWORDS]).values
        scheme.quantiser.fit(codewords)
        scheme.denoiser.fit(codewords)
    scheme.denoiser.fit_jointly(scheme.compressor, training, generator)


def save_scheme(scheme: ReportScheme, spec: SchemeSpec, folder: Path, checkpoint: str) -> None:
    """Keeps a fitted scheme for the workers, and the hash of the checkpoint that it is from, if it is from one."""
    tensors = {f"compressor/{name}": tensor for name, tensor in scheme.compressor.state().items()}
    tensors |= {f"quantiser/{name}": tensor for name, tensor in scheme.quantiser.state().items()}
    tensors |= {f"denoiser/{name}": tensor for name, tensor in scheme.denoiser.state().items()}
    save_whole(tensors, folder / f"{spec.key}.safetensors", {"checkpoint": checkpoint})


def fitted_from(spec: SchemeSpec, folder: Path) -> str | None:
    """Hash of the checkpoint that a kept scheme is from, empty if from none; ``None`` if there is no kept scheme."""
    file = folder / f"{spec.key}.safetensors"
    if not file.exists():
        return None
    with safe_open(file, framework="pt") as tensors:
        return str((tensors.metadata() or {}).get("checkpoint", ""))


def load_scheme(spec: SchemeSpec, folder: Path, device: torch.device) -> ReportScheme:
    """A fitted scheme from its files."""
    scheme = replace(spec.build(), normalisation=load_normalisation(spec.scenario, folder))
    if spec.learns:
        tensors = load_file(folder / f"{spec.key}.safetensors")
        scheme.compressor.load_state(_below("compressor/", tensors))
        scheme.quantiser.load_state(_below("quantiser/", tensors))
        scheme.denoiser.load_state(_below("denoiser/", tensors))
    scheme.compressor.to(device)
    return scheme


def load_schemes(scenario: Scenario, folder: Path, device: torch.device) -> dict[str, ReportScheme]:
    """All fitted schemes of a point by label."""
    return {spec.label: load_scheme(spec, folder, device) for spec in scheme_specs(scenario)}


def _channel_file(kind: str, scenario: Scenario, folder: Path) -> Path:
    key = content_hash([training_description(scenario), scenario.training.samples, scenario.seed])
    return folder / f"{kind}-{key}.safetensors"


def fit_fallback(scenario: Scenario, folder: Path, training_csi: Callable[[], Tensor]) -> None:
    """Fits and keeps, once, the mean channel that the BS of a point falls back to, if its link loses reports."""
    file = _channel_file("mean-channel", scenario, folder)
    if needs_mean_channel(scenario) and not file.exists():
        save_whole(fit_mean_channel(training_csi), file)


def fit_normalisation(scenario: Scenario, folder: Path, training_csi: Callable[[], Tensor]) -> None:
    """Fits and keeps, once, the normalisation that schemes use that learn from a scenario's channel."""
    file = _channel_file("normalisation", scenario, folder)
    if scenario.transform.normalisation == "dataset" and not file.exists():
        normalisation = Normalisation("dataset").fit(training_csi())
        save_whole({"scale": torch.tensor(normalisation.dataset_scale, dtype=torch.float64)}, file)


def load_normalisation(scenario: Scenario, folder: Path) -> Normalisation:
    """The fitted normalisation of schemes that learn from a scenario's channel."""
    kind = scenario.transform.normalisation
    if kind != "dataset":
        return Normalisation(kind)
    return Normalisation(kind, float(load_file(_channel_file("normalisation", scenario, folder))["scale"]))


def load_fallback(scenario: Scenario, folder: Path) -> MeanChannel | None:
    """The BS's channel in place of lost reports, ``None`` where the link loses none."""
    if not needs_mean_channel(scenario):
        return None
    return load_mean_channel(_channel_file("mean-channel", scenario, folder))


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def save_whole(tensors: dict[str, Tensor], file: Path, metadata: dict[str, str] | None = None) -> None:
    """Writes tensors so that a reader, or a kill, never sees half a file."""
    temporary = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, temporary, metadata)
    temporary.replace(file)
