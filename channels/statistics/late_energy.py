"""Energy of paths that arrive later than an OFDM symbol can tell or its cyclic prefix can hold."""

from dataclasses import dataclass

import torch
from torch import Tensor

from channels.channel_batch import OfdmGrid

# Normal cyclic prefix in symbols without prefix: 144 of 2048 samples (3GPP TS 38.211, 5.3.1).
CYCLIC_PREFIX = 144 / 2048
# Paths weaker than this below the strongest are not what a UE times its symbols by.
_SIGNIFICANT = 10 ** (-25 / 10)
# Shares of the energy from which a line is worth it. What arrives after the prefix is interference of about that share;
# some users of UMa have that, 1 % of the energy over all of them. What arrives a symbol late is a wrong channel, and
# counts from 40 dB below the signal.
_MOST_AFTER_PREFIX, _MOST_AFTER_SYMBOL = 0.05, 1e-4


@dataclass(frozen=True)
class LateEnergy:
    """Mean shares of the energy of some links.

    Attributes:
        after_symbol: at delays of a symbol (the inverse of the subcarrier spacing) and more, which the frequency
            response shows as early ones.
        after_prefix: later than the first significant path by a normal cyclic prefix and more.
        spacing_hz: subcarrier spacing.
    """

    after_symbol: float
    after_prefix: float
    spacing_hz: float

    def warnings(self) -> list[str]:
        """A line if the share is more than negligible."""
        symbol_us = 1e6 / self.spacing_hz
        if self.after_symbol > _MOST_AFTER_SYMBOL:
            return [
                f"{100 * self.after_symbol:.2g} % of the energy arrives later than a symbol ({symbol_us:.3g} us, the "
                "inverse of the subcarrier spacing) and appears at early delays"
            ]
        if self.after_prefix > _MOST_AFTER_PREFIX:
            return [
                f"{100 * self.after_prefix:.2g} % of the energy arrives after a normal cyclic prefix "
                f"({symbol_us * CYCLIC_PREFIX:.2g} us); the interference that it makes is left out"
            ]
        return []


def late_energy(delays_s: Tensor, power: Tensor, grid: OfdmGrid) -> LateEnergy | None:
    """Shares of links given by their paths, ``None`` where no link has any power.

    Args:
        delays_s: ``[n_links, n_paths]``, s, from the time origin of the frequency response.
        power: ``[n_links, n_paths]``, real.
        grid: the subcarriers.
    """
    delays, power = delays_s.to(torch.float64), power.to(torch.float64)
    heard = power.sum(1) > 0
    delays, power = delays[heard], power[heard]
    if not len(power):
        return None
    significant = power >= _SIGNIFICANT * power.amax(dim=1, keepdim=True)
    first = delays.masked_fill(~significant, torch.inf).amin(dim=1, keepdim=True)

    def share(late: Tensor) -> float:
        return float(((power * late).sum(1) / power.sum(1)).mean())

    symbol_s = 1 / grid.spacing_hz
    return LateEnergy(share(delays >= symbol_s), share(delays - first >= CYCLIC_PREFIX * symbol_s), grid.spacing_hz)


def mean_late_energy(found: list[LateEnergy]) -> LateEnergy | None:
    """Mean over several links or sources, with the subcarrier spacing of the first; ``None`` for none."""
    if not found:
        return None
    return LateEnergy(
        sum(energy.after_symbol for energy in found) / len(found),
        sum(energy.after_prefix for energy in found) / len(found),
        found[0].spacing_hz,
    )
