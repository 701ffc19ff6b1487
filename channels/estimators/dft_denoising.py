"""Least squares on a comb, denoised in the delay domain."""

from typing import Any

import torch
from torch import Tensor

from channels.dimensions import ArrayShape, OfdmGrid
from channels.estimator import ESTIMATORS
from channels.estimators.least_squares import CombPilots
from channels.estimators.parameters.dft_denoising import DftDenoisingParameters


@ESTIMATORS.register("dft_denoising")
class DftDenoising(CombPilots):
    r"""Least squares on a comb; of its delay taps a window is kept, and of these the ones that exceed the noise.

    .. math:: \hat h_l = \frac{1}{N_p} \sum_{i=0}^{N_p - 1} \hat H_{si} e^{j 2\pi i l / N_p}, \qquad
        \hat H_k = \sum_{l \in \mathcal{L}} \hat h_l e^{-j 2\pi k l / (s N_p)}

    with a pilot on every :math:`s`-th subcarrier, and the same taps :math:`\mathcal{L}` at all ports (O. Edfors et al.,
    "Analysis of DFT-based channel estimators for OFDM", Wireless Personal Communications 12(1), 2000, pages 55-70). Of
    the noise :math:`|\mathcal{L}| / N_p` is left. A path between two taps leaks into all of them, so that an error
    floor remains at high SNR, most of it at the edges of the band. An eighth of the window lies at negative delays, for
    what arrives before the UE's symbol timing, and leaks there.
    """

    Parameters = DftDenoisingParameters

    def __init__(self, parameters: Any, grid: OfdmGrid, array: ArrayShape) -> None:
        super().__init__(parameters, grid, array)
        self._n_taps: int = parameters.n_taps(grid)
        self._n_pilots: int = parameters.n_pilot_subcarriers(grid)

    @property
    def noise_kept(self) -> float:
        """Share of the taps; with a threshold it is not known before, and taken for none."""
        return 0.0 if self.parameters.threshold_db is not None else self._n_taps / self._n_pilots

    def from_comb(self, pilots: Tensor, noise_variance: float) -> Tensor:
        """Estimate on all subcarriers from the taps that are kept."""
        # One link at a time, so that the digits of a link do not depend on the rest of the batch.
        return torch.stack([self._denoised(link, noise_variance) for link in pilots])

    def _denoised(self, pilots: Tensor, noise_variance: float) -> Tensor:
        n_pilots, n_taps = len(pilots), self._n_taps
        taps = torch.fft.ifft(pilots, dim=0)
        delays = torch.arange(n_taps, device=pilots.device) - n_taps // 8
        window = taps[delays]
        if self.parameters.threshold_db is not None:
            power = window.abs().square().to(torch.float64).mean(1)
            threshold = 10 ** (self.parameters.threshold_db / 10) * noise_variance / n_pilots
            # Where nothing exceeds the noise the strongest is the best guess.
            window = window * (power >= min(threshold, float(power.max())))[:, None]
        padded = taps.new_zeros(n_pilots * self.pilot_spacing, taps.shape[1])
        padded[delays] = window
        return torch.fft.fft(padded, dim=0)[: self.grid.n_subcarriers]
