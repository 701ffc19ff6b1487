"""The network that another one is distilled from."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from linksim.errors import InputError
from linksim.preparation.scheme_spec import SchemeSpec, is_trained
from linksim.scenario.document import validated
from linksim.scenario.plugin_sections import CompressorSection

if TYPE_CHECKING:
    from feedback.neural import NeuralCompressor


class _Teachers(BaseModel):
    compressors: tuple[CompressorSection, ...]


def teacher_of(student: SchemeSpec) -> SchemeSpec | None:
    """What a student learns from, by default at its own compression ratio; ``None`` for a network that has no teacher.

    Raises:
        InputError: if the teacher's section is not one of a network.
    """
    distillation = getattr(student.parameters, "distillation", None)
    if distillation is None:
        return None
    section = {"compression_ratio": student.parameters.compression_ratio, **distillation.teacher}

    def name(line: str) -> str:
        return f"{_place(student)}: {line.removeprefix('compressors.0').lstrip('.: ')}"

    (parameters,) = validated(_Teachers, {"compressors": [section]}, name).compressors
    if parameters.trained_on is not None:
        raise InputError(f"{_place(student)}.trained_on: expected none: a teacher learns from its student's channels")
    teacher = replace(student, label="teacher", parameters=parameters)
    if not is_trained(teacher):
        raise InputError(f"{_place(student)}: got {parameters.name!r}, expected a network")
    taken, wanted = parameters.traits.takes, student.parameters.traits.takes
    if taken != wanted:
        raise InputError(f"{_place(student)}: got {parameters.name!r} for {taken} CSI, expected one for {wanted} CSI")
    return teacher


def load_teacher(student: SchemeSpec, teacher: SchemeSpec) -> "NeuralCompressor":
    """A student's teacher, with its weights of the zoo.

    Raises:
        InputError: if it has no weights yet.
    """
    from linksim.preparation.prepare import weights_file
    from linksim.preparation.trained_network import trained_network

    file = weights_file(teacher)
    if not file.exists():
        raise without_weights(student, file)
    return trained_network(teacher, file)


def without_weights(student: SchemeSpec, file: Path) -> InputError:
    """What is wrong with a student whose teacher has no weights yet.

    Args:
        student: who learns from it.
        file: where its weights would be.
    """
    return InputError(f"{_place(student)}: no weights in {file}, expected them: list the teacher among the compressors")


def _place(student: SchemeSpec) -> str:
    return f"compressors: {student.label}: distillation.teacher"
