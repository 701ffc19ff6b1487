"""From a scenario to fitted compressors, quantisers, denoisers and normalisation, kept as files that workers load.

What is fitted depends on training channels, and never on a test channel, an SNR or a speed.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from feedback.codec import Codec
from feedback.csi_report.normalisation import Normalisation
from feedback.csi_report.scale import ScaleRange, learnt_range, needs_range
from feedback.training_set import TrainingSet
from linksim.chain.mean_channel import fit_mean_channel, needs_mean_channel
from linksim.chain.random_streams import stream_seed
from linksim.files import KeptTensors, kept_tensors, needed_tensors, save_tensors
from linksim.preparation.scheme_spec import SchemeSpec
from linksim.scenario.identity import channel_fit_key
from linksim.scenario.model import Scenario

# Training codewords that quantisers and denoisers are fitted on.
FIT_CODEWORDS = 4000


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


def fit_spectrum(scenario: Scenario, folder: Path, training: Callable[[], TrainingSet]) -> None:
    """Finds and keeps, once, the spectrum of the training channels' covariance."""
    file = _channel_file("covariance-spectrum", scenario, folder)
    if kept_tensors(file) is None:
        known = training()
        sizes = len(known.train), known.train[0].numel()
        values, _ = known.principal_axes(min(sizes))
        save_tensors(file, {"variances": values, "sizes": torch.tensor(sizes)})


def load_spectrum(scenario: Scenario, folder: Path) -> tuple[Tensor, int, int]:
    r"""Eigenvalues of :math:`E[x x^H / \lVert x \rVert^2]`, falling; of how many channels, of how many entries."""
    kept = needed_tensors(_channel_file("covariance-spectrum", scenario, folder))
    channels, dimensions = kept["sizes"].tolist()
    return kept["variances"], channels, dimensions


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
