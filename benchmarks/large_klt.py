"""Leading axes of the KLT in many dimensions against all eigenvectors by PyTorch."""

import torch

from benchmarks.comparison import Comparison, core_rates
from feedback.principal_axes import principal_axes, second_moment

SHAPE = (32, 64)
SAMPLES = 500
WANTED = 64


def comparisons() -> list[Comparison]:
    """One, of 2048 dimensions."""
    generator = torch.Generator().manual_seed(0)
    # Powers that fall over delays and ports, as in an angular-delay matrix.
    delays, ports = (torch.exp(-torch.arange(n) / 8.0) for n in SHAPE)
    csi = torch.randn(SAMPLES, *SHAPE, dtype=torch.complex64, generator=generator) * delays[:, None] * ports
    peer = "torch.linalg.eigh of the covariance"
    sides = {
        "ours": lambda: principal_axes(csi, WANTED),
        peer: lambda: torch.linalg.eigh(second_moment(csi)),
    }
    rates = core_rates(sides, 1, 1)
    what = f"KLT of {SHAPE[0] * SHAPE[1]} dimensions, {SAMPLES} channels, {WANTED} axes"
    return [Comparison("klt_2048", what, rates["ours"], rates[peer], peer, "fits/s")]
