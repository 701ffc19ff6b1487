"""Paired differences and their intervals, between runs and between the compressors of one run."""
