"""What a scenario says of users that share a cell; without PyTorch."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from channels.source_parameters import BLOCK_SIZE
from linksim.errors import InputError


class MultiUserParameters(BaseModel):
    """The section ``multi_user`` of a scenario."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    users: int = Field(
        default=4, ge=2, le=BLOCK_SIZE // 2, description="users that share a cell; consecutive test channels"
    )
    precoder: Literal["zf", "rzf"] = Field(
        default="rzf", description="zf: zero-forcing; rzf: regularised by noise over signal, after Peel et al."
    )
    selection: Literal["all", "greedy"] = Field(
        default="greedy",
        description="all: every user is served at once; greedy: users are added while the expected rate grows",
    )

    scheduling: Literal["sum_rate", "proportional_fair"] = Field(
        default="sum_rate",
        description="what greedy selection strives for: the largest sum of rates; or, over `slots`, the largest sum of "
        "their logarithms",
    )
    strengths: Literal["snr", "cqi"] = Field(
        default="snr",
        description="what the BS knows of a user's strength. snr: its SNR per antenna, times the antennas; cqi: the "
        "SINR of the CQI that comes with the report",
    )
    slots: int = Field(
        default=20, ge=1, le=1000, description="proportional_fair: slots over which users take turns in a still channel"
    )

    @model_validator(mode="after")
    def _of_a_selection(self) -> Self:
        if self.scheduling == "proportional_fair" and self.selection == "all":
            raise ValueError("got scheduling proportional_fair with selection all, expected selection greedy")
        return self

    def validity_warnings(self) -> list[str]:
        """Slots in which nobody takes turns."""
        if self.scheduling == "sum_rate" and self.slots != MultiUserParameters.model_fields["slots"].default:
            return ["slots: count for nothing with scheduling sum_rate"]
        return []

    def check(self, n_tx: int, samples: int) -> None:
        """Refuses more users than zero-forcing can keep apart, and than there are test channels.

        Args:
            n_tx: antennas of the BS.
            samples: test channels of a point.

        Raises:
            InputError: if all users are served by zero-forcing, and there are more than antennas at the BS; or if not
                one cell has all its users.
        """
        if samples < self.users:
            raise InputError(
                f"monte_carlo.samples: got {samples}, expected at least {self.users}, the users of a cell "
                "(`multi_user.users`)"
            )
        if self.precoder == "zf" and self.selection == "all" and self.users > n_tx:
            raise InputError(
                f"multi_user.users: got {self.users}, expected at most {n_tx}, the antennas of the BS, where "
                "zero-forcing serves all; selection: greedy serves some of more"
            )
