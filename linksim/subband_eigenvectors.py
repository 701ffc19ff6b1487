"""Eigenvectors of subband covariances: the directions that a precoder of one vector per subband aims at."""

from collections.abc import Sequence

import torch
from torch import Tensor

from linksim.dominant_vectors import dominant_vectors, dominant_vectors_of_bands, takes

# Squarings after which the power R^(2^24) stands for R^inf. Eigenvalues that still compete then differ by less than
# 1e-6 of the larger, less than the rounding of R in float32: any vector of their space is as dominant.
_MOST_SQUARINGS = 24
# A matrix of trace 1 and this squared norm holds at least 0.99 of one vector's projector. Four more products take what
# is left of the others to below 1e-8.
_NEARLY_ONE = 0.98
_MORE_PRODUCTS = 4
# What deflation leaves of a matrix is rounding below this share of its energy, in squares of the number type's step.
_ROUNDING_STEPS = 1000


def subband_eigenvectors(response: Tensor, bands: Sequence[slice], n_layers: int = 1) -> Tensor:
    r"""Eigenvectors of the covariance of each subband, those of the largest eigenvalues first.

    .. math:: R_t = \frac{1}{|B_t|} \sum_{n \in B_t} H_n^H H_n

    (TR 38.843). Where a subband holds fewer rows of :math:`H_n` than there are transmit antennas, they come from the
    smaller Gram matrix of its rows. A vector's phase is arbitrary.

    Args:
        response: channel matrices ``[batch, n_subcarriers, n_rx, n_tx]``, complex.
        bands: subcarriers of each subband.
        n_layers: eigenvectors of each subband, 1 to ``n_tx``.

    Returns:
        ``[batch, n_subbands, n_layers, n_tx]``, complex, of unit norm; zero where nothing is left.
    """
    n_rx, n_tx = response.shape[-2:]
    if n_layers == 1 and takes(response) and all((band.stop - band.start) * n_rx >= n_tx for band in bands):
        bands_of_rows = [slice(band.start * n_rx, band.stop * n_rx) for band in bands]
        return dominant_vectors_of_bands(response.flatten(1, 2), bands_of_rows)[:, :, None]
    parts: dict[int, list[int]] = {}
    for number, band in enumerate(bands):
        parts.setdefault(band.stop - band.start, []).append(number)
    # Bands of the same width at once.
    found: dict[int, Tensor] = {}
    for numbers in parts.values():
        rows = torch.stack([response[:, bands[number]].flatten(1, 2) for number in numbers], dim=1)
        vectors = eigenvectors(rows.flatten(0, 1), n_layers).unflatten(0, (-1, len(numbers)))
        found.update(zip(numbers, vectors.unbind(1), strict=True))
    return torch.stack([found[number] for number in range(len(bands))], dim=1)


def eigenvectors(rows: Tensor, n_layers: int = 1) -> Tensor:
    """Eigenvectors of ``A^H A``, the largest eigenvalue's first, ``[batch, n_layers, n]``, for ``A`` ``[batch, m, n]``.

    Each is deflated before the next is looked for; beyond the rank of ``A`` they are zero. No matrix's result depends
    on another's.
    """
    found: list[Tensor] = []
    # One vector deflates nothing, and energies take as long as a copy.
    least = _energies(rows if n_layers > 1 else rows[:0]) * (_ROUNDING_STEPS * torch.finfo(rows.dtype).eps ** 2)
    for layer in range(n_layers):
        if layer:
            rows = rows - (rows @ found[-1][..., None]) @ found[-1][..., None, :].conj()
            rows = torch.where((_energies(rows) > least)[:, None, None], rows, 0)
        if rows.shape[-2] < rows.shape[-1]:
            left = _dominant_of_rows(rows.mH)
            found.append(_normalised((rows.mH @ left[..., None])[..., 0]))
        else:
            found.append(_dominant_of_rows(rows))
    return torch.stack(found, dim=-2)


def _dominant_of_rows(rows: Tensor) -> Tensor:
    """Dominant eigenvector of ``A^H A``, ``[batch, n]``, by the kernel in C where that can be."""
    return dominant_vectors(rows) if takes(rows) else _dominant_vector(rows.mH @ rows)


def _energies(matrices: Tensor) -> Tensor:
    return torch.view_as_real(matrices).square().flatten(1).sum(1)


def _dominant_vector(hermitian: Tensor) -> Tensor:
    """Dominant eigenvector ``[batch, n]`` of positive semidefinite matrices ``[batch, n, n]``: a column of a power.

    Each matrix is squared, its trace brought back to 1, until little but the projector on one vector is left.
    """
    power = hermitian.clone()
    _bring_trace_to_one(power)
    vectors = torch.zeros_like(power[..., 0])
    # Which matrices of the batch `power` holds: those that are not settled yet.
    left = torch.arange(len(power), device=power.device)
    for squaring in range(1, _MOST_SQUARINGS + 1):
        power = power @ power
        # The squared norm of the matrix before.
        trace = _bring_trace_to_one(power)
        unsettled = (trace < _NEARLY_ONE) & (trace > 0) & (squaring < _MOST_SQUARINGS)
        if not unsettled.all():
            vectors[left[~unsettled]] = _refined_column(power[~unsettled])
            power, left = power[unsettled], left[unsettled]
        if not len(left):
            break
    return vectors


def _bring_trace_to_one(matrices: Tensor) -> Tensor:
    """Divides matrices ``[batch, n, n]`` by their trace, except zero ones, in place, and returns it, ``[batch]``."""
    trace = matrices.diagonal(dim1=-2, dim2=-1).real.sum(-1)
    torch.view_as_real(matrices).mul_((1 / torch.where(trace > 0, trace, 1.0))[:, None, None, None])
    return trace


def _refined_column(power: Tensor) -> Tensor:
    vector = _strongest_column(power)
    for _ in range(_MORE_PRODUCTS):
        vector = (power @ vector[..., None])[..., 0]
    return _normalised(vector)


def _strongest_column(matrices: Tensor) -> Tensor:
    strongest = matrices.diagonal(dim1=-2, dim2=-1).real.argmax(-1)
    return matrices.gather(-1, strongest[:, None, None].expand(-1, matrices.shape[-1], 1))[..., 0]


def _normalised(vectors: Tensor) -> Tensor:
    """Vectors along the last axis scaled to unit norm, zero vectors kept."""
    components = torch.view_as_real(vectors)
    norm = torch.linalg.vector_norm(components.flatten(-2), dim=-1)
    return torch.view_as_complex(components / torch.where(norm > 0, norm, 1.0)[..., None, None])
