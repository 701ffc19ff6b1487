"""Exact sums, accumulators that merge exactly, intervals."""
