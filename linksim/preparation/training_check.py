"""Whether networks can be trained: found out of all of them before the first is, and not days later."""

from collections.abc import Callable, Sequence, Set
from contextlib import AbstractContextManager

from feedback.errors import FeedbackInputError
from feedback.neural import NeuralCompressor
from feedback.plugin_file import PluginParameters
from feedback.training.learnable import check_learnable
from linksim.errors import InputError
from linksim.preparation.dimension_check import check_points
from linksim.preparation.needed_weights import needed_weights
from linksim.preparation.prepare import weights_file
from linksim.preparation.scheme_spec import SchemeSpec
from linksim.preparation.teacher import teacher_of, without_weights
from linksim.scenario.model import Scenario
from linksim.scenario.sweep import points_of


def check_trainings(
    scenarios: Sequence[Scenario], place: Callable[[int], AbstractContextManager[None]], *, again: bool = False
) -> None:
    """Checks the points of some scenarios, and the networks that they need and the zoo lacks, teachers among them.

    Args:
        scenarios: in the order in which they are trained.
        place: says of problems which of the scenarios has them.
        again: whether what the zoo has is trained, too.

    Raises:
        InputError: of the first scenario that cannot be trained; as ``check_points``, ``check_teacher`` and
            ``check_trainable``.
    """
    trained: set[str] = set()
    for number, scenario in enumerate(scenarios):
        with place(number):
            points = points_of(scenario)
            check_points(points, to_be_tested=False)
            needed = needed_weights(points)
            wanted = {file: spec for file, spec in needed.items() if again or not file.exists()}
            trained |= {file.name for file in wanted}
            for spec in wanted.values():
                check_teacher(spec, trained)
                check_trainable(spec)


def check_teacher(spec: SchemeSpec, trained: Set[str]) -> None:
    """Refuses a student whose teacher has no weights, and none of the files that are trained will be its.

    Args:
        spec: the student, or a network that has no teacher.
        trained: names of files.

    Raises:
        InputError: one line names both.
    """
    teacher = teacher_of(spec)
    if teacher is not None and not (file := weights_file(teacher)).exists() and file.name not in trained:
        raise without_weights(spec, file)


def check_trainable(spec: SchemeSpec) -> None:
    """Refuses a network that could be trained, but not kept or run.

    Args:
        spec: the network.

    Raises:
        InputError: if it cannot be; one line names it and says why.
    """
    compressor = spec.build().compressor
    assert isinstance(compressor, NeuralCompressor)
    try:
        check_learnable(compressor.encoder, compressor.decoder)
        if isinstance(spec.parameters, PluginParameters):
            compressor.complexity()
    except FeedbackInputError as error:
        raise InputError(f"{spec.title}: {error}") from None
