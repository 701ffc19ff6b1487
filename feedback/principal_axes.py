"""Leading eigenvectors of the second moment of training channels, as cheaply as their number allows."""

import psutil
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from feedback.errors import FeedbackInputError

# Up to so many dimensions all eigenvectors are computed at once.
_MAX_FULL = 1024
# Share of the dimensions up to which an iteration is quicker than a direct solution.
_MAX_ITERATED = 0.1
# Directions that the iteration carries beyond those that are wanted.
_OVERSAMPLING = 16
_MAX_ITERATIONS = 60
# Energy that further iterations may still gain, over the energy that the axes leave out, at which they end.
_TOLERANCE = 1e-4
_PART = 1000


def principal_axes(csi: Tensor, count: int) -> tuple[Tensor, Tensor]:
    r"""Largest eigenvalues and their eigenvectors of :math:`R = E[x x^H / \lVert x \rVert^2]`, ``x = vec(H_a)``.

    Samples have unit Frobenius norm, because that is how the mean of their NMSE weighs them: the error of the
    projection on the leading ``k`` axes is that mean, :math:`1 - \sum_{i \le k} \lambda_i`, and no other ``k`` have a
    smaller one. Samples that are all zero are left out.

    - fewer samples than dimensions: from the Gram matrix of the samples, :math:`R` itself is never made; axes beyond
      its rank complete an orthonormal set;
    - up to 1024 dimensions: all eigenvectors;
    - where more than a tenth of them are wanted: those, from the tridiagonal form (LAPACK's ``heevr``);
    - else subspace iteration with Rayleigh-Ritz steps (Halko, Martinsson and Tropp, "Finding structure with
      randomness", 2011, DOI 10.1137/090771806) from the axes of the separable KLT and some random directions, until
      what it may still gain is less than 1e-4 of the energy that the axes leave out: 0.0005 dB. Gains of the iteration
      fall geometrically, so what is still to come of it is taken as :math:`g \rho / (1 - \rho)`, with the newest gain
      ``g`` and its ratio :math:`\rho` to the one before.

    Args:
        csi: training channels ``[n, Na, Nt]``, complex64.
        count: how many, at most ``Na Nt``.

    Returns:
        Eigenvalues ``[count]``, falling, float64, and eigenvectors as columns ``[Na Nt, count]``, complex64. The same
        samples give the same digits.

    Raises:
        FeedbackInputError: if all samples are zero, or the memory does not suffice.
    """
    flat = csi.flatten(1)
    norms = torch.linalg.vector_norm(flat, dim=1)
    used = norms > 0
    if not used.any():
        raise FeedbackInputError(f"principal axes: got {len(flat)} training channels, all zero, expected others")
    flat, norms = (flat, norms) if used.all() else (flat[used], norms[used])
    n, dimensions = flat.shape
    smaller = min(n, dimensions)
    full = smaller <= _MAX_FULL
    direct = full or (count + _OVERSAMPLING) > _MAX_ITERATED * smaller
    _require_memory(n, dimensions, count, direct)
    start = None if direct else _separable_start(csi[used], norms, count + _OVERSAMPLING)
    if n < dimensions:
        unit = flat / norms[:, None]
        wanted, start = min(count, n), None if start is None else unit @ start.conj()
        gram = _products(unit.mH)
        values, left = _eigenpairs(gram, wanted) if start is None else _leading(gram, start, wanted)
        axes = unit.T @ left.conj().to(unit.dtype)
        return _completed(values / n, axes, count)
    moment = _moment(flat, norms, torch.complex128 if direct else torch.complex64)
    values, vectors = _eigenpairs(moment, count) if start is None else _leading(moment, start, count)
    return values, vectors.to(torch.complex64)


