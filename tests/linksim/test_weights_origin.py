"""Weights that are kept: whose seed's they are, and what they came from."""

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from feedback.checkpoint import save_checkpoint
from feedback.checkpoint_info import read_info
from feedback.training.options import TrainingOutcome
from feedback.training.recipe import TrainingRecipe
from linksim.errors import InputError
from linksim.preparation.network_training import training_record
from linksim.preparation.networks import TrainingRun, _turn, train_missing
from linksim.preparation.prepare import weights_file
from linksim.preparation.scheme_spec import SchemeSpec, scheme_specs
from linksim.preparation.teacher import teacher_of
from linksim.preparation.weights_origin import outdated
from linksim.scenario.file import validate_scenario
from linksim.scenario.sweep import points_of

OUTCOME = TrainingOutcome(start_nmse_db=-1.0, validation_nmse_db=-7.5, best_epoch=2, samples_seen=600)


def specs(document: dict[str, Any], zoo: Path) -> list[SchemeSpec]:
    return list(scheme_specs(validate_scenario(copy.deepcopy(document) | {"zoo": str(zoo), "sweeps": {}}, "made up")))


def save(spec: SchemeSpec, seed: int) -> None:
    """Weights as they are drawn, times the seed."""
    compressor = spec.build().compressor
    compressor.load_state({name: tensor * seed for name, tensor in compressor.state().items()})
    record = training_record(spec, "command")
    file = weights_file(spec)
    save_checkpoint(file, compressor, record, recipe=TrainingRecipe(), outcome=OUTCOME, seed=seed)


def test_a_teacher_counts_by_its_weights(tiny: dict[str, Any], tmp_path: Path) -> None:
    student_section = {"name": "csinet", "distillation": {"method": "kd", "teacher": {"name": "crnet"}}}
    (student,) = specs(tiny | {"compressors": [student_section]}, tmp_path)
    teacher = teacher_of(student)
    assert teacher is not None
    save(teacher, 1)
    save(student, 1)
    info = read_info(weights_file(student))
    assert info.training["teacher"]["sha256"] == read_info(weights_file(teacher)).sha256
    assert outdated(student, info) is None
    save(teacher, 2)
    line = outdated(student, info)
    assert line is not None
    assert str(weights_file(teacher)) in line
    # Of weights whose document says nothing, nobody knows.
    assert outdated(student, info.model_copy(update={"training": {}})) is None


def test_students_that_teach_are_trained_before_their_own(tiny: dict[str, Any], tmp_path: Path) -> None:
    first: dict[str, Any] = {"name": "crnet"}
    second = {"name": "csinet", "distillation": {"method": "kd", "teacher": first}}
    third = {"name": "csinet+", "distillation": {"method": "kd", "teacher": second}}
    found = specs(tiny | {"compressors": [third, second, first]}, tmp_path)
    assert [_turn(spec) for spec in found] == [(False, 2), (False, 1), (False, 0)]


def test_a_teacher_of_other_channels_is_refused(tiny: dict[str, Any], tmp_path: Path) -> None:
    teacher = {"name": "crnet", "trained_on": {"source": "cost2100", "environment": "outdoor"}}
    (student,) = specs(
        tiny | {"compressors": [{"name": "csinet", "distillation": {"method": "kd", "teacher": teacher}}]}, tmp_path
    )
    with pytest.raises(InputError, match=r"^compressors: csinet: distillation.teacher.trained_on: expected none"):
        teacher_of(student)


def test_a_teacher_of_other_matrices_is_refused(tiny: dict[str, Any], tmp_path: Path) -> None:
    student_section = {"name": "csinet", "distillation": {"method": "kd", "teacher": {"name": "evcsinet"}}}
    (student,) = specs(tiny | {"compressors": [student_section]}, tmp_path)
    with pytest.raises(InputError, match=r"teacher: got 'evcsinet' for eigenvectors CSI, expected one for truncated"):
        teacher_of(student)


def test_training_says_whose_weights_it_keeps(
    tiny: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    document = tiny | {"compressors": [{"name": "csinet"}, {"name": "crnet"}], "seed": 2}
    csinet, crnet = specs(document, tmp_path)
    save(csinet, 1)
    save(crnet, 2)
    scenario = validate_scenario(copy.deepcopy(document) | {"zoo": str(tmp_path), "sweeps": {}}, "made up")
    preparation: Any = SimpleNamespace(executor=SimpleNamespace(run=lambda *_: ()), device=torch.device("cpu"))
    with caplog.at_level("INFO"):
        train_missing(points_of(scenario), preparation, TrainingRun("command"), tmp_path / "logs")
    said = caplog.text
    assert "2 of 2 networks are in the zoo" in said
    assert "`linksim train --again` trains them anew" in said
    (line,) = (line for line in said.splitlines() if "kept, trained with seed" in line)
    for part in ("csinet at CR 4", "seed 1, 600 channels seen", str(weights_file(csinet)), "the scenario's seed is 2"):
        assert part in line


def test_input_files_are_told_in_the_weights_document(tiny: dict[str, Any], tmp_path: Path) -> None:
    import h5py
    import numpy as np

    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["X"] = np.ones((20, 8, 8), np.complex64)
        file.attrs.update({"fc": 5.3e9, "B": 20e6, "Nc": 64, "Nt": 8})
    channel = {"source": "hdf5", "file": str(tmp_path / "x.h5"), "train_fraction": 0.5}
    (spec,) = specs(tiny | {"channel": channel, "compressors": [{"name": "csinet"}]}, tmp_path)
    record = training_record(spec, "command")
    assert record["trained_for"] == spec.trained_for
    assert str(tmp_path) not in str(record["trained_for"])
    (generator,) = specs(tiny | {"compressors": [{"name": "csinet"}]}, tmp_path)
    assert "trained_for" not in training_record(generator, "command")
