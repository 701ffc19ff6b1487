"""Kinds of covariance of a mixture's components; without PyTorch."""

from typing import Literal

# Diagonal in the entries of the matrix, a product of one over delays and one over ports, or any.
Covariance = Literal["diagonal", "separable", "full"]
