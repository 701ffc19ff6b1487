"""Sparse reporting with bits of its own: what ``topk`` is where a key says how many."""

import torch
from torch import Tensor

from feedback.compressors.parameters.topk import TopKParameters
from feedback.training_set import TrainingSet
from feedback.transform_coding.training import unit_power
from feedback.transform_compressor import TransformCompressor


class CodedTopK(TransformCompressor):
    """Keeps the strong angular-delay entries; their positions and values are entropy-coded.

    An entry is kept where it is worth its bits. Whether it is, and its value, have the probabilities of its delay and
    beam: the mean power of each entry over the training channels over the squared step, to a quarter of an octave. Weak
    entries of a table thus say where the strong ones are, at a fraction of a bit each, and no set of positions is sent.
    """

    Parameters = TopKParameters

    def __init__(self, parameters: TopKParameters, shape: tuple[int, int]) -> None:
        super().__init__(parameters, shape)
        self.declare_axes("diagonal")

    def learn_axes(self, training: TrainingSet, generator: torch.Generator) -> Tensor:
        """The mean power of every entry; draws nothing."""
        power = unit_power(training.train).abs().square().mean(dim=0).flatten()
        return power.clamp_min(1e-5 * float(power.mean()))[None]
