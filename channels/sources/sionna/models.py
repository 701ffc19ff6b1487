"""One call of a Sionna channel model: a block of independent drops, one UE each.

Importing this module imports Sionna, which takes seconds: import it where a model is needed, not before.
"""

import cmath
import contextlib
import io
import math
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from channels.channel_batch import Paths, Snapshots
from channels.sources.parameters.sionna import SionnaParameters
from channels.sources.sionna.deferred_compilation import deferred_compilation
from channels.sources.sionna.drawn_rays import DrawnRays
from channels.sources.sionna.drops import UserDrops
from channels.sources.sionna.path_gain import path_gain_db
from channels.sources.sionna.planar_array import PlanarArray

_UE_SPACING = 0.5
_LIGHT_M_S = 299792458.0

# Sionna reseeds PyTorch's own generators when it is imported.
with (
    warnings.catch_warnings(),
    torch.random.fork_rng(devices=range(torch.cuda.device_count())),
    deferred_compilation(),
):
    warnings.simplefilter("ignore")
    from sionna.phy import config
    from sionna.phy.channel.tr38901 import PanelArray

    from channels.sources.sionna.coefficients import PortCoefficients
    from channels.sources.sionna.ray_coupling import CoupledProfile, CoupledRays
    from channels.sources.sionna.sionna_models import cdl_model, system_model, tdl_model


