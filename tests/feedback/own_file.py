"""A file of a user's own, with a compressor that sends the first values of a matrix."""

FIRST_VALUES = """
import torch
from feedback.compressor import Complexity, Compressor, CompressorParameters
from feedback.csi_report.codeword import Codeword


class FirstValues(Compressor):
    Parameters = CompressorParameters
    has_ratio = False

    def __init__(self, parameters, shape):
        super().__init__(parameters, shape)
        self.length = 4

    def encode(self, csi):
        return Codeword(torch.view_as_real(csi).flatten(1)[:, : self.length])

    def decode(self, received):
        n = len(received.values)
        csi = torch.zeros(n, *self.shape, dtype=torch.complex64)
        csi[:, 0, :2] = torch.view_as_complex(received.values.unflatten(1, (2, 2)))
        return csi

    def complexity(self):
        return Complexity(ue_macs=0, bs_macs=0, ue_parameters=0, bs_parameters=0)
"""
