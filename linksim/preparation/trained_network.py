"""A network with weights that were kept: a teacher, the start of an adaptation, what a new training has to beat."""

from pathlib import Path

from feedback.checkpoint import load_checkpoint
from feedback.layers.set_later import weights_set_later
from feedback.neural import NeuralCompressor
from linksim.preparation.scheme_spec import SchemeSpec


def trained_network(spec: SchemeSpec, file: Path) -> NeuralCompressor:
    """The network of a scheme with the weights of a file.

    Args:
        spec: of a compressor that is a network.
        file: its weights.

    Raises:
        FeedbackInputError: if the file is missing, damaged, or made for another network.
    """
    with weights_set_later():
        compressor = spec.build().compressor
    assert isinstance(compressor, NeuralCompressor)
    load_checkpoint(file, compressor)
    return compressor
