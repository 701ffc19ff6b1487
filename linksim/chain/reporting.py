"""Reports of a batch of UEs, the oldest first: what either side sends and remembers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor

from feedback.codec import Codec, ReceivedReport
from feedback.compressor import Memory
from feedback.csi_report.codeword import Codeword
from feedback.csi_report.reconstruction import Reconstruction
from feedback.link import FeedbackLink, NormalDraw
from feedback.observation import Observation

T = TypeVar("T")


class FirstReports:
    """First reports of one observation, by codec: made once, however many points have the same."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, int], tuple[Codec, Any]] = {}

    def of(self, what: str, codec: Codec, make: Callable[[], T]) -> T:
        """What a side makes of them.

        Args:
            what: which side makes what.
            codec: that makes it, a pure function of the observation.
            make: makes it.
        """
        # The codec is kept with what it made, so that no other gets its number.
        place = (what, id(codec))
        if place not in self._made:
            self._made[place] = (codec, make())
        made: T = self._made[place][1]
        return made


@dataclass
class ReportSequence:
    """The reports of one codec over one link.

    Attributes:
        codec: UE and BS.
        link: what lies between.
        first: what others have made of the observation of the first report, where there is one observation alone.
        rebuilt: channels or precoders of the reports, as the BS gets them, the oldest first.
        lost: which of them it takes for lost, ``[batch]`` each, bool.
        cqi: CQI index of the newest report that arrived, ``[batch]``, int64, 0 where none did; ``None`` if none is
            sent.
        offset_db: what the BS's outer loop has come to, ``[batch]``, float64; ``None`` without one.
    """

    codec: Codec
    link: FeedbackLink
    first: FirstReports = field(default_factory=FirstReports)
    rebuilt: list[Tensor] = field(default_factory=list)
    lost: list[Tensor] = field(default_factory=list)
    cqi: Tensor | None = None
    offset_db: Tensor | None = None
    _ue_memory: Memory = field(default_factory=dict)
    _bs_memory: Memory = field(default_factory=dict)
    _newest: tuple[Codeword, Codeword] | None = None
    _before: Memory = field(default_factory=dict)
    _saturated: Tensor | None = None
    _as_sent: bool = False

    def report(self, observation: Observation, draw: NormalDraw) -> None:
        """The next report: from the UE's channel estimate to what the BS makes of it."""
        told = self.lost[-1] if self.lost and self.codec.compressor.told_of_losses else None
        alone = self._newest is None

        def report() -> tuple[Codeword, Memory]:
            return self.codec.ue.report(observation, self._ue_memory, told)

        sent, self._ue_memory = self.first.of("sent", self.codec, report) if alone else report()
        received = self.link.transmit(sent, draw)
        arrived = ReceivedReport(received, self.link.noise_to_signal)
        self._before = self._bs_memory

        def rebuild() -> tuple[Reconstruction, Memory]:
            return self.codec.bs.rebuild(arrived, self._before)

        as_sent = alone and received is sent and not arrived.noise_to_signal
        rebuilt, self._bs_memory = self.first.of("rebuilt", self.codec, rebuild) if as_sent else rebuild()
        self._as_sent = as_sent
        self._newest, self._saturated = (sent, received), self.codec.ue.saturated(observation)
        self.rebuilt.append(rebuilt.csi)
        self.lost.append(_lost(rebuilt, len(sent.values)))

    def note_cqi(self, cqi: Tensor) -> None:
        """The CQI of the newest report, ``[batch]``, int64, which is lost with it."""
        held = torch.zeros_like(cqi) if self.cqi is None else self.cqi
        self.cqi = torch.where(self.lost[-1], held, cqi)

    @property
    def sent(self) -> Codeword:
        """The newest report as the UE handed it over."""
        assert self._newest is not None
        return self._newest[0]

    @property
    def received(self) -> Codeword:
        """The newest report as the link delivered it."""
        assert self._newest is not None
        return self._newest[1]

    @property
    def assumed(self) -> Tensor:
        """What the UE takes the newest of ``rebuilt`` for: what its report stands for as it was sent.

        Of what the BS remembers the UE knows as much as the BS.
        """
        if self.received is self.sent:
            return self.rebuilt[-1]
        return self.codec.bs.rebuild(ReceivedReport(self.sent), self._before)[0].csi

    @property
    def expected_change(self) -> Tensor | None:
        """What the UE expects of its channel until the newest report is used, as ``Compressor.expected_change``."""
        return self.codec.compressor.expected_change(self._ue_memory)

    @property
    def saturated(self) -> Tensor | None:
        """Which of the newest have a scale that cannot be sent, ``[batch]``, bool; ``None`` where there is no range."""
        return self._saturated

    @property
    def seen(self) -> dict[str, Tensor]:
        """What metrics make of the newest report when it is made: of a first one that arrived as it was sent, once."""
        if not self._as_sent or self.lost[-1].any():
            return {}
        return self.first.of("seen", self.codec, dict)

    @property
    def may_be_lost(self) -> bool:
        """Whether the BS may miss reports."""
        return self.received.erased is not None or self.link.may_lose(self.codec.detects_errors)

    def last_precoder(self, fallback: Tensor) -> Tensor:
        """The newest precoder that arrived, ``[batch, n_layers, n_subbands, n_tx]``.

        Args:
            fallback: that of a UE of which the BS knows nothing, ``[n_layers, n_subbands, n_tx]``.
        """
        held = fallback.expand_as(self.rebuilt[-1])
        for precoder, lost in zip(self.rebuilt, self.lost, strict=True):
            held = torch.where(lost[:, None, None, None], held, precoder)
        return held


def _lost(rebuilt: Reconstruction, count: int) -> Tensor:
    if rebuilt.erased is not None:
        return rebuilt.erased
    return torch.zeros(count, dtype=torch.bool, device=rebuilt.csi.device)
