"""What a scenario says of modulation, coding and retransmissions; without PyTorch."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class OuterLoopParameters(BaseModel):
    """The section ``link_adaptation.outer_loop``: the BS corrects what CQIs promise by what becomes of its blocks.

    One block is sent, and acknowledged, as the precoder of each of the `feedback.n_reports` comes into use.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    step_db: float = Field(
        default=0.0,
        ge=0,
        le=10,
        description="taken off the SINR that a CQI stands for after a block that failed; one that arrived adds "
        "step_db target_bler / (1 - target_bler) [dB]; 0: no outer loop",
    )
    limit_db: float = Field(default=20.0, gt=0, le=60, description="largest offset in either direction [dB]")

    def validity_warnings(self) -> list[str]:
        """A limit of a loop that there is not."""
        if self.step_db == 0 and self.limit_db != OuterLoopParameters.model_fields["limit_db"].default:
            return ["limit_db: counts for nothing without a step_db"]
        return []


class ReceiverParameters(BaseModel):
    """The section ``link_adaptation.receiver``: an MMSE-IRC receiver, by default of a UE that knows its channel."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    dmrs_error_db: float | None = Field(
        default=None,
        ge=-100,
        le=30,
        description="error of each entry of the effective channel that the UE estimates from DM-RS, over the noise at "
        "an antenna and resource element [dB]: about minus what it filters over; by default it knows the channel",
    )
    covariance_samples: int | None = Field(
        default=None,
        ge=16,
        le=10_000,
        description="resource elements that the UE estimates the covariance of noise and interference from; by default "
        "it knows that",
    )
    interferer_db: float | None = Field(
        default=None,
        ge=-100,
        le=100,
        description="one interfering layer that fades by UE antenna and UE, its mean power over the noise at an "
        "antenna [dB]; by default there is none",
    )

    @property
    def is_ideal(self) -> bool:
        """Whether a UE knows all, in white noise."""
        return self.dmrs_error_db is None and self.covariance_samples is None and self.interferer_db is None


class LinkAdaptationParameters(BaseModel):
    """The section ``link_adaptation`` of a scenario, for the metrics ``throughput_bps_hz``, ``bler`` and ``mcs``."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    mcs_table: Literal["qam64", "qam256"] = Field(
        default="qam256",
        description="MCS and CQI table of TS 38.214: qam64: 5.1.3.1-1 and 5.2.2.1-2; qam256: 5.1.3.1-2 and 5.2.2.1-3",
    )
    target_bler: float = Field(
        default=0.1,
        gt=0,
        lt=1,
        description="block error rate that the UE's CQI promises not to exceed at the first transmission",
    )
    backoff_db: float = Field(
        default=0.0,
        ge=-30,
        le=30,
        description="taken off the UE's SINR before it chooses the CQI [dB]",
    )
    outer_loop: OuterLoopParameters = OuterLoopParameters()
    receiver: ReceiverParameters = ReceiverParameters()
    retransmissions: int = Field(
        default=0, ge=0, le=7, description="of a block that failed, at most; all are combined (chase combining)"
    )
    retransmission_delay_s: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="time from a transmission to the next of the same block [s]; 0: over the same channel",
    )
    rank: Literal[1, 2, 3, 4] | None = Field(
        default=None,
        description="layers of a BS that knows a channel, for `sum_rate_bps_hz` and `rank` as well, no more than a UE "
        "has antennas; by default as many as it expects the largest sum rate of; reported precoders have their own",
    )
    layers: Literal["first", "all"] = Field(
        default="first",
        description="first: one layer, as in `rate_bps_hz`; all: those of the precoder, as in `sum_rate_bps_hz`",
    )

    def validity_warnings(self) -> list[str]:
        """A delay of retransmissions of which there are none."""
        if self.retransmission_delay_s and not self.retransmissions:
            return ["retransmission_delay_s: counts for nothing without retransmissions"]
        return []
