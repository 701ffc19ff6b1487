"""How the UE reports the channel and what the BS rebuilds from the report.

>>> import feedback
>>> klt = feedback.make_compressor("klt", shape=(32, 32), compression_ratio=4)
>>> klt.length
512
"""

import logging
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from feedback.codec import Codec, ReceivedReport
    from feedback.compressor import COMPRESSORS, Compressor, ReportCompressor
    from feedback.csi_report.codeword import Codeword
    from feedback.errors import FeedbackInputError
    from feedback.neural import NeuralCompressor, NeuralParameters
    from feedback.observation import CsiDimensions, Observation
    from feedback.training_set import TrainingSet

__all__ = [
    "COMPRESSORS",
    "Codec",
    "Codeword",
    "Compressor",
    "CsiDimensions",
    "FeedbackInputError",
    "NeuralCompressor",
    "NeuralParameters",
    "Observation",
    "ReceivedReport",
    "ReportCompressor",
    "TrainingSet",
    "make_compressor",
]

_MODULES = {
    "COMPRESSORS": "feedback.compressor_parameters",
    "Codec": "feedback.codec",
    "Codeword": "feedback.csi_report.codeword",
    "Compressor": "feedback.compressor",
    "CsiDimensions": "feedback.csi_dimensions",
    "FeedbackInputError": "feedback.errors",
    "NeuralCompressor": "feedback.neural",
    "NeuralParameters": "feedback.neural_parameters",
    "Observation": "feedback.observation",
    "ReceivedReport": "feedback.codec",
    "ReportCompressor": "feedback.compressor",
    "TrainingSet": "feedback.training_set",
}


def make_compressor(name: str, /, *, shape: tuple[int, int], **keys: Any) -> "Compressor":
    """A compressor by its name in scenarios, as it is before anything is learnt.

    >>> make_compressor("csinet", shape=(32, 32), compression_ratio=16).complexity().ue_parameters
    262312

    Args:
        name: as the key ``name`` of a compressor; ``feedback.COMPRESSORS`` has them all.
        shape: ``(Na, n_ports)``, delay rows and ports of the angular-delay matrix.
        keys: the other keys of its section in a scenario, ``compression_ratio`` among them.

    Raises:
        FeedbackInputError: if there is no such compressor, a key is wrong, the shape is none, or the ratio gives no
            codeword; one line.
    """
    from pydantic import ValidationError

    from feedback.compressor_parameters import COMPRESSORS
    from feedback.errors import FeedbackInputError
    from feedback.plugin_file import build_compressor

    if name not in COMPRESSORS:
        names = ", ".join(sorted(map(str, COMPRESSORS.keys())))
        raise FeedbackInputError(f"compressor: got {name!r}, expected one of {names}")
    sizes = shape if isinstance(shape, Sequence) else ()
    if len(sizes) != 2 or not all(isinstance(size, int) and size > 0 for size in sizes):
        raise FeedbackInputError(f"shape: got {shape!r}, expected two whole numbers, delay rows and ports")
    model = COMPRESSORS.parameters(name)
    try:
        parameters = model.model_validate({"name": name, **keys})
    except ValidationError as error:
        known = ", ".join(key for key in model.model_fields if key != "name")
        raise FeedbackInputError(_refusal(name, error.errors()[0], known)) from None
    return build_compressor(parameters, (sizes[0], sizes[1]))


def _refusal(name: str, problem: Any, known: str) -> str:
    """A problem that pydantic found, in one line."""
    where = ".".join([name, *map(str, problem["loc"])])
    if problem["type"] == "extra_forbidden":
        return f"{where}: no such key, expected one of {known}"
    message = " ".join(problem["msg"].split())
    if problem["type"] == "value_error":
        return f"{where}: {message.removeprefix('Value error, ')}"
    found = "nothing" if problem["type"] == "missing" else f"{problem['input']!r}"[:60]
    return f"{where}: got {found}, expected {message.removeprefix('Input should be ')}"


# A library shows nothing by itself: what is logged goes where the program that uses it says.
logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    # Loaded when asked for (PEP 562).
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
