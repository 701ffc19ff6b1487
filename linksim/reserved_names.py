"""Names in results that no compressor may have."""

# Of what does not depend on a compressor.
NO_COMPRESSOR = "none"
ALL_COMPRESSORS = "all compressors"

# What stands beside the compressors in tables and legends.
PERFECT_CSI = "perfect CSI"
ESTIMATION_ONLY = "estimation only"
TRUNCATION_ONLY = "truncation only"
GAUSSIAN_SOURCE = "Gaussian source, ideal code (no bound)"

RESERVED_NAMES = frozenset(
    {NO_COMPRESSOR, ALL_COMPRESSORS, PERFECT_CSI, ESTIMATION_ONLY, TRUNCATION_ONLY, GAUSSIAN_SOURCE}
)
