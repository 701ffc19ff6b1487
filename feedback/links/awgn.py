"""Analogue feedback over additive white Gaussian noise."""

from dataclasses import replace

from feedback.csi_report.codeword import Codeword
from feedback.errors import FeedbackInputError
from feedback.link import LINKS, FeedbackLink, NormalDraw
from feedback.links.parameters.awgn import AwgnParameters


@LINKS.register("awgn")
class Awgn(FeedbackLink):
    r"""Adds noise to the codeword values; side information is protected and arrives as it was sent.

    .. math:: \hat v_i = v_i + \sigma z_i, \qquad \sigma^2 = \frac{1}{M} \sum_i v_i^2 \,/\, \mathrm{SNR}

    The SNR is against the power of that report's own codeword, so the normalised error of the codeword is
    ``1 / SNR`` on average for every compressor.
    """

    Parameters = AwgnParameters
    parameters: AwgnParameters

    @property
    def noise_to_signal(self) -> float:
        """``1 / SNR``."""
        return float(10 ** (-self.parameters.snr_db / 10))

    def transmit(self, codeword: Codeword, draw: NormalDraw) -> Codeword:
        """The codeword with noise on its values.

        Raises:
            FeedbackInputError: if the values are level numbers of a quantiser.
        """
        if codeword.value_bits is not None:
            raise FeedbackInputError("link awgn: got quantised values, expected analogue ones (quantiser none)")
        values = codeword.values
        power = values.square().mean(dim=1, keepdim=True)
        noise = draw((values.shape[1],)) * (power * self.noise_to_signal).sqrt()
        return replace(codeword, values=values + noise)
