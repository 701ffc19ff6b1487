"""Trained weights that came from other weights: of a teacher, or of the network that an adapted one started from.

Their documents hold the hash of those, so that weights whose origin was trained anew are not taken for its offspring.
"""

from collections.abc import Iterator

from feedback.checkpoint_info import CheckpointInfo, read_info
from linksim.preparation.adaptation import unadapted
from linksim.preparation.prepare import weights_file
from linksim.preparation.scheme_spec import SchemeSpec
from linksim.preparation.teacher import teacher_of

TEACHER, START = "teacher", "started_from"


def origins(spec: SchemeSpec) -> Iterator[tuple[str, SchemeSpec]]:
    """Networks whose weights a network's come from, by the key in its document.

    Raises:
        InputError: if a teacher's section is not one of a network.
    """
    if spec.adapted_to is not None:
        yield START, unadapted(spec)
    elif (teacher := teacher_of(spec)) is not None:
        yield TEACHER, teacher


def teacher_record(spec: SchemeSpec) -> dict[str, object]:
    """What the document of a student says beside what every document says; nothing without a teacher."""
    return {
        key: {"sha256": info.sha256, "samples_seen": info.samples_seen}
        for key, origin in origins(spec)
        if key == TEACHER
        for info in [read_info(weights_file(origin))]
    }


def outdated(spec: SchemeSpec, info: CheckpointInfo) -> str | None:
    """What weights came from that is not in the zoo any more as it was; ``None`` if all is, or nobody knows."""
    for key, origin in origins(spec):
        recorded, file = info.training.get(key), weights_file(origin)
        if isinstance(recorded, dict) and file.exists() and recorded.get("sha256") != read_info(file).sha256:
            return f"{key.replace('_', ' ')} other weights than those in {file}"
    return None
