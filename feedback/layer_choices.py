"""Kinds of layers that a scenario may choose between."""

from typing import Literal

Activation = Literal["lrelu", "sprelu", "prelu"]
Expansion = Literal["aggregated", "width", "depth"]
