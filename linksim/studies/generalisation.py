"""Cross-dataset generalisation: from a study to ordinary scenarios, and from their results to one tidy table."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from channels.source_parameters import SourceParameters
from feedback.checkpoint_info import read_info
from feedback.plugin_file import has_training_run
from linksim.errors import InputError
from linksim.preparation.adaptation import unadapted
from linksim.preparation.prepare import weights_file
from linksim.preparation.scheme_spec import SchemeSpec, is_trained, scheme_specs, schemes_of
from linksim.scenario.file import validate_scenario
from linksim.scenario.model import Scenario
from linksim.scenario.plugin_sections import compressor_label
from linksim.scenario.sources import source_of
from linksim.scenario.sweep import points_of
from linksim.storage.results_table import read_results
from linksim.storage.run_folder import RunFolder
from linksim.studies.model import GeneralisationStudy
from linksim.studies.training_case import TrainingCase, training_case

# Trained on nothing: a compressor that learns nothing.
NOTHING = "none"

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cell:
    """One compressor as trained and tested.

    Attributes:
        compressor: label in the study.
        trained_on: label of a source or of a mixture of them, or ``none`` if it learns nothing.
        tested_on: label of a source.
        case: what it knows of the tested source; ``none`` if it learns nothing.
        normalisation: of the transform.
        adaptation_part: what was adapted to the tested source, empty if nothing was.
        adaptation_samples: channels of it that it was adapted on.
    """

    compressor: str
    trained_on: str
    tested_on: str
    case: TrainingCase | Literal["none"]
    normalisation: str
    adaptation_part: str = ""
    adaptation_samples: int = 0

    @property
    def label(self) -> str:
        """Name in the scenario, where labels are unique."""
        if self.trained_on == NOTHING:
            return self.compressor
        adapted = f" + {self.adaptation_samples}, {self.adaptation_part}" if self.adaptation_part else ""
        return f"{self.compressor} on {self.trained_on}{adapted}"


@dataclass(frozen=True)
class StudyRun:
    """An ordinary scenario of a study, and what each of its compressors stands for, by label."""

    scenario: Scenario
    cells: dict[str, Cell]


def runs_of(study: GeneralisationStudy, file: Path) -> list[StudyRun]:
    """One scenario for each normalisation and tested source, and one for the adapted networks.

    All have the study's name, so that they share what was fitted and the channels that they are tested on.

    Raises:
        InputError: if a key of ``base`` or a compressor does not fit; the line names the file.
        ChannelInputError: if a source's file cannot be read.
    """
    return list(_Plan(study, file).runs())


class _Plan:
    """The scenarios of a study."""

    def __init__(self, study: GeneralisationStudy, file: Path) -> None:
        self.study, self.file, self._few = study, file, set[str]()
        self.channels: dict[str, dict[str, Any]] = {
            label: {"source": parameters.source, **_given(parameters)} for label, parameters in study.sources.items()
        }
        self.trained = {label: self._trained(study.parts_of(label)) for label in study.train_on}
        self.sections = {
            compressor_label(entry): {"name": entry.name, **_given(entry), "label": None} for entry in study.compressors
        }

    def runs(self) -> Iterator[StudyRun]:
        """All of them."""
        for normalisation in self.study.normalisations:
            for tested_on in self.study.test_on:
                yield self._run(normalisation, tested_on, self._matrix)
        if self.study.adaptation is not None and any(self.study.adaptation.samples):
            if not any(map(has_training_run, self.study.compressors)):
                labels = ", ".join(self.sections)
                raise InputError(f"{self.file}: adaptation: got {labels}, expected a network among the compressors")
            yield self._run(self.study.normalisations[0], self.study.adaptation.to, self._adapted)

    def _run(
        self, normalisation: str, tested_on: str, entries: Callable[[str, str], Iterator[tuple[Cell, dict[str, Any]]]]
    ) -> StudyRun:
        planned = list(entries(normalisation, tested_on))
        sections = [{**section, "label": cell.label} for cell, section in planned]
        return StudyRun(self._scenario(normalisation, tested_on, sections), {cell.label: cell for cell, _ in planned})

    def _matrix(self, normalisation: str, tested_on: str) -> Iterator[tuple[Cell, dict[str, Any]]]:
        learns = self._learns(normalisation, tested_on)
        for compressor, section in self.sections.items():
            if learns[compressor]:
                for trained_on in self.study.train_on:
                    case = training_case(self.study.parts_of(trained_on), tested_on)
                    cell = Cell(compressor, trained_on, tested_on, case, normalisation)
                    yield cell, section | {"trained_on": self.trained[trained_on]}
            else:
                # Without a quantiser to fit, a compressor that learns nothing is linear in the scale, so any does; a
                # file to be tested on may have no training channels to take one from.
                scale_of = {"trained_on": self.trained[self.study.train_on[0]]} if normalisation == "dataset" else {}
                yield Cell(compressor, NOTHING, tested_on, "none", normalisation), section | scale_of

    def _adapted(self, normalisation: str, tested_on: str) -> Iterator[tuple[Cell, dict[str, Any]]]:
        adaptation = self.study.adaptation
        assert adaptation is not None
        networks = [compressor_label(entry) for entry in self.study.compressors if has_training_run(entry)]
        few = filter(None, adaptation.samples)
        for compressor, trained_on, part, samples in product(networks, adaptation.from_sources, adaptation.parts, few):
            how = {"samples": samples, "part": part, "seen": max(adaptation.seen, samples)}
            case = training_case(self.study.parts_of(trained_on), tested_on)
            cell = Cell(compressor, trained_on, tested_on, case, normalisation, part, samples)
            yield cell, self.sections[compressor] | {"trained_on": self.trained[trained_on], "adaptation": how}

    def _scenario(self, normalisation: str, tested_on: str, sections: list[dict[str, Any]]) -> Scenario:
        transform = {**(self.study.base.get("transform") or {}), "normalisation": normalisation}
        document = {
            **self.study.base,
            "name": self.study.name,
            "description": f"{self.study.description} Tested on {tested_on}.".strip(),
            "channel": self.channels[tested_on],
            "transform": transform,
            "compressors": sections,
        }
        scenario = validate_scenario(document, f"{self.file}: base")
        there, wanted = source_of(scenario).n_samples("test"), scenario.monte_carlo.samples
        if there is None or there >= wanted:
            return scenario
        if tested_on not in self._few:
            self._few.add(tested_on)
            _LOGGER.warning("%s: %d test channels, as it has no more; %d were asked for", tested_on, there, wanted)
        monte_carlo = scenario.monte_carlo.model_copy(update={"samples": there})
        return scenario.model_copy(update={"monte_carlo": monte_carlo})

    def _learns(self, normalisation: str, tested_on: str) -> dict[str, bool]:
        """Which compressors learn anything, their quantiser and denoiser included."""
        sections = [{**section, "label": label} for label, section in self.sections.items()]
        return {spec.label: spec.learns for spec in scheme_specs(self._scenario(normalisation, tested_on, sections))}

    def _trained(self, parts: Sequence[str]) -> dict[str, Any]:
        """The channel section of what is trained on: a source, or a mixture of several."""
        sections = [self.channels[label] for label in parts]
        return {"source": "mixture", "parts": sections} if len(sections) > 1 else sections[0]


def gather(runs: list[tuple[StudyRun, RunFolder]]) -> pd.DataFrame:
    """The results of a study's runs, one row a cell and metric.

    Returns:
        The columns of ``Cell``, then ``metric``, ``unit``, ``value``, ``ci_low``, ``ci_high``, ``n``, and
        ``samples_seen``: training channels that the weights have seen, those before an adaptation included.
    """
    rows = []
    for run, folder in runs:
        (point,) = points_of(run.scenario)
        seen = {spec.label: _samples_seen(spec) for spec in schemes_of(point)}
        for result in read_results(folder.path).to_dict("records"):
            cell = run.cells.get(result["compressor"])
            if cell is not None:
                measured = {key: result[key] for key in ("metric", "unit", "value", "ci_low", "ci_high")}
                rows.append(
                    {**asdict(cell), **measured, "n": int(result["n"]), "samples_seen": seen[result["compressor"]]}
                )
    return pd.DataFrame(rows)


def _samples_seen(spec: SchemeSpec) -> int:
    if is_trained(spec):
        before = 0 if spec.adapted_to is None else read_info(weights_file(unadapted(spec))).samples_seen
        return before + read_info(weights_file(spec)).samples_seen
    if not spec.learns:
        return 0
    there, wanted = source_of(spec.scenario).n_samples("train"), spec.scenario.training.samples
    return wanted if there is None else min(there, wanted)


def _given(parameters: SourceParameters | Any) -> dict[str, Any]:
    given: dict[str, Any] = parameters.model_dump(mode="json", exclude_defaults=True)
    return given
