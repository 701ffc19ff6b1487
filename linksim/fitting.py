"""From a scenario to fitted compressors, quantisers, denoisers and normalisation, kept as files that workers load.

What is fitted depends on training channels, and never on a test channel, an SNR or a speed.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from channels.normalisation import Normalisation
from feedback.compressor import Compressor, CompressorParameters
from feedback.denoiser import DENOISERS, Denoiser
from feedback.plugin_file import build_compressor, compressor_class, identity
from feedback.quantiser import QUANTISERS, Quantiser
from feedback.training_set import TrainingSet
from linksim.chain import ReportScheme
from linksim.mean_channel import MeanChannel, fit_mean_channel, load_mean_channel, needs_mean_channel
from linksim.random_streams import stream_seed
from linksim.scenario import Scenario, compressor_label
from linksim.scenario_source import source_of
from linksim.sweep import content_hash

# Training codewords that quantisers and denoisers are fitted on.
_FIT_CODEWORDS = 4000


@dataclass(frozen=True)
class SchemeSpec:
    """A compressor, quantiser and denoiser to be fitted for one or more points.

    Attributes:
        label: name in tables and figures.
        parameters: the compressor's, compression ratio filled in.
        scenario: a point that needs it.
        key: content hash of everything that the fit depends on.
    """

    label: str
    parameters: CompressorParameters
    scenario: Scenario
    key: str

    def build(self) -> ReportScheme:
        """The unfitted scheme."""
        shape = (self.scenario.transform.n_delay, source_of(self.scenario).array.n_ports)
        quantiser, denoiser = self.scenario.feedback.quantiser, self.scenario.feedback.denoiser
        return ReportScheme(
            build_compressor(self.parameters, shape),
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
        trained = compressor_class(self.parameters).trained
        return trained and denoiser_class.fit_jointly is not Denoiser.fit_jointly


def scheme_specs(scenario: Scenario) -> Iterator[SchemeSpec]:
    """What one point needs fitted."""
    for entry in scenario.compressors:
        ratio = entry.compression_ratio or scenario.compression_ratio
        if entry.only_ratios is not None and ratio not in entry.only_ratios:
            continue
        parameters = entry.model_copy(update={"compression_ratio": ratio, "label": None, "only_ratios": None})
        key = content_hash(
            [
                identity(parameters.model_dump(mode="json")),
                scenario.feedback.quantiser.model_dump(mode="json"),
                scenario.feedback.denoiser.model_dump(mode="json"),
                training_description(scenario),
                scenario.training.model_dump(mode="json"),
                scenario.seed,
            ]
        )
        yield SchemeSpec(compressor_label(entry), parameters, scenario, key)


def training_description(scenario: Scenario) -> dict[str, object]:
    """What a compressor is trained for: the channel at rest, and the transform. Keys trained weights.

    Values that are their section's default are left out, so that a new parameter does not orphan old weights.
    """
    channel = scenario.channel.model_dump(mode="json", exclude_defaults=True)
    channel["source"] = scenario.channel.source
    channel.pop("speed_m_s", None)
    transform = {"n_delay": scenario.transform.n_delay, "normalisation": scenario.transform.normalisation}
    return {"channel": channel, "transform": transform}


def fit_generator(scenario: Scenario, key: str) -> torch.Generator:
    """Random stream of one fit."""
    return torch.Generator().manual_seed(stream_seed(scenario.seed, f"fit {key}", 0))


def fit_to_codewords(scheme: ReportScheme, training: TrainingSet, generator: torch.Generator) -> None:
    """Fits a scheme's quantiser and denoiser to the codewords of training channels.

    A denoiser may change the compressor's weights, which then belong to this scheme alone.
    """
    with torch.no_grad():
        codewords = scheme.compressor.encode(training.train[:_FIT_CODEWORDS]).values
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
    """A fitted scheme from its file."""
    scheme = spec.build()
    if spec.learns:
        tensors = load_file(folder / f"{spec.key}.safetensors")
        scheme.compressor.load_state(_below("compressor/", tensors))
        scheme.quantiser.load_state(_below("quantiser/", tensors))
        scheme.denoiser.load_state(_below("denoiser/", tensors))
    scheme.compressor.to(device)
    return scheme


def load_schemes(
    scenario: Scenario, folder: Path, device: torch.device
) -> tuple[dict[str, ReportScheme], Normalisation]:
    """All fitted schemes of a point by label, and its normalisation."""
    schemes = {spec.label: load_scheme(spec, folder, device) for spec in scheme_specs(scenario)}
    return schemes, load_normalisation(scenario, folder)


def _channel_file(kind: str, scenario: Scenario, folder: Path) -> Path:
    key = content_hash([training_description(scenario), scenario.training.samples, scenario.seed])
    return folder / f"{kind}-{key}.safetensors"


def fit_channel(scenario: Scenario, folder: Path, training_csi: Callable[[], Tensor]) -> None:
    """Fits and keeps, once, what a point needs of the training channels themselves: normalisation, mean channel."""
    file = _channel_file("mean-channel", scenario, folder)
    if needs_mean_channel(scenario) and not file.exists():
        save_whole(fit_mean_channel(training_csi), file)
    file = _channel_file("normalisation", scenario, folder)
    if scenario.transform.normalisation == "dataset" and not file.exists():
        normalisation = Normalisation("dataset").fit(training_csi())
        save_whole({"scale": torch.tensor(normalisation.dataset_scale, dtype=torch.float64)}, file)


def load_normalisation(scenario: Scenario, folder: Path) -> Normalisation:
    """The fitted normalisation of a point."""
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
