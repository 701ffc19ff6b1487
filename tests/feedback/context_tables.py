"""Tables of the context model for tests: every context has its own probabilities, drawn at random."""

import numpy as np

from feedback.context_codec import sizes as s
from feedback.context_codec.counting import number_tables
from feedback.context_codec.tables import ContextTables


def random_tables(seed: int, hidden_units: int = 3, centroids: int = 100, inputs: int = s.INPUTS) -> ContextTables:
    generator = np.random.default_rng(seed)

    def numbers(*shape: int) -> np.ndarray:
        return generator.integers(20, 236, shape).astype(np.uint8)

    return ContextTables(
        hidden=generator.integers(-20, 30, (hidden_units, inputs + 2)).astype(np.int16),
        hidden_bias=generator.integers(-500, 500, hidden_units).astype(np.int16),
        output=generator.integers(-20, 60, (2, hidden_units)).astype(np.int16),
        output_bias=np.array([3072, 1024], np.int16),
        predictor=np.array([11, 10, 8, 16, 11, -3, -2, 5], np.int16),
        size_bounds=np.array([1, 8, 20, 40, 64, 100, 160], np.int16),
        zero=numbers(s.PRIMARY, s.SECONDARY, s.PREDICTED, s.SEEN),
        agrees=numbers(s.PRIMARY, s.PREDICTED, 2),
        larger=numbers(s.PRIMARY, s.SECONDARY, 2, s.PREDICTED // 2, s.SIZES),
        centroid=generator.integers(
            -centroids, centroids + 1, (s.CENTROIDS + 1, 2, s.PREDICTED, s.PRIMARY, s.SEEN)
        ).astype(np.int16),
        **number_tables(),
    )
