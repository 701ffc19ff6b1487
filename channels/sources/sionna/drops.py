"""Where the UEs of a block of drops are, and how they move."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True)
class UserDrops:
    """UEs of a block, one per drop, the BS at the origin.

    Attributes:
        distance_m: horizontal distance from the BS, ``[block]``, float32, m.
        azimuth_rad: azimuth off the BS's broadside, ``[block]``, float32, radians.
        velocity_m_s: velocity, ``[block, 3]``, float32, m/s.
        indoor: whether the UE is in a building, ``[block]``, bool.
        height_m: height of the UE, ``[block]``, float32, m.
    """

    distance_m: Tensor
    azimuth_rad: Tensor
    velocity_m_s: Tensor
    indoor: Tensor
    height_m: Tensor

    @classmethod
    def joined(cls, parts: "Sequence[UserDrops]") -> "UserDrops":
        """UEs of consecutive blocks."""
        return cls(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(cls)))
