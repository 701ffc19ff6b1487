"""Writes the UE encoder of a trained network in several formats, once each has shown what it does in the chain."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import torch
from torch import Tensor

from channels.files import write_whole as write_bytes_whole
from feedback.codec import taken
from feedback.compressor import CompressorParameters
from feedback.encoder_export.formats import ExportFormat, checked_formats
from feedback.encoder_export.onnx import export_encoder
from feedback.layers.images import to_unit_interval
from feedback.neural import NeuralCompressor
from feedback.number_text import number_text
from feedback.observation import Observation
from linksim.deployment.alone import alone
from linksim.deployment.encoder_choice import file_stem
from linksim.deployment.measurement import METRIC, EncoderFigures, measure
from linksim.errors import InputError
from linksim.execution.executor import local_executor
from linksim.files import write_whole
from linksim.preparation.dimension_check import check_points
from linksim.preparation.prepare import Preparation, weights_file
from linksim.preparation.prepared_point import load_schemes
from linksim.preparation.scheme_spec import SchemeSpec, scheme_specs
from linksim.scenario.model import Scenario
from linksim.scenario.outlines import split_hint
from linksim.scenario.paths import zoo_folders
from linksim.scenario.sources import device_of, source_of
from linksim.scenario.sweep import points_of
from linksim.scenario.true_channels import truncated_channels
from linksim.storage.csv_text import csv_text
from linksim.storage.run_folder import RunFolder

_LOGGER = logging.getLogger(__name__)

SUFFIX = ".onnx"

_CALIBRATION_CHANNELS = 200


def export(
    scenario: Scenario, section: CompressorParameters, formats: Sequence[str], out: Path
) -> list[EncoderFigures]:
    """Writes a network's encoder in some formats, and a CSV of what they cost and lose beside them.

    Args:
        scenario: says the network, its zoo, the channels and the rest of the chain; sweeps are left out.
        section: the network's.
        formats: empty for all that the network can have.
        out: a folder, or the one file to write, which ends in ``.onnx``.

    Returns:
        The rows of the CSV: one an encoder, that of PyTorch first.

    Raises:
        InputError: if its weights are missing, the formats do not fit, or a format that should be exact is not; nothing
            is written then.
    """
    scenario = alone(scenario, section, metrics=(METRIC,))
    points = points_of(scenario)
    check_points(points)
    (spec,) = scheme_specs(scenario)
    network = spec.build().compressor
    assert isinstance(network, NeuralCompressor)
    chosen = checked_formats(formats, network.encoder)
    targets, table_file = _targets(spec, chosen, out)
    if not weights_file(spec).exists():
        places = " or ".join(map(str, zoo_folders(scenario)))
        raise InputError(
            f"compressors: no trained weights for {spec.title} in {places}, expected them there: train with "
            "`linksim train SCENARIO`"
        )
    with TemporaryDirectory() as scratch, local_executor(1) as executor:
        folder = RunFolder(Path(scratch), scenario)
        Preparation(folder, executor, device_of(scenario)).prepare(points)
        scheme = load_schemes(scenario, folder.fitted, device_of(scenario))[spec.label]
        assert isinstance(scheme.compressor, NeuralCompressor)
        observation = Observation(truncated=_calibration_csi(spec.scenario))
        images = to_unit_interval(taken(observation, scheme.compressor, scheme.normalisation)[0])
        _LOGGER.info("exporting %s: %s", spec.label, ", ".join(chosen))
        files = {format_: Path(scratch) / f"{format_}{SUFFIX}" for format_ in chosen}
        models = export_encoder(scheme.compressor.encoder, scheme.compressor.shape, chosen, images)
        for format_, model in models.items():
            files[format_].write_bytes(model.SerializeToString())
        samples = scenario.monte_carlo.samples
        _LOGGER.info("measuring %d encoders on %d test channels", len(chosen) + 1, samples)
        figures = measure(scenario, scheme, folder.fitted, files, images[:1])
        for format_, file in files.items():
            targets[format_].parent.mkdir(parents=True, exist_ok=True)
            write_bytes_whole(targets[format_], file.read_bytes())
    paths: dict[str, str] = {format_: str(path) for format_, path in targets.items()}
    figures = [replace(row, file=paths.get(row.format, "")) for row in figures]
    table = pd.DataFrame(map(asdict, figures))
    write_whole(table_file, csv_text(table))
    return figures


def _targets(spec: SchemeSpec, formats: tuple[ExportFormat, ...], out: Path) -> tuple[dict[ExportFormat, Path], Path]:
    """The file of each format, and that of the table."""
    if out.suffix == SUFFIX:
        if len(formats) != 1:
            raise InputError(f"--out: got the file {out} for {', '.join(formats)}, expected a folder, or one --format")
        return {formats[0]: out}, out.with_suffix(".csv")
    stem = f"{file_stem(spec.label)}-cr{number_text(spec.parameters.compression_ratio or 0)}"
    return {format_: out / f"{stem}-{format_}{SUFFIX}" for format_ in formats}, out / f"{stem}.csv"


def _calibration_csi(scenario: Scenario) -> Tensor:
    available = source_of(scenario).n_samples("train")
    count = _CALIBRATION_CHANNELS if available is None else min(available, _CALIBRATION_CHANNELS)
    if count == 0:
        where = split_hint(scenario.channel, "train")
        raise InputError(
            f"channel: got no train channels, expected some: 8-bit layers take their ranges from them{where}"
        )
    return torch.from_numpy(truncated_channels(scenario, "train", 0, count))