def has_all_axes(csi: Tensor) -> bool:
    """Whether ``principal_axes`` of channels ``[n, Na, Nt]`` computes all axes, whatever the count.

    Those of a smaller count then are the first of a larger one, digit for digit.
    """
    dimensions, used = csi[0].numel(), 0
    if dimensions > _MAX_FULL:
        return False
    for part in csi.split(_PART):
        used += int((torch.linalg.vector_norm(part.flatten(1), dim=1) > 0).sum())
        if used >= dimensions:
            return True
    return False


def second_moment(csi: Tensor) -> Tensor:
    """The second moment that ``principal_axes`` takes eigenvectors of, ``[Na Nt, Na Nt]``, complex128."""
    flat = csi.flatten(1)
    norms = torch.linalg.vector_norm(flat, dim=1)
    return _moment(flat[norms > 0], norms[norms > 0], torch.complex128)


def _moment(flat: Tensor, norms: Tensor, dtype: torch.dtype) -> Tensor:
    moment = torch.zeros(flat.shape[1], flat.shape[1], dtype=dtype, device=flat.device)
    for part, norm in zip(flat.split(_PART), norms.split(_PART), strict=True):
        unit = part / norm[:, None]
        moment += (unit.T @ unit.conj()).to(dtype)
    return moment / len(flat)


def separable_products(csi: Tensor, count: int) -> Tensor:
    r"""The products :math:`u_i v_j^T` of delay and port axes with the most mean power, as columns.

    Args:
        csi: training channels ``[n, Na, Nt]``, complex64.
        count: how many, at most ``Na Nt``.

    Returns:
        ``[Na Nt, count]``, complex64, orthonormal.

    Raises:
        FeedbackInputError: if all samples are zero.
    """
    norms = torch.linalg.vector_norm(csi.flatten(1), dim=1)
    used = norms > 0
    if not used.any():
        raise FeedbackInputError(f"principal axes: got {len(csi)} training channels, all zero, expected others")
    return _strongest_products(*_separable(csi[used], norms[used]), count)


