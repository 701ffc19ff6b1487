"""Coded digital feedback: uplink control information with CRC, channel code and block errors."""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from feedback.csi_report.codeword import Codeword, Signal
from feedback.link import LINKS, FeedbackLink, LinkParameters, NormalDraw
from feedback.links.uci.code_plan import CodePlan, code_plan
from feedback.links.uci.layout import ReportLayout

Modulation = Literal["qpsk", "16qam", "64qam"]
_BITS_PER_SYMBOL: dict[Modulation, int] = {"qpsk": 2, "16qam": 4, "64qam": 6}


class UciParameters(LinkParameters):
    """Parameters of ``uci``."""

    name: Literal["uci"] = "uci"
    snr_db: float = Field(ge=-100, le=200, description="uplink SNR per resource element, Es/N0 at mean gain 1, dB")
    code_rate: float = Field(default=0.5, ge=0.08, le=0.9, description="report and CRC bits over coded bits")
    modulation: Modulation = Field(default="qpsk", description="of the coded bits")
    fading: Literal["none", "rayleigh"] = Field(
        default="none", description="rayleigh: one complex Gaussian gain for each report, which the BS knows"
    )
    payload_bits: int | None = Field(
        default=None, ge=1, le=100_000, description="bits reserved for a report; by default as many as it has at most"
    )

    def misfit(self, sends: Signal, reserves_bits: bool = False) -> str | None:
        """Bitstreams of no known bound need ``payload_bits``."""
        if sends == "bitstream" and self.payload_bits is None and not reserves_bits:
            return "no payload_bits with bitstreams of variable length, expected the bits reserved for every report"
        return None


@LINKS.register("uci")
class Uci(FeedbackLink):
    r"""Reports as coded bits over flat uplink channels, after TS 38.212.

    .. math:: y_k = h x_k + n_k, \qquad E|x_k|^2 = 1, \quad n_k \sim \mathcal{CN}(0, 1 / \mathrm{SNR}), \quad
              h = 1 \text{ or } h \sim \mathcal{CN}(0, 1)

    Side information and values make up the payload, so all of it is coded and nothing is protected otherwise. It is
    coded as ``code_plan`` has it, modulated, and decoded from exact LLRs: the polar code by a CRC-aided list of 8, the
    LDPC code by 20 iterations of belief propagation, each after a quicker try of the same.

    A report whose CRC fails, or whose bits are no report, is ``erased``. A wrong report that passes its CRC is handed
    over, wrong as it is. A bitstream of variable length lies in ``payload_bits``, or in as many bits as it has at
    most, with zeros behind its end; the UE drops one that is longer, and the BS misses it.
    """

    carries: ClassVar[frozenset[Signal]] = frozenset({"levels", "bitstream"})
    loses_reports: ClassVar[bool] = True
    garbles_bits: ClassVar[bool] = True
    titles = ("UCI",)
    Parameters = UciParameters
    parameters: UciParameters

    def transmit(self, codeword: Codeword, draw: NormalDraw) -> Codeword:
        """The reports as decoded; ``erased`` says which the BS knows to be lost.

        Raises:
            FeedbackInputError: if the values are analogue, reports do not fit in ``payload_bits``, or side information
                has no format.
        """
        # Takes seconds, which only those who use it should wait for.
        from feedback.links.uci.channel_code import report_code

        layout = ReportLayout.of(codeword, self.parameters.payload_bits)
        payload, fits = layout.pack(codeword)
        code = report_code(self._plan(layout), self._bits_per_symbol, str(payload.device))
        decoded, passed = code.decode(self._llr(code.encode(payload), draw))
        return layout.unpack(decoded, passed & fits)

    def resource_elements(self, codeword: Codeword) -> int:
        """Symbols of a report, those of its CRC included; pilots are not counted."""
        return self._plan(ReportLayout.of(codeword, self.parameters.payload_bits)).resource_elements

    def _plan(self, layout: ReportLayout) -> CodePlan:
        return code_plan(layout.n_bits, self.parameters.code_rate, self._bits_per_symbol)

    @property
    def _bits_per_symbol(self) -> int:
        return _BITS_PER_SYMBOL[self.parameters.modulation]

    def _llr(self, coded: Tensor, draw: NormalDraw) -> Tensor:
        """LLRs at the BS of coded bits ``[batch, n]``, same shape, float32."""
        from sionna.phy.mapping import Demapper, Mapper

        device, noise_power = str(coded.device), 10 ** (-self.parameters.snr_db / 10)
        options = {"num_bits_per_symbol": self._bits_per_symbol, "precision": "single", "device": device}
        symbols = Mapper("qam", **options)(coded)
        # Drawn first, so that a report meets the same gain whatever its length.
        gain = _complex_normal(draw, 1) if self.parameters.fading == "rayleigh" else torch.ones_like(symbols[:, :1])
        received = gain * symbols + noise_power**0.5 * _complex_normal(draw, symbols.shape[1])
        power = gain.real.square() + gain.imag.square()
        llr: Tensor = Demapper("app", "qam", **options)(received / gain, noise_power / power)
        return llr


def _complex_normal(draw: NormalDraw, count: int) -> Tensor:
    """Circular complex Gaussian numbers of mean power 1, ``[batch, count]``."""
    return torch.view_as_complex(draw((count, 2)) * 0.5**0.5)
