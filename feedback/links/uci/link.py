"""Coded digital feedback: uplink control information with CRC, channel code and block errors."""

from feedback.csi_report.codeword import Codeword
from feedback.link import LINKS, FeedbackLink, NormalDraw
from feedback.links.parameters.uci import BITS_PER_SYMBOL, UciParameters
from feedback.links.uci.channel_code import report_code
from feedback.links.uci.code_plan import CodePlan, code_plan
from feedback.links.uci.layout import ReportLayout
from feedback.links.uci.uplink import uplink


@LINKS.register("uci")
class Uci(FeedbackLink):
    """Reports as coded bits over the uplink, after TS 38.212.

    Side information and values make up the payload, so all of it is coded and nothing is protected otherwise. There is
    no retransmission. It is coded as ``code_plan`` has it: as control information by a small block code up to 11 bits
    and the polar code up to 1706, and beyond, or if ``carried_by`` is ``data``, as data by the LDPC code. The channel,
    and what the BS knows of it, is that of ``feedback.links.uci.uplink.Uplink``. Small blocks are decoded by maximum
    likelihood, the polar code by a CRC-aided list of 8, the LDPC code by 20 iterations of belief propagation, these two
    after a quicker try of the same.

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
        layout = ReportLayout.of(codeword, self.parameters.payload_bits)
        payload, fits = layout.pack(codeword)
        plan, device = self._plan(layout), str(payload.device)
        code = report_code(plan, self._bits_per_symbol, device)
        channel = uplink(self.parameters, plan.resource_elements, device)
        decoded, passed = code.decode(channel.llr(code.encode(payload), draw))
        return layout.unpack(decoded, passed & fits)

    def resource_elements(self, codeword: Codeword) -> int:
        """Symbols of a report, those of its CRC and the pilots in its resource blocks included."""
        n_data = self._plan(ReportLayout.of(codeword, self.parameters.payload_bits)).resource_elements
        return n_data + uplink(self.parameters, n_data, "cpu").n_pilots

    def carried_as_data(self, codeword: Codeword) -> bool:
        """Whether data carry them, with the LDPC code: too long for control information, or asked for."""
        return self._plan(ReportLayout.of(codeword, self.parameters.payload_bits)).code == "ldpc"

    def _plan(self, layout: ReportLayout) -> CodePlan:
        parameters = self.parameters
        return code_plan(layout.n_bits, parameters.code_rate, self._bits_per_symbol, parameters.carried_by)

    @property
    def _bits_per_symbol(self) -> int:
        return BITS_PER_SYMBOL[self.parameters.modulation]
