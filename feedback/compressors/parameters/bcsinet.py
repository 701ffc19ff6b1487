"""Parameters of the BCsiNet family."""

from typing import Literal

from feedback.neural_parameters import PublicWeightsParameters


class BcsiNetParameters(PublicWeightsParameters):
    """Parameters of the BCsiNet family; the name says head (a, b, c) and number of RefineNets (2, 3)."""

    titles = ("BCsiNet-A2", "BCsiNet-A3", "BCsiNet-B2", "BCsiNet-B3", "BCsiNet-C2", "BCsiNet-C3")
    results_version = 2

    name: Literal["bcsinet-a2", "bcsinet-a3", "bcsinet-b2", "bcsinet-b3", "bcsinet-c2", "bcsinet-c3"]
