"""Parameters of CsiNet-LSTM."""

from typing import Literal

from pydantic import Field

from feedback.over_time_parameters import OverTimeParameters


class CsiNetLstmParameters(OverTimeParameters):
    """Parameters of ``csinet-lstm``."""

    titles = ("CsiNet-LSTM",)
    results_version = 3

    name: Literal["csinet-lstm"] = "csinet-lstm"
    lstm_layers: int = Field(default=3, ge=1, le=8, description="LSTM layers at the BS, of 2 Na Nt units each")
