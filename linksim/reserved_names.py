"""Names in results that no compressor may have."""

# Of what does not depend on a compressor.
NO_COMPRESSOR = "none"
