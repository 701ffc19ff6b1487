"""Directions of rays in the axes of a panel, and the fields of its elements there (TR 38.901, 7.1 and 7.3)."""

from typing import Any

import torch
from torch import Tensor


class Directions:
    r"""Unit vectors of rays in the axes of a turned panel (7.1-6, 7.1-7), and how fields there lie in global axes.

    A turn about the vertical axis moves azimuths alone; it is taken from these before anything else.

    Args:
        orientation: bearing, downtilt and slant of the panel, ``[..., 3]``, radians.
        zenith: zenith angles in global axes, ``[...]``, radians.
        azimuth: azimuths in global axes, ``[...]``, radians.

    Attributes:
        own: the three components in the panel's axes, each ``[...]``.
        psi: cosine and sine of the angle :math:`\psi` between both systems of field components (7.1-15), each
            ``[...]``; ``None`` for an upright panel, where it is 0.
    """

    def __init__(self, orientation: Tensor, zenith: Tensor, azimuth: Tensor) -> None:
        azimuth = azimuth - orientation[..., 0]
        sine, height = torch.sin(zenith), torch.cos(zenith)
        turned_sine, turned_cosine = torch.sin(azimuth), torch.cos(azimuth)
        x, y = sine * turned_cosine, sine * turned_sine
        self.own: tuple[Tensor, Tensor, Tensor] = (x, y, height)
        self.psi: tuple[Tensor, Tensor] | None = None
        if not bool(orientation[..., 1:].any()):
            return
        tilt, slant = orientation[..., 1], orientation[..., 2]
        sin_tilt, cos_tilt, sin_slant, cos_slant = tilt.sin(), tilt.cos(), slant.sin(), slant.cos()
        lean = sin_tilt * x + cos_tilt * height
        self.own = (
            cos_tilt * x - sin_tilt * height,
            cos_slant * y + sin_slant * lean,
            cos_slant * lean - sin_slant * y,
        )
        real = sin_slant * height * turned_sine + cos_slant * (cos_tilt * sine - sin_tilt * height * turned_cosine)
        imaginary = sin_slant * turned_cosine + sin_tilt * cos_slant * turned_sine
        norm = torch.hypot(real, imaginary)
        # Along the panel's own axis the angle has no value; 0 is as good as any.
        real, norm = torch.where(norm > 0, real, 1), torch.where(norm > 0, norm, 1)
        self.psi = (real / norm, imaginary / norm)

    @property
    def angles(self) -> tuple[Tensor, Tensor]:
        """Zenith angle and azimuth in the panel's axes, each ``[...]``, radians (7.1-7, 7.1-8)."""
        x, y, z = self.own
        return torch.acos(z.clamp(-1, 1)), torch.atan2(y, x)


def fields(array: Any, directions: Directions) -> list[tuple[Tensor | None, Tensor | None]]:
    """Fields along zenith and azimuth of global axes (7.1-11, 7.1-15, 7.3-4, 7.3-5).

    Args:
        array: a panel of Sionna.
        directions: of the rays.

    Returns:
        Of each polarisation both components, ``[...]`` or of no dimension where all directions have the same; ``None``
        for one that is nowhere.
    """
    elements = [array.ant_pol1] + ([array.ant_pol2] if array.polarization == "dual" else [])
    return [_field(element, directions) for element in elements]


def _field(element: Any, directions: Directions) -> tuple[Tensor | None, Tensor | None]:
    zero = directions.own[0].new_zeros(())
    angles = (zero, zero) if element.pattern == "omni" else directions.angles
    along_zenith, along_azimuth = element.field(*angles)
    vertical = float(element.slant_angle) == 0
    if directions.psi is None:
        return along_zenith, None if vertical else along_azimuth
    cosine, sine = directions.psi
    if vertical:
        return along_zenith * cosine, along_zenith * sine
    return along_zenith * cosine - along_azimuth * sine, along_zenith * sine + along_azimuth * cosine
