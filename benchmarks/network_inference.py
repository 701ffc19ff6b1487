"""Encoder and decoder of trained networks, one report at a time and in batches, against PyTorch as it comes."""

import torch

from benchmarks.comparison import Comparison, core_rates
from feedback.compressor import COMPRESSORS

NAMES = ("csinet", "crnet", "acrnet-10x")
BATCHES = (1, 100)
SHAPE = (32, 32)
RATIO = 16


def comparisons() -> list[Comparison]:
    """One for each network and batch."""
    return [_comparison(name, batch) for name in NAMES for batch in BATCHES]


@torch.no_grad()
def _comparison(name: str, batch: int) -> Comparison:
    compressor_class = COMPRESSORS.get_class(name)
    compressor = compressor_class(compressor_class.Parameters(name=name, compression_ratio=RATIO), SHAPE)
    compressor.encoder.eval()
    compressor.decoder.eval()
    csi = torch.randn(batch, *SHAPE, dtype=torch.complex64, generator=torch.Generator().manual_seed(0)) / 32
    images = torch.view_as_real(csi).permute(0, 3, 1, 2).contiguous()
    sides = {
        "ours": lambda: compressor.decode(compressor.encode(csi)),
        "plain eager PyTorch": lambda: compressor.decoder(compressor.encoder(images)),
    }
    rates = core_rates(sides, batch)
    what = f"{name} at 1/{RATIO}, there and back, batch {batch}"
    return Comparison(f"{name}_batch_{batch}", what, rates["ours"], rates["plain eager PyTorch"], "plain eager PyTorch")
