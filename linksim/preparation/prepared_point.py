"""Points as workers get them: what is found out about a point before it is measured, once, where a run is planned."""

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from feedback.codec import Codec
from feedback.compressor import CompressorParameters
from feedback.csi_report.normalisation import Normalisation
from feedback.csi_report.scale import ScaleQuantiser, ScaleRange
from feedback.denoiser import DenoiserParameters
from feedback.layers.set_later import weights_set_later
from feedback.observation import CsiDimensions
from feedback.quantiser import QuantiserParameters
from linksim.chain.mean_channel import MeanChannel, mean_channel, needs_mean_channel
from linksim.content_hash import content_hash
from linksim.errors import InputError
from linksim.files import needed_tensors
from linksim.preparation.codecs import build_codec
from linksim.preparation.estimator_fit import fitted_estimator
from linksim.preparation.fitted_file import FittedFile
from linksim.preparation.fitting import kept_scheme, load_normalisation, mean_channel_file, scale_of, scheme_file
from linksim.preparation.scheme_spec import SchemeSpec, scheme_specs
from linksim.scenario.identity import channels_key
from linksim.scenario.model import Scenario
from linksim.scenario.outlines import csi_dimensions
from linksim.storage.partial_results import PointContent
from linksim.storage.run_folder import RunFolder


@dataclass(frozen=True)
class PreparedScheme:
    """A fitted compressor with its quantiser and denoiser: what they are built from, and the file of what they learnt.

    Attributes:
        label: name in tables and figures.
        parameters: the compressor's, compression ratio filled in.
        dimensions: sizes of the channels that it reports.
        quantiser: section of the quantiser.
        denoiser: section of the denoiser.
        normalisation: fitted.
        scale: bits and range of the scale in its reports, ``None`` where none is sent.
        fitted: the file of the learnt tensors, ``None`` where nothing learns.
    """

    label: str
    parameters: CompressorParameters
    dimensions: CsiDimensions
    quantiser: QuantiserParameters
    denoiser: DenoiserParameters
    normalisation: Normalisation
    scale: tuple[int, ScaleRange | None] | None
    fitted: FittedFile | None

    @property
    def fingerprint(self) -> str:
        """Hash of all of it but the label; what was loaded for an equal one serves this one."""
        return content_hash(replace(self, label=""))

    @property
    def n_bytes(self) -> int:
        """About how much memory it takes."""
        return 0 if self.fitted is None else self.fitted.n_bytes

    def load(self, device: torch.device) -> Codec:
        """The codec, as it was fitted.

        Raises:
            InputError: if the file is missing, damaged, or not what it was when the run was prepared.
        """
        scale = None if self.scale is None else ScaleQuantiser(*self.scale)
        parts = (self.parameters, self.dimensions, self.quantiser, self.denoiser, self.normalisation, scale)
        with nullcontext() if self.fitted is None else weights_set_later():
            codec = build_codec(*parts)
        if self.fitted is not None:
            kept = self.fitted.needed()
            codec.compressor.load_state(_below("compressor/", kept.tensors))
            codec.quantiser.load_state(_below("quantiser/", kept.tensors))
            codec.denoiser.load_state(_below("denoiser/", kept.tensors))
        for part in (codec.compressor, codec.quantiser, codec.denoiser):
            part.to(device)
        return codec


@dataclass(frozen=True)
class PreparedPoint:
    """A point, with everything that a worker needs to measure it.

    Attributes:
        content: the resolved scenario, and what its results depend on.
        schemes: fitted, in the order of the compressors.
        results: folder of partial results.
        channels: folder of its test channels.
        fallback: file of the BS's channel in place of lost reports, ``None`` where the link loses none.
        estimator: file of what the UE's estimator has learnt, ``None`` where it learns nothing.
        fingerprint: hash of all of it; what was opened for an equal one serves this one.
    """

    content: PointContent
    schemes: tuple[PreparedScheme, ...]
    results: Path
    channels: Path
    fallback: Path | None
    estimator: FittedFile | None
    fingerprint: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        scenario = self.content.scenario.model_dump(mode="json")
        parts = [scenario, self.content.key, self.schemes, self.results, self.channels, self.fallback, self.estimator]
        object.__setattr__(self, "fingerprint", content_hash(parts))

    @property
    def scenario(self) -> Scenario:
        """The scenario at the point."""
        return self.content.scenario


def fitted_file(spec: SchemeSpec, folder: Path) -> FittedFile | None:
    """The file of what a scheme has learnt, ``None`` where there is none; a damaged one is set aside.

    Args:
        spec: which.
        folder: of what is fitted.
    """
    file, kept = scheme_file(spec, folder), kept_scheme(spec, folder)
    if kept is None:
        return None
    return FittedFile(file, kept.sha256, file.stat().st_size, kept.metadata.get("checkpoint", ""))


def prepared_scheme(spec: SchemeSpec, tested: Scenario, folder: Path, fitted: FittedFile | None) -> PreparedScheme:
    """A fitted scheme.

    Args:
        spec: which.
        tested: the point whose channels it reports, of other sizes, maybe, than those that it learns from.
        folder: of what is fitted.
        fitted: its file in there.

    Raises:
        InputError: if something that it learns is not there.
    """
    if spec.learns and fitted is None:
        raise InputError(f"{folder}: nothing fitted for {spec.label}; run it again")
    return PreparedScheme(
        label=spec.label,
        parameters=spec.parameters,
        dimensions=csi_dimensions(tested),
        quantiser=spec.quantiser,
        denoiser=spec.denoiser,
        normalisation=load_normalisation(spec.scenario, folder),
        scale=scale_of(spec.scenario, folder) if spec.sends_scale else None,
        fitted=fitted,
    )


def prepared_point(
    scenario: Scenario, schemes: Iterable[PreparedScheme], folder: RunFolder, device: torch.device
) -> PreparedPoint:
    """A point whose schemes are fitted."""
    schemes = tuple(schemes)
    estimator = fitted_estimator(scenario, folder.fitted)
    files = (*(scheme.fitted for scheme in schemes), estimator)
    fitted = content_hash([file.sha256 for file in files if file is not None])
    return PreparedPoint(
        content=PointContent(scenario, fitted, device.type),
        schemes=schemes,
        results=folder.points,
        channels=folder.channels / channels_key(scenario, device.type),
        fallback=fallback_file(scenario, folder.fitted),
        estimator=estimator,
    )


def fallback_file(scenario: Scenario, folder: Path) -> Path | None:
    """The file of the BS's channel in place of lost reports, ``None`` where the link loses none."""
    return mean_channel_file(scenario, folder) if needs_mean_channel(scenario) else None


def load_fallback(file: Path | None) -> MeanChannel | None:
    """The BS's channel in place of lost reports, from its file.

    Raises:
        InputError: if it is missing or damaged.
    """
    return None if file is None else mean_channel(needed_tensors(file))


def load_schemes(scenario: Scenario, fitted: Path, device: torch.device) -> dict[str, Codec]:
    """All fitted codecs of a point by label.

    Raises:
        InputError: if one is not fitted.
    """
    return {
        spec.label: prepared_scheme(spec, scenario, fitted, fitted_file(spec, fitted)).load(device)
        for spec in scheme_specs(scenario)
    }


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
