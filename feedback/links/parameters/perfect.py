"""Parameters of the perfect link."""

from typing import Literal

from feedback.link_parameters import LinkParameters


class PerfectParameters(LinkParameters):
    """Parameters of ``perfect``: none of its own."""

    titles = ("perfect",)

    name: Literal["perfect"] = "perfect"
