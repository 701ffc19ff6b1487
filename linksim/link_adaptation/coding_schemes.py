"""Modulation and coding schemes of NR: the MCS and CQI tables of 3GPP TS 38.214, and what BS and UE make of them.

Without PyTorch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Scheme:
    """A modulation with a code rate.

    Attributes:
        order: bits per symbol ``Qm``.
        rate_1024: target code rate ``R`` times 1024.
    """

    order: int
    rate_1024: float

    @property
    def rate(self) -> float:
        """Target code rate ``R``."""
        return self.rate_1024 / 1024

    @property
    def efficiency(self) -> float:
        """Bits per symbol that carry information, ``Qm R``."""
        return self.order * self.rate


def _schemes(*rows: tuple[int, tuple[float, ...]]) -> tuple[Scheme, ...]:
    return tuple(Scheme(order, rate) for order, rates in rows for rate in rates)


@dataclass(frozen=True)
class SchemeTables:
    """An MCS table and the CQI table that goes with it.

    Attributes:
        mcs: schemes by MCS index.
        cqi: schemes by CQI index less 1; index 0 is out of range.
    """

    mcs: tuple[Scheme, ...]
    cqi: tuple[Scheme, ...]

    @cached_property
    def mcs_of_cqi(self) -> tuple[int, ...]:
        """By CQI index from 0 on: the MCS of the largest efficiency that is not above the CQI's, or the lowest."""
        allowed = [0.0, *(scheme.efficiency for scheme in self.cqi)]
        return tuple(self._largest(efficiency) for efficiency in allowed)

    def _largest(self, efficiency: float) -> int:
        fitting = [index for index, scheme in enumerate(self.mcs) if scheme.efficiency <= efficiency]
        return max(fitting, key=lambda index: self.mcs[index].efficiency, default=0)


# By TS 38.331's names of the MCS tables. MCS tables 5.1.3.1-1 and 5.1.3.1-2, CQI tables 5.2.2.1-2 and 5.2.2.1-3 of
# TS 38.214, without the reserved indices.
TABLES: Mapping[str, SchemeTables] = {
    "qam64": SchemeTables(
        mcs=_schemes(
            (2, (120, 157, 193, 251, 308, 379, 449, 526, 602, 679)),
            (4, (340, 378, 434, 490, 553, 616, 658)),
            (6, (438, 466, 517, 567, 616, 666, 719, 772, 822, 873, 910, 948)),
        ),
        cqi=_schemes((2, (78, 120, 193, 308, 449, 602)), (4, (378, 490, 616)), (6, (466, 567, 666, 772, 873, 948))),
    ),
    "qam256": SchemeTables(
        mcs=_schemes(
            (2, (120, 193, 308, 449, 602)),
            (4, (378, 434, 490, 553, 616, 658)),
            (6, (466, 517, 567, 616, 666, 719, 772, 822, 873)),
            (8, (682.5, 711, 754, 797, 841, 885, 916.5, 948)),
        ),
        cqi=_schemes(
            (2, (78, 193, 449)), (4, (378, 490, 616)), (6, (466, 567, 666, 772, 873)), (8, (711, 797, 885, 948))
        ),
    ),
}