class SionnaModel:
    """A TR 38.901 model of Sionna between one BS panel and a row of omnidirectional UE antennas.

    Args:
        parameters: the model and its settings.
        device: where the model computes.
        spacing_scale: factor on all spacings in wavelengths, as these grow with frequency.
        sum_of_sionna: whether Sionna itself sums the rays of a path, at every pair of antennas: the same to rounding,
            slower, and there to compare with.

    Attributes:
        bs_array: Sionna's panel.
        port_order: the panel's element, or sub-array, at each port, ``[n_tx]``, int64.
    """

    def __init__(
        self,
        parameters: SionnaParameters,
        device: torch.device,
        spacing_scale: float = 1.0,
        *,
        sum_of_sionna: bool = False,
    ) -> None:
        self.parameters = parameters
        # Sionna knows a GPU by its number alone: cuda:0, not cuda.
        self.device = torch.empty(0, device=device).device
        self._spacing_scale = spacing_scale
        self._sum_of_sionna = sum_of_sionna
        dual, ue_dual = parameters.polarization == "dual", parameters.rx_polarization == "dual"
        along_row, along_column = parameters.spacing
        self.bs_array = PanelArray(
            num_rows_per_panel=parameters.element_rows,
            num_cols_per_panel=parameters.n_columns,
            polarization=parameters.polarization,
            polarization_type="cross" if dual else "V",
            antenna_pattern=parameters.antenna_pattern,
            carrier_frequency=parameters.carrier_hz,
            element_vertical_spacing=along_column * spacing_scale,
            element_horizontal_spacing=along_row * spacing_scale,
            device=str(self.device),
        )
        self.ue_array = PanelArray(
            num_rows_per_panel=1,
            num_cols_per_panel=parameters.n_rx // 2 if ue_dual else parameters.n_rx,
            polarization=parameters.rx_polarization,
            polarization_type="VH" if ue_dual else "V",
            antenna_pattern="omni",
            carrier_frequency=parameters.carrier_hz,
            element_horizontal_spacing=_UE_SPACING * spacing_scale,
            device=str(self.device),
        )
        # Sionna numbers the elements of a panel column by column, ArrayShape row by row.
        # The ports of a TDL profile have no place in a panel and are in that order already.
        self.port_order = torch.arange(self.bs_array.num_ant // parameters.sub_array_rows, device=self.device)
        if not parameters.is_tdl:
            self.port_order = (
                self.port_order.reshape(-1, parameters.n_columns, parameters.n_rows).transpose(1, 2).flatten()
            )
        with _quiet():
            self._system = None if parameters.is_profile else system_model(parameters, self.bs_array, self.ue_array)
            self._coefficients = None if parameters.is_tdl or sum_of_sionna else self._port_coefficients()
        if self._system is not None and self._coefficients is not None:
            # Rounded as the model rounds it: a path of line of sight turns some thousand times on its way.
            self._coefficients._lambda_0 = self._system._cir_sampler._lambda_0
            self._system._cir_sampler = self._coefficients
            self._system._ray_sampler = CoupledRays(self._system._scenario, parameters.spatial_consistency)

    def draw(self, drops: UserDrops, snapshots: Snapshots, seed: int) -> Paths:
        """Paths of a block of drops; the same seed gives the same first snapshot whatever the snapshots are.

        Args:
            drops: the UEs.
            snapshots: times at which to sample the moving channel.
            seed: 64-bit seed of everything that Sionna draws.

        Returns:
            Paths as the model gives them, ports in the order of ``ArrayShape``, ``gain_db`` 0.
        """
        if self._coefficients is not None:
            return self.paths(self.draw_rays(drops, seed), snapshots)
        coefficients, delays = self.impulse_response(drops, snapshots, seed)
        # [block, n_rx, n_tx, n_paths, n_snapshots], then snapshots first.
        return self._paths(coefficients[:, 0, :, 0].permute(0, 4, 1, 2, 3), delays[:, 0, 0])

    def draw_rays(self, drops: UserDrops, seed: int) -> DrawnRays:
        """All that is drawn of some drops, whatever the snapshots are.

        Args:
            drops: the UEs.
            seed: 64-bit seed of everything that Sionna draws.
        """
        assert self._coefficients is not None
        self._response_of_sionna(drops, Snapshots(), seed)
        return self._coefficients.drawn

    def paths(self, drawn: DrawnRays, snapshots: Snapshots) -> Paths:
        """Paths of drops that ``draw_rays`` gave, of this model or of one with other spacings, as those of ``draw``.

        Args:
            drawn: the drops.
            snapshots: times at which to sample the moving channel.
        """
        assert self._coefficients is not None
        times_s = torch.arange(snapshots.n, dtype=torch.float32, device=self.device)
        times_s = times_s / self._sampling_rate_hz(snapshots)
        coefficients, delays = self._coefficients.at(drawn, times_s)
        # One BS; drops are topologies, or UEs of one topology: [block, n_paths, n_rx, n_tx, n_snapshots].
        paths = self._paths(coefficients.flatten(0, 2).permute(0, 4, 2, 3, 1), delays.flatten(0, 2))
        return paths if snapshots.n == 1 else replace(paths, delay_changes_s=self._delay_changes_s(drawn, snapshots))

    def _delay_changes_s(self, drawn: DrawnRays, snapshots: Snapshots) -> Tensor:
        """Of drops, ``[block, n_snapshots, n_paths]``, float64, s.

        A path gets shorter by what the UE moves towards where it comes from (TR 38.901, 7.6-9); its Doppler shift at
        the carrier is in its gains. TDL profiles have no directions, so that their delays stand still: a change would
        be at most the speed times the time over the speed of light, and turn a subcarrier at the edge of the band by pi
        times the bandwidth times that.
        """
        assert self._coefficients is not None
        speeds_m_s = self._coefficients.radial_speeds_m_s(drawn).flatten(0, 2)
        times_s = torch.tensor(snapshots.times_s, dtype=torch.float64, device=self.device)
        return -speeds_m_s.unsqueeze(1).to(torch.float64) * (times_s[:, None] / _LIGHT_M_S)

    def _paths(self, coefficients: Tensor, delays_s: Tensor) -> Paths:
        """Paths of ``[block, n_snapshots, n_rx, n_tx, n_paths]``: UE antennas go before transmit ports."""
        coefficients = coefficients.flatten(2, 3).to(torch.complex64).contiguous()
        gain_db = torch.zeros(coefficients.shape[0], dtype=torch.float32, device=self.device)
        return Paths(coefficients, delays_s, gain_db)

    def path_gain_db(self, seed: int) -> Tensor:
        """Path loss, penetration loss and shadow fading of the block that was drawn last, ``[block]``, float32, dB.

        Args:
            seed: 64-bit seed of the penetration loss.
        """
        return path_gain_db(self._system, config.torch_rng(str(self.device)), seed)

    def impulse_response(self, drops: UserDrops, snapshots: Snapshots, seed: int) -> tuple[Tensor, Tensor]:
        """Gains ``[block, 1, n_rx, 1, n_ports, n_paths, n_snapshots]`` and delays ``[block, 1, 1, n_paths]``, s.

        Of a TDL profile, or where Sionna itself sums over rays.
        """
        coefficients, delays = self._response_of_sionna(drops, snapshots, seed)
        if not self.parameters.is_tdl:
            coefficients = self.ports(coefficients.transpose(-3, -2)).transpose(-3, -2)
        return coefficients, delays

    def _response_of_sionna(self, drops: UserDrops, snapshots: Snapshots, seed: int) -> tuple[Tensor, Tensor]:
        rate_hz = self._sampling_rate_hz(snapshots)
        with _quiet():
            # Sionna draws from the one generator per device that its global configuration holds, and takes no other;
            # seeding that generator, unlike setting `config.seed`, leaves PyTorch's own generators alone.
            config.torch_rng(str(self.device)).manual_seed(seed)
            if self._system is None:
                return self._profile(drops)(drops.distance_m.shape[0], snapshots.n, rate_hz)
            self._set_topology(drops)
            coefficients, delays = self._system(snapshots.n, rate_hz)
            if self.parameters.spatial_consistency:
                coefficients, delays = coefficients.transpose(0, 1), delays.transpose(0, 1)
            return coefficients, delays

    def _profile(self, drops: UserDrops) -> Any:
        """The profile that some drops are of, which is made for them."""
        if self.parameters.is_tdl:
            return tdl_model(self.parameters, self.bs_array)
        if self._coefficients is None:
            return cdl_model(self.parameters, self.bs_array, self.ue_array, drops)
        profile = cdl_model(self.parameters, self.bs_array, self.ue_array, drops, CoupledProfile)
        profile._cir_gen = self._coefficients
        return profile

    def _port_coefficients(self) -> PortCoefficients:
        """What takes the place of a model's own generator of coefficients."""
        parameters, scale = self.parameters, self._spacing_scale
        along_row, along_column = parameters.spacing
        return PortCoefficients(
            PlanarArray(
                parameters.n_rows, parameters.n_columns, (along_row * scale, along_column * scale), self._weights
            ),
            PlanarArray(1, self.ue_array.num_cols_per_panel, (_UE_SPACING * scale, 0.0)),
            self.ports,
            carrier_frequency=parameters.carrier_hz,
            tx_array=self.bs_array,
            rx_array=self.ue_array,
            subclustering=not parameters.is_profile,
            device=str(self.device),
        )

    @property
    def _weights(self) -> tuple[complex, ...]:
        r"""Weights of the elements of a sub-array, downwards.

        Element :math:`m` of :math:`M` weighs :math:`e^{j 2 \pi m d \cos \theta} / \sqrt{M}`, at every frequency: a
        field to zenith :math:`\theta` adds up.
        """
        size = self.parameters.sub_array_rows
        phase = 2 * math.pi * self.parameters.spacing[1] * math.cos(math.radians(self.parameters.sub_array_zenith_deg))
        return tuple(cmath.rect(size**-0.5, phase * element) for element in range(size))

    def ports(self, coefficients: Tensor) -> Tensor:
        """Elements of the panel ``[..., n_elements, n_snapshots]`` joined to ports, in the order of ``ArrayShape``."""
        weights = torch.tensor(self._weights, dtype=coefficients.dtype, device=self.device)
        joined = torch.einsum("...pmt,m->...pt", coefficients.unflatten(-2, (-1, len(weights))), weights)
        return joined.index_select(-2, self.port_order)

    def _sampling_rate_hz(self, snapshots: Snapshots) -> float | Tensor:
        """What Sionna divides the numbers of the snapshots by to get their times: a rate of each where they differ."""
        if snapshots.interval_s is not None:
            return 1 / snapshots.interval_s if snapshots.interval_s > 0 else math.inf
        rates_hz = [math.inf] + [number / time_s for number, time_s in enumerate(snapshots.times_s) if number]
        return torch.tensor(rates_hz, dtype=torch.float32, device=self.device)

    def _set_topology(self, drops: UserDrops) -> None:
        parameters = self.parameters
        block = drops.distance_m.shape[0]
        zeros = torch.zeros(block, 1, 3, device=self.device)
        ue = zeros.clone()
        ue[:, 0, 0] = drops.distance_m * torch.cos(drops.azimuth_rad)
        ue[:, 0, 1] = drops.distance_m * torch.sin(drops.azimuth_rad)
        ue[:, 0, 2] = drops.height_m
        bs = zeros.clone()
        bs[:, 0, 2] = parameters.height_m
        tilt = zeros.clone()
        tilt[:, 0, 1] = math.radians(parameters.downtilt_deg)
        velocity = drops.velocity_m_s.unsqueeze(1)
        indoor = drops.indoor[:, None]
        orientation = zeros
        if parameters.spatial_consistency:
            # One topology of many UEs instead of many topologies of one UE.
            ue, velocity, indoor, orientation = (x.transpose(0, 1) for x in (ue, velocity, indoor, orientation))
            bs, tilt = bs[:1], tilt[:1]
        assert self._system is not None
        # Without this, what the first call draws and later ones keep would shift the draws that follow.
        self._system.reset_topology()
        self._system.set_topology(
            ut_loc=ue,
            bs_loc=bs,
            ut_orientations=orientation,
            bs_orientations=tilt,
            ut_velocities=velocity,
            in_state=indoor,
            los={"los": True, "nlos": False, "mixed": "random"}[parameters.los],
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
