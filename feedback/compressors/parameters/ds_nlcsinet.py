"""Parameters of DS-NLCsiNet."""

from typing import Literal

from feedback.neural_parameters import LinearStartParameters


class DsNlCsiNetParameters(LinearStartParameters):
    """Parameters of ``ds-nlcsinet``."""

    titles = ("DS-NLCsiNet",)

    name: Literal["ds-nlcsinet"] = "ds-nlcsinet"
