"""Precoders: from the channel that the BS knows to one unit-power weight vector per subcarrier."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from class_registry import ClassRegistry
from pydantic import BaseModel, ConfigDict, Field

from linksim.subbands import DEFAULT_SUBBANDS, subbands

if TYPE_CHECKING:
    from torch import Tensor

PRECODERS: ClassRegistry[Precoder] = ClassRegistry(unique=True)


class PrecoderParameters(BaseModel):
    """Parameters that every precoder has; each precoder extends it with its own ``name`` literal."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str


class Precoder(ABC):
    """Computes weights of one layer at the BS. Received on subcarrier ``n``: :math:`y = H_n w_n x` plus noise.

    Attributes:
        titles: names in figures and reports, one for each name in the registry; by default that itself.
        Parameters: the pydantic model of the precoder's section in a scenario.
        results_version: raised when the same input gets other digits.
        matched: whether, for one UE antenna, the weights are the normalised conjugate of the known channel on each
            subcarrier, so that the channel gain follows from an inner product without them.
    """

    titles: ClassVar[tuple[str, ...]] = ()
    Parameters: ClassVar[type[PrecoderParameters]]
    results_version: ClassVar[int] = 1
    matched: ClassVar[bool] = False

    def __init__(self, parameters: Any) -> None:
        self.parameters = parameters

    def check(self, n_subcarriers: int) -> None:  # noqa: B027 - most precoders serve any band
        """Refuses a band that this precoder cannot serve, before anything is trained or measured.

        Raises:
            InputError: if it cannot; the line names the key.
        """

    def bands(self, n_subcarriers: int) -> list[slice] | None:
        """Subbands whose dominant eigenvectors are the weights; ``None`` where they are something else."""
        return None

    def weights_of_bands(self, vectors: Tensor, bands: Sequence[slice]) -> Tensor:
        """Weights from the dominant eigenvectors of the subbands that ``bands`` gives: one vector on each subcarrier.

        Args:
            vectors: ``[batch, n_subbands, n_tx]``, complex, of unit norm, zero where a subband's channel is.
            bands: subcarriers of each subband.

        Returns:
            What ``weights`` makes of the channel, ``[batch, n_subcarriers, n_tx]``.
        """
        import torch

        widths = torch.tensor([band.stop - band.start for band in bands], device=vectors.device)
        return unit_vectors(vectors.contiguous()).repeat_interleave(widths, dim=1)

    @abstractmethod
    def weights(self, response: Tensor) -> Tensor:
        """Weights for a known channel.

        Args:
            response: channel that the BS knows, ``[batch, n_subcarriers, n_rx, n_tx]``, complex; :math:`H_n` is
                ``response[:, n]``.

        Returns:
            Weights ``[batch, n_subcarriers, n_tx]``, complex, of unit norm on each subcarrier. Where the known
            channel is zero they are the first unit vector.
        """


@PRECODERS.register("mrt")
class Mrt(Precoder):
    r"""Maximum-ratio transmission on each subcarrier; the strongest eigenmode where the UE has several antennas.

    .. math:: w_n = h_n^H / \lVert h_n \rVert

    and the dominant right singular vector of :math:`H_n`.
    """

    titles = ("MRT",)

    class Parameters(PrecoderParameters):
        """Parameters of the precoder ``mrt``: none."""

        name: Literal["mrt"] = "mrt"

    matched = True

    def weights(self, response: Tensor) -> Tensor:
        """Right singular vector of the largest singular value on each subcarrier."""
        return right_singular_vector(response)


@PRECODERS.register("mrt_subband")
class MrtSubband(Precoder):
    r"""One vector per subband: the one of the largest mean channel gain.

    It is the dominant eigenvector of :math:`R = \sum_n H_n^H H_n` over the subcarriers of the subband.
    """

    titles = ("MRT per subband",)

    class Parameters(PrecoderParameters):
        """Parameters of the precoder ``mrt_subband``."""

        name: Literal["mrt_subband"] = "mrt_subband"
        n_subbands: int | None = Field(
            default=None,
            ge=1,
            le=65536,
            description=f"subbands that the subcarriers are divided into; by default {DEFAULT_SUBBANDS}, or fewer "
            "subcarriers",
        )

    def check(self, n_subcarriers: int) -> None:
        """Refuses more subbands than subcarriers."""
        subbands(n_subcarriers, self.parameters.n_subbands, "precoder.n_subbands")

    def bands(self, n_subcarriers: int) -> list[slice]:
        """The subbands of the parameters."""
        return subbands(n_subcarriers, self.parameters.n_subbands, "precoder.n_subbands")

    def weights(self, response: Tensor) -> Tensor:
        """The subband's vector on each of its subcarriers."""
        from linksim.subband_eigenvectors import subband_eigenvectors

        bands = self.bands(response.shape[-3])
        return self.weights_of_bands(subband_eigenvectors(response, bands)[:, :, 0], bands)


def right_singular_vector(response: Tensor) -> Tensor:
    r"""Unit vector ``w`` of the largest gain :math:`\lVert H w \rVert`, for ``H`` ``[..., n_rx, n_tx]``.

    Returns:
        ``[..., n_tx]``, complex; the first unit vector where ``H`` is zero.
    """
    from linksim.subband_eigenvectors import eigenvectors

    if response.shape[-2] == 1:
        return unit_vectors(response[..., 0, :]).conj_physical()
    return unit_vectors(eigenvectors(response.flatten(0, -3))[:, 0]).unflatten(0, response.shape[:-2])


def unit_vectors(vectors: Tensor) -> Tensor:
    """Vectors along the last axis scaled to unit norm, zero vectors replaced by the first unit vector."""
    import torch

    components = torch.view_as_real(vectors.resolve_conj())
    norm = torch.linalg.vector_norm(components.flatten(-2), dim=-1)
    scaled = components / torch.where(norm > 0, norm, 1.0)[..., None, None]
    scaled[..., 0, 0] += (norm == 0).to(scaled.dtype)
    return torch.view_as_complex(scaled)
