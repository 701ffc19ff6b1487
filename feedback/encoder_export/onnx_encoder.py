"""Runs an exported encoder as a UE does: report by report, on one thread."""

from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor


class OnnxEncoder:
    """An ONNX file of ``linksim export`` in ONNX Runtime, on one thread of the CPU.

    Args:
        file: the model.
        optimise: whether the runtime may fold constants and fuse operators as it loads the file.
    """

    def __init__(self, file: Path, optimise: bool = True) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        if not optimise:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self._session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def __call__(self, images: Tensor) -> Tensor:
        """Codewords ``[batch, M]`` of images ``[batch, 2, Na, Nt]``, float32; never depend on the rest of the batch."""
        return torch.from_numpy(np.concatenate([self.report(image) for image in images[:, None].numpy()]))

    def report(self, image: np.ndarray) -> np.ndarray:
        """The codeword ``[1, M]`` of one image ``[1, 2, Na, Nt]``."""
        codeword: np.ndarray = self._session.run(None, {self._input: image})[0]
        return codeword
