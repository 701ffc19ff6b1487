"""Coded digital feedback: uplink control information with CRC, channel code and block errors."""

import torch
from torch import Tensor

from feedback.csi_report.codeword import Codeword
from feedback.link import LINKS, FeedbackLink, NormalDraw
from feedback.links.parameters.uci import Modulation, UciParameters
from feedback.links.uci.code_plan import CodePlan, code_plan
from feedback.links.uci.layout import ReportLayout

_BITS_PER_SYMBOL: dict[Modulation, int] = {"qpsk": 2, "16qam": 4, "64qam": 6, "256qam": 8}


@LINKS.register("uci")
class Uci(FeedbackLink):
    r"""Reports as coded bits over flat uplink channels, after TS 38.212.

    .. math:: y_k = h x_k + n_k, \qquad E|x_k|^2 = 1, \quad n_k \sim \mathcal{CN}(0, 1 / \mathrm{SNR}), \quad
              h = 1 \text{ or } h \sim \mathcal{CN}(0, 1)

    Side information and values make up the payload, so all of it is coded and nothing is protected otherwise. There is
    no retransmission. It is coded as ``code_plan`` has it: as control information by a small block code up to 11 bits
    and the polar code up to 1706, and beyond, or if ``carried_by`` is ``data``, as data by the LDPC code. It is decoded
    from exact LLRs: small blocks by maximum likelihood, the polar code by a CRC-aided list of 8, the LDPC code by 20
    iterations of belief propagation, these two after a quicker try of the same.

    A report whose CRC fails, or whose bits are no report, is ``erased``. A wrong report that passes its CRC, or that
    has none as those of 11 bits or fewer, is handed over, wrong as it is. A bitstream of variable length lies in
    ``payload_bits``, or in as many bits as it has at most, with zeros behind its end; the UE drops one that is longer,
    and the BS misses it.
    """

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
        parameters = self.parameters
        return code_plan(layout.n_bits, parameters.code_rate, self._bits_per_symbol, parameters.carried_by)

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
