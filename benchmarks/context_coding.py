"""Context codec, there and back, against entropy coding of as many levels by constriction under one fixed distribution.

The peer codes faster than any adaptive model can, and into more bits: both are told.
"""

import constriction
import numpy as np

from benchmarks.comparison import Comparison, core_rates
from feedback.context_codec.codec import ContextCodec
from feedback.context_codec.kernel import LevelShape

SHAPE = LevelShape(32, 1, 1, 32)
STEP = 0.5
REPORTS = 50


def comparisons() -> list[Comparison]:
    """One, with matrices whose power falls over delays and angles."""
    generator = np.random.default_rng(0)
    powers = np.exp(-np.arange(SHAPE.rows) / 6)[:, None] * np.exp(-np.arange(SHAPE.columns) / 6)
    shape = (REPORTS, SHAPE.rows, SHAPE.columns, 2)
    parts = generator.standard_normal(shape) * powers[..., None] ** 0.5
    matrices = (parts[..., 0] + 1j * parts[..., 1]).astype(np.complex64)[:, :, None, None]
    codec = ContextCodec(SHAPE, step=STEP)
    size = STEP * np.sqrt(np.mean(np.abs(matrices) ** 2, axis=(1, 2, 3, 4)))
    levels = np.round(parts / size[:, None, None, None]).astype(np.int32).reshape(REPORTS, -1)
    counts = np.bincount((levels - levels.min()).ravel()) + 1
    model = constriction.stream.model.Categorical((counts / counts.sum()).astype(np.float32), perfect=False)
    low = int(levels.min())

    def ours() -> int:
        bits, lengths = codec.encode(matrices)
        codec.decode(bits, lengths)
        return int(lengths.sum())

    def theirs() -> int:
        total = 0
        for report in levels:
            encoder = constriction.stream.queue.RangeEncoder()
            encoder.encode(report - low, model)
            words = encoder.get_compressed()
            constriction.stream.queue.RangeDecoder(words).decode(model, len(report))
            total += 32 * len(words)
        return total

    peer = f"constriction, one fixed distribution, {theirs() / ours():.1f} times the bits"
    rates = core_rates({"ours": ours, peer: theirs}, REPORTS)
    what = f"context codec, {SHAPE.rows} x {SHAPE.columns} at a step of {STEP:g}, there and back"
    return [Comparison("context_codec", what, rates["ours"], rates[peer], peer, "reports/s")]
