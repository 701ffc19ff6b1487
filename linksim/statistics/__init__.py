"""Confidence intervals, exact sums, and accumulators that merge exactly."""
