"""Batches of downlink channels: as propagation paths, or as a frequency response."""

from dataclasses import dataclass, replace
from typing import Any, Self

from torch import Tensor

from channels.dimensions import ArrayShape, OfdmGrid, Snapshots

__all__ = ["ArrayShape", "ChannelBatch", "OfdmGrid", "Paths", "Snapshots"]


@dataclass(frozen=True)
class Paths:
    """Channels as sums of plane waves: what a generator makes, small enough to be kept.

    Attributes:
        coefficients: path gains, ``[batch, n_snapshots, n_ports, n_paths]``, complex64, linear.
        delays_s: path delays in seconds, ``[batch, n_paths]``, float32 or float64, the first snapshot's.
        gain_db: power that the normalisation removed, ``[batch]``, float32, dB.
        band_coefficients: path gains at the frequencies of ``channels.transforms.beam_squint`` where they change over
            the band, ``[batch, n_snapshots, n_nodes, n_ports, n_paths]``, complex64; ``None`` where those at the
            carrier hold for all.
        path_gain_db: gain between isotropic antennas that no coefficient has: path loss, penetration loss and shadow
            fading, ``[batch]``, float32, dB; ``None`` where a source knows none.
        delay_changes_s: what a path's delay has changed by since the first snapshot, ``[batch, n_snapshots, n_paths]``,
            float64, s: the Doppler shift in the coefficients is that of the carrier alone; ``None`` where a source has
            no directions of paths, or one snapshot.
    """

    coefficients: Tensor
    delays_s: Tensor
    gain_db: Tensor
    band_coefficients: Tensor | None = None
    path_gain_db: Tensor | None = None
    delay_changes_s: Tensor | None = None

    def scaled(self, factor: Tensor) -> Self:
        """All gains of each link times a factor, ``[batch]``."""
        band = self.band_coefficients
        return replace(
            self,
            coefficients=self.coefficients * factor[:, None, None, None],
            band_coefficients=None if band is None else band * factor[:, None, None, None, None],
        )

    @property
    def coupling_gain_db(self) -> Tensor | None:
        """Gain from a port of the BS to an antenna of the UE that the coefficients lack, ``[batch]``, float32, dB.

        Large-scale gain and what the normalisation removed: antenna patterns and the drop's own power.
        """
        return None if self.path_gain_db is None else self.path_gain_db + self.gain_db


@dataclass(frozen=True)
class ChannelBatch:
    """Frequency responses of consecutive samples of one split.

    Attributes:
        response: ``[batch, n_snapshots, n_subcarriers, n_ports]``, complex64, mean power 1 per entry unless the
            source says otherwise.
        hf_all: the public ``HF_all`` reference, ``[batch, 125, n_tx]``, complex64, where a data set has one.
        coupling_gain_db: mean gain from a port of the BS to an antenna of the UE that the response lacks, path loss and
            shadow fading included, ``[batch]``, float32, dB; ``None`` where a source knows none.
    """

    response: Tensor
    hf_all: Tensor | None = None
    coupling_gain_db: Tensor | None = None

    def only(self, samples: slice) -> Self:
        """Some of the samples, with all that belongs to them."""
        kept: dict[str, Any] = {name: None if value is None else value[samples] for name, value in vars(self).items()}
        return replace(self, **kept)
