"""Writes the context codec's UE side as C: sources to compile, and reports that they have to give."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from channels.files import write_whole
from feedback.compressor import CompressorParameters
from feedback.compressors.context import Context
from feedback.compressors.context_eigenvectors import ContextOfEigenvectors
from feedback.csi_report.normalisation import Normalisation
from feedback.encoder_export.context_c import (
    FLAGS,
    LIBRARY,
    PROGRAM,
    CompiledEncoder,
    compiled_encoder,
    context_sources,
    floats_of,
    report_lines,
)
from linksim.deployment.alone import alone
from linksim.deployment.encoder_choice import file_stem
from linksim.errors import InputError
from linksim.execution.executor import local_executor
from linksim.preparation.dimension_check import check_points
from linksim.preparation.prepare import Preparation
from linksim.preparation.prepared_point import load_schemes
from linksim.preparation.scheme_spec import scheme_specs
from linksim.preparation.taken_channels import TakenForm, taken_channels
from linksim.scenario.model import Scenario
from linksim.scenario.outlines import split_hint
from linksim.scenario.plugin_sections import compressor_label
from linksim.scenario.sources import device_of, source_of
from linksim.scenario.sweep import points_of
from linksim.storage.run_folder import RunFolder

_LOGGER = logging.getLogger(__name__)

FORMAT = "c"
CHANNELS, REPORTS = "channels.f32", "reports.txt"
_EXAMPLES = 20


@dataclass(frozen=True)
class ContextExport:
    """What was written.

    Attributes:
        folder: of the sources, of test channels and of their reports.
        n_reports: test channels.
        mean_bits: of their reports.
        table_bytes: of the tables that a UE keeps.
        compiled: what they gave when they were compiled here, the same reports; ``None`` without gcc.
    """

    folder: Path
    n_reports: int
    mean_bits: float
    table_bytes: int
    compiled: CompiledEncoder | None

    @property
    def command(self) -> str:
        """Compiles the program, in the folder."""
        return f"gcc {' '.join(FLAGS)} {PROGRAM} {LIBRARY} -lm -o encode"


def export_context(
    scenario: Scenario, section: CompressorParameters, formats: Sequence[str], out: Path
) -> ContextExport:
    """Writes the sources of a context codec's encoder, once they have given the reports that linksim gives.

    Args:
        scenario: says the channels that the step and the range of the scale are learnt from; sweeps are left out.
        section: the codec's.
        formats: ``c``, or none.
        out: folder that theirs is made in.

    Raises:
        InputError: if the codec or a format cannot be exported, or the sources give another report.
        FeedbackInputError: if gcc refuses the sources.
    """
    label = compressor_label(section)
    if wrong := [name for name in formats if name != FORMAT]:
        raise InputError(f"format: got {wrong[0]!r} for {label}, expected {FORMAT}, as the context codec is no network")
    if out.suffix:
        raise InputError(f"--out: got the file {out} for {label}, expected a folder, as C has several files")
    scenario = alone(scenario, section)
    codec = _fitted(scenario)
    available = source_of(scenario).n_samples("test")
    count = _EXAMPLES if available is None else min(available, _EXAMPLES)
    if count == 0:
        raise InputError(
            f"channel: got no test channels, expected some to report{split_hint(scenario.channel, 'test')}"
        )
    csi = taken_channels(scenario, TakenForm.of(codec), Normalisation("none"), "test", 0, count)
    count = len(csi)
    reports, sources = report_lines(codec.encode(torch.from_numpy(csi))), context_sources(codec.codec)
    compiled = compiled_encoder(sources, csi)
    if compiled is None:
        _LOGGER.warning("no gcc was found: the sources are written without having been compiled")
    elif compiled.reports != reports:
        differ = sum(one != other for one, other in zip(compiled.reports, reports, strict=False))
        raise InputError(f"{label}: got {differ} of {count} reports other than linksim's from C, expected the same")
    folder = out / f"{file_stem(label)}-{FORMAT}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {**sources, REPORTS: "".join(f"{report}\n" for report in reports)}.items():
        write_whole(folder / name, text.encode())
    write_whole(folder / CHANNELS, floats_of(csi))
    return ContextExport(folder, count, float(np.mean([*map(len, reports)])), codec.tables.ue_bytes, compiled)


def _fitted(scenario: Scenario) -> Context | ContextOfEigenvectors:
    points = points_of(scenario)
    check_points(points)
    (spec,) = scheme_specs(scenario)
    if getattr(spec.parameters, "memory", 0):
        raise InputError(f"compressors: {spec.label}: memory: got 1, expected 0 to export it as C")
    with TemporaryDirectory() as scratch, local_executor(1) as executor:
        folder = RunFolder(Path(scratch), scenario)
        Preparation(folder, executor, device_of(scenario)).prepare(points)
        codec = load_schemes(scenario, folder.fitted, device_of(scenario))[spec.label].compressor
    assert isinstance(codec, Context | ContextOfEigenvectors)
    return codec
