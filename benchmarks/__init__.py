"""Measured speed; every module has a ``main`` that prints its table."""
