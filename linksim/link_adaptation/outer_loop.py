r"""Outer loop of link adaptation: the BS corrects what CQIs promise by what becomes of its blocks.

The SINR that a CQI stands for is shifted by an offset before the BS takes an MCS of it. A block that fails takes
:math:`\Delta` dB off, one that arrives adds :math:`\Delta\, t / (1 - t)` dB for a target error rate ``t``, so that of
``N`` blocks the share

.. math:: \frac{N_\mathrm{failed}}{N} = t + (1 - t) \frac{o_0 - o_N}{N \Delta}

fails, whatever the channel does, as long as the offset ``o`` keeps within its limits (A. Sampath, P. S. Kumar and
J. M. Holtzman, IEEE VTC 1997, DOI 10.1109/VETEC.1997.600465, of power control).
"""

from torch import Tensor

from linksim.link_adaptation.parameters import OuterLoopParameters


def next_offset(offset_db: Tensor, failed: Tensor, loop: OuterLoopParameters, target_bler: float) -> Tensor:
    """The offset after another block.

    Args:
        offset_db: before, ``[batch]``, float64, dB; positive where blocks arrive that the CQI would not promise.
        failed: whether the block's first transmission did, ``[batch]``, bool.
        loop: step and limits.
        target_bler: share of blocks that may fail.
    """
    rise_db = loop.step_db * target_bler / (1 - target_bler)
    steps = failed.to(offset_db.dtype) * (loop.step_db + rise_db) - rise_db
    return (offset_db - steps).clamp(-loop.limit_db, loop.limit_db)
