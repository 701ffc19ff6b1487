"""Bounds on what a report of the context codec is asked for."""

MAX_BITS = 2**20
MIN_STEP, MAX_STEP = 1e-3, 1e3
