"""Digital feedback over a binary symmetric channel."""

from dataclasses import replace

import torch
from torch import Tensor

from feedback.csi_report.codeword import Codeword
from feedback.errors import FeedbackInputError
from feedback.link import LINKS, FeedbackLink, NormalDraw
from feedback.links.parameters.bsc import BscParameters

_DRAWN_AT_ONCE = 256


@LINKS.register("bsc")
class Bsc(FeedbackLink):
    r"""Flips each bit by itself; side information and lengths are protected and arrive as they were sent.

    Level numbers travel in natural binary, bitstreams as they are. A bit flips where a standard normal draw ``z`` has
    :math:`\Phi(z) < p`, so what flips at a low rate also flips at every higher one. Nothing is erased by the link, but
    the reader of a bitstream may find that no report has such bits.
    """

    Parameters = BscParameters
    parameters: BscParameters

    def transmit(self, codeword: Codeword, draw: NormalDraw) -> Codeword:
        """The codeword with bit errors in its level numbers, or in its bitstreams.

        Raises:
            FeedbackInputError: if the values are analogue.
        """
        if codeword.value_bits is None:
            raise FeedbackInputError("link bsc: got analogue values, expected level numbers or bitstreams")
        values = codeword.values
        threshold = float(torch.special.ndtri(torch.tensor(self.parameters.flip_rate, dtype=torch.float64)))
        if codeword.level_bits is None:
            flips = _stream_draws(draw, values.shape[1]) < threshold
            lengths = torch.as_tensor(codeword.value_bits, device=values.device).view(-1, 1)
            flips = (flips & (torch.arange(values.shape[1], device=values.device) < lengths))[:, :, None]
            codeword = replace(codeword, erased=torch.zeros(len(values), dtype=torch.bool, device=values.device))
        else:
            flips = draw((values.shape[1], codeword.level_bits)) < threshold
        bits = flips.shape[-1]
        mask = (flips * 2 ** torch.arange(bits, device=values.device)).sum(dim=-1)
        return replace(codeword, values=(values.to(torch.int64) ^ mask).to(values.dtype))


def _stream_draws(draw: NormalDraw, width: int) -> Tensor:
    """Draws for the bits of streams, ``[batch, width]``: those of a report do not depend on how long others are."""
    parts = [draw((_DRAWN_AT_ONCE,)) for _ in range(-(-width // _DRAWN_AT_ONCE))]
    return torch.cat(parts or [draw((0,))], dim=1)[:, :width]
