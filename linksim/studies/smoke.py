"""The tiny version of a study: two sources, one network, few channels."""

from typing import Any

from feedback.plugin_file import has_training_run
from linksim.scenario.smoke import smoke
from linksim.studies.generalisation import StudyRun
from linksim.studies.model import MIXED, GeneralisationStudy, TableStudy

_SOURCES = 2
_NETWORKS = 1
_ADAPTATION_SAMPLES = 50


def small_study(study: GeneralisationStudy) -> GeneralisationStudy:
    """A study of the same path with two sources, those of the adaptation if there is one."""
    adaptation = study.adaptation
    ends = [] if adaptation is None else [*adaptation.from_sources, adaptation.to]
    chosen = [*dict.fromkeys([*ends, *study.train_on, *study.test_on])]
    chosen = [label for label in chosen if label in study.sources][:_SOURCES]
    train_on = [label for label in study.train_on if label in chosen]
    if MIXED in study.train_on and len(train_on) > 1:
        train_on.append(MIXED)
    test_on = [label for label in study.test_on if label in chosen]
    networks = [entry for entry in study.compressors if has_training_run(entry)]
    update: dict[str, Any] = {
        "name": f"{study.name}.smoke",
        "compressors": tuple(entry for entry in study.compressors if entry not in networks[_NETWORKS:]),
        "train_on": tuple(train_on),
        "test_on": tuple(test_on or study.test_on[:1]),
        "normalisations": study.normalisations[:1],
    }
    if adaptation is not None:
        # A mixture without one of two sources is none.
        start = [
            label for label in [*adaptation.from_sources, *train_on] if label in train_on and label != adaptation.to
        ]
        tiny = {"samples": (0, _ADAPTATION_SAMPLES), "seen": 2 * _ADAPTATION_SAMPLES, "from_sources": tuple(start[:1])}
        update["adaptation"] = adaptation.model_copy(update=tiny)
    return study.model_copy(update=update)


def small_run(run: StudyRun, zoo: str) -> StudyRun:
    """A run on few channels, with weights that mean nothing."""
    scenario = smoke(run.scenario, zoo).model_copy(update={"name": run.scenario.name})
    return StudyRun(scenario, run.cells)


def small_tables(study: TableStudy) -> TableStudy:
    """A study of tables of the same path with two sources, few channels and tables that mean nothing."""
    update: dict[str, Any] = {
        "name": f"{study.name}.smoke",
        "sources": dict(list(study.sources.items())[:_SOURCES]),
        "samples": 20,
        "test_samples": 20,
        "network_steps": 20,
        "steps": study.steps[-2:],
    }
    return study.model_copy(update=update)