def _separable(csi: Tensor, norms: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    r"""Axes of the delays, axes of the ports, and the mean power of each pair of them.

    Eigenvectors of :math:`E[X X^H]` and :math:`E[X^T X^*]` of samples of unit norm, and :math:`E|U^H X V^*|^2`.

    Args:
        csi: training channels ``[n, Na, Nt]``, complex64, none all zero.
        norms: Frobenius norm of each, ``[n]``.

    Returns:
        ``[Na, Na]`` and ``[Nt, Nt]``, columns, complex64, and ``[Na, Nt]``, float64.
    """
    parts = [part / norm[:, None, None] for part, norm in zip(csi.split(_PART), norms.split(_PART), strict=True)]
    rows = sum(torch.einsum("nat,nbt->ab", part, part.conj()).to(torch.complex128) for part in parts)
    columns = sum(torch.einsum("nat,nau->tu", part, part.conj()).to(torch.complex128) for part in parts)
    delays, ports = (torch.linalg.eigh(moment)[1].flip(1).to(torch.complex64) for moment in (rows, columns))
    powers = sum((delays.mH @ part @ ports.conj()).abs().double().square().sum(0) for part in parts)
    return delays, ports, powers / len(csi)


def _separable_start(csi: Tensor, norms: Tensor, count: int) -> Tensor:
    """The pairs of separable axes with the most power as columns, some of them exchanged for random directions."""
    products = _strongest_products(*_separable(csi, norms), count - _OVERSAMPLING // 2)
    generator = torch.Generator().manual_seed(0)
    others = torch.randn(len(products), _OVERSAMPLING // 2, dtype=torch.complex64, generator=generator)
    return torch.cat([products, others.to(csi.device)], dim=1)


def _strongest_products(delays: Tensor, ports: Tensor, powers: Tensor, count: int) -> Tensor:
    strongest, n_ports = powers.flatten().argsort(descending=True, stable=True)[:count], ports.shape[1]
    return (delays[:, None, strongest // n_ports] * ports[None, :, strongest % n_ports]).flatten(0, 1)


def _products(columns: Tensor) -> Tensor:
    """Inner products of columns ``[d, n]``, ``[n, n]``, complex128 sums of complex64 products."""
    gram = torch.zeros(columns.shape[1], columns.shape[1], dtype=torch.complex128, device=columns.device)
    for part in columns.split(_PART):
        gram += (part.mH @ part).to(gram.dtype)
    return gram


def _eigenpairs(matrix: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Leading eigenpairs of a Hermitian matrix, eigenvalues falling, by a direct solution."""
    size = len(matrix)
    if size <= _MAX_FULL or matrix.is_cuda:
        values, vectors = torch.linalg.eigh(matrix)
        return values.flip(0)[:count].double(), vectors.flip(1)[:, :count]
    wanted = [size - count, size - 1]
    from scipy.linalg import eigh

    # Last digits may depend on the threads, and SciPy has a BLAS of its own, which PyTorch's setting does not reach.
    with threadpool_limits(1, user_api="blas"):
        found = eigh(matrix.to(torch.complex128).numpy(), subset_by_index=wanted, overwrite_a=True, check_finite=False)
    rising, columns = (torch.from_numpy(part) for part in found)
    return rising.flip(0).double(), columns.flip(1)


def _leading(matrix: Tensor, start: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Leading eigenpairs of a Hermitian positive semidefinite matrix, eigenvalues falling, by subspace iteration."""
    matrix = matrix.to(torch.complex64)
    total, found, gain = float(matrix.diagonal().real.sum(dtype=torch.float64)), 0.0, 0.0
    product = start
    for step in range(_MAX_ITERATIONS):
        basis = torch.linalg.qr(product).Q
        product = matrix @ basis
        small = basis.mH @ product
        values, turn = torch.linalg.eigh((small + small.mH) / 2)
        values, turn = values.flip(0)[:count].double(), turn.flip(1)
        captured = float(values.sum())
        before, gain, found = gain, captured - found, captured
        ratio = min(max(gain, 0.0) / before, 0.99) if before > 0 else 0.0
        # The first gain is that of the start.
        if step > 1 and gain * ratio / (1 - ratio) <= _TOLERANCE * max(total - captured, 1e-6 * total):
            break
        product = product @ turn
    return values, basis @ turn[:, :count]


def _completed(values: Tensor, axes: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Axes of samples made orthonormal, with further ones of eigenvalue 0 up to ``count``."""
    # Axes of what is rounding only are no axes; sums of float32 products round at some 1e-7 of the largest.
    known = int((values > 1e-6 * values[0]).sum())
    generator = torch.Generator().manual_seed(0)
    others = torch.randn(len(axes), count - known, dtype=torch.complex128, generator=generator).to(axes.device)
    basis = torch.linalg.qr(torch.cat([axes[:, :known].to(torch.complex128), others], dim=1)).Q
    padded = torch.nn.functional.pad(values[:known].to(torch.float64), (0, count - known))
    return padded, basis.to(torch.complex64)


def _require_memory(n: int, dimensions: int, count: int, direct: bool) -> None:
    """Passes what fits in memory.

    Raises:
        FeedbackInputError: if the matrices take more than is free.
    """
    smaller = min(n, dimensions)
    # Bytes: the matrix with its copy and eigenvectors in complex128, or in complex64 with four blocks of columns.
    matrices = 3 * 16 * smaller**2 if direct else 2 * 8 * smaller**2 + 4 * 8 * smaller * (count + _OVERSAMPLING)
    needed = matrices + (8 * n * dimensions if n < dimensions else 0) + 16 * dimensions * count
    free = psutil.virtual_memory().available
    if needed > free:
        raise FeedbackInputError(
            f"principal axes of {dimensions} dimensions: they take {needed / 1e9:.1f} GB of memory, expected at most "
            f"the {free / 1e9:.1f} GB that are free: fewer training.samples, or klt with `separable: true`"
        )
