"""Precoders: from the channel that the BS knows to one unit-power weight vector per subcarrier."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import torch
from class_registry import ClassRegistry
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from linksim.subbands import subbands

PRECODERS: ClassRegistry["Precoder"] = ClassRegistry(unique=True)

# The power R^256 that stands for R^inf. The gain falls short of the largest eigenvalue by less than the factor
# Nt^(-1/256), 0.06 dB for 32 ports, in the worst case of a nearly flat spectrum.
_SQUARINGS = 8


class PrecoderParameters(BaseModel):
    """Parameters that every precoder has; each precoder extends it with its own ``name`` literal."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str


class Precoder(ABC):
    """Computes weights of one layer at the BS. Received on subcarrier ``n``: :math:`y = H_n w_n x` plus noise.

    Attributes:
        Parameters: the pydantic model of the precoder's section in a scenario.
        matched: whether, for one UE antenna, the weights are the normalised conjugate of the known channel on each
            subcarrier, so that the channel gain follows from an inner product without them.
    """

    Parameters: ClassVar[type[PrecoderParameters]]
    matched: ClassVar[bool] = False

    def __init__(self, parameters: Any) -> None:
        self.parameters = parameters

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

    class Parameters(PrecoderParameters):
        """Parameters of the precoder ``mrt_subband``."""

        name: Literal["mrt_subband"] = "mrt_subband"
        n_subbands: int = Field(default=13, ge=1, description="subbands that the subcarriers are divided into")

    def weights(self, response: Tensor) -> Tensor:
        """The subband's vector on each of its subcarriers."""
        vectors = []
        for band in subbands(response.shape[-3], self.parameters.n_subbands):
            vector = subband_vector(response[..., band, :, :])
            vectors.append(vector[..., None, :].expand(*vector.shape[:-1], band.stop - band.start, vector.shape[-1]))
        return torch.cat(vectors, dim=-2)


def right_singular_vector(response: Tensor) -> Tensor:
    r"""Unit vector ``w`` of the largest gain :math:`\lVert H w \rVert`, for ``H`` ``[..., n_rx, n_tx]``.

    Returns:
        ``[..., n_tx]``, complex; the first unit vector where ``H`` is zero.
    """
    if response.shape[-2] == 1:
        return _unit_vectors(response[..., 0, :]).conj_physical()
    left = _dominant_vector(response.mH)
    return _unit_vectors((response.mH @ left[..., None])[..., 0])


def subband_vector(response: Tensor) -> Tensor:
    r"""Dominant eigenvector of :math:`\sum_n H_n^H H_n`, ``[..., n_tx]``, for ``[..., n, n_rx, n_tx]``."""
    return _dominant_vector(response.flatten(-3, -2))


def _dominant_vector(response: Tensor) -> Tensor:
    """Dominant eigenvector of ``H^H H``, ``[..., n_tx]``, for ``H`` of shape ``[..., n, n_tx]``.

    It is the strongest column of ``(H^H H)^256``, by eight squarings with the trace normalised, so that no matrix's
    result depends on another's.
    """
    power = response.mH @ response
    for squaring in range(_SQUARINGS + 1):
        trace = power.diagonal(dim1=-2, dim2=-1).real.sum(-1)[..., None, None]
        power = power / torch.where(trace > 0, trace, 1.0)
        if squaring < _SQUARINGS:
            power = power @ power
    strongest = power.diagonal(dim1=-2, dim2=-1).real.argmax(-1)
    column = torch.take_along_dim(power, strongest[..., None, None], dim=-1)[..., 0]
    return _unit_vectors(column)


def _unit_vectors(vectors: Tensor) -> Tensor:
    """Vectors along the last axis scaled to unit norm, zero vectors replaced by the first unit vector."""
    components = torch.view_as_real(vectors.resolve_conj())
    norm = torch.linalg.vector_norm(components.flatten(-2), dim=-1)
    scaled = components / torch.where(norm > 0, norm, 1.0)[..., None, None]
    scaled[..., 0, 0] += (norm == 0).to(scaled.dtype)
    return torch.view_as_complex(scaled)
