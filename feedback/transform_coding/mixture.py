"""Gaussian mixtures of channels: components by expectation-maximisation, each with axes of its own."""

import math
from dataclasses import dataclass

import psutil
import torch
from torch import Tensor

from feedback.errors import FeedbackInputError
from feedback.principal_axes import second_moment
from feedback.transform_coding.axes import Axes, FullAxes, OwnEntries, SeparableAxes
from feedback.transform_coding.covariance import Covariance

# Channels of all that count in every component beside its own, so that each has a covariance of full rank.
_SHARED_CHANNELS = 8.0
# The least variance of a coefficient, over the mean of all.
_LEAST_VARIANCE = 1e-5
_ROUNDS = 30
# Rounds in which memberships are spread out, so that components find their places before they commit themselves.
_SOFT_ROUNDS = 10
# Bound on the multiply-adds of rounds in which components have axes of their own; one round is always made.
_MAX_WORK = 4e11
_MAX_OWN_ROUNDS = 10
_PART = 500


@dataclass(frozen=True)
class Mixture:
    """Components of a mixture of zero-mean proper complex Gaussian vectors.

    Attributes:
        axes: of the components.
        variances: of the coefficients on them, ``[components, Na Nt]``, float32.
        labels: the likeliest component of each training channel, ``[n]``, int64.
    """

    axes: Axes
    variances: Tensor
    labels: Tensor


def fit_mixture(csi: Tensor, components: int, covariance: Covariance, generator: torch.Generator) -> Mixture:
    r"""Fits :math:`p(x) = \sum_k \pi_k \, \mathcal{CN}(x; 0, R_k)` to channels of unit power.

    First with diagonal :math:`R_k`, by expectation-maximisation (Dempster, Laird and Rubin, 1977); memberships are
    tempered in the first rounds (Ueda and Nakano, "Deterministic annealing EM algorithm", 1998, DOI
    10.1016/S0893-6080(97)00133-0), as likelihoods of a thousand coefficients are hard decisions from the start. Where
    components have axes of their own, each channel is then given to its likeliest component and these are fitted anew
    (classification EM), until nothing changes or a bound on the work is reached. Every covariance is shrunk towards
    that of all channels, and has a least variance.

    Args:
        csi: ``[n, Na, Nt]``, complex64, mean power of the entries of each about 1.
        components: how many.
        covariance: ``diagonal`` in the entries of the matrix, ``separable`` into delays and ports, or ``full``.
        generator: draws the channels that components start from.

    Raises:
        FeedbackInputError: if there are fewer channels than components, or the axes do not fit into memory.
    """
    n = len(csi)
    if n < components:
        raise FeedbackInputError(f"components: got {components} for {n} training channels, expected no more than these")
    shape = (csi.shape[1], csi.shape[2])
    variances, labels = _diagonal(csi, components, generator)
    if covariance == "diagonal":
        return Mixture(OwnEntries(shape), variances, labels)
    if covariance == "full":
        _require_memory(components, shape)
    found = _own_axes(csi, labels, components, covariance)
    macs = found.axes.macs * components * n
    for _ in range(min(_MAX_OWN_ROUNDS, max(1, int(_MAX_WORK // macs))) if components > 1 else 0):
        labels = _likeliest(csi, found)
        if torch.equal(labels, found.labels):
            break
        found = _own_axes(csi, labels, components, covariance)
    return found


def _diagonal(csi: Tensor, components: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Variances of components that are diagonal in the entries, and each channel's likeliest component."""
    power = csi.abs().square().flatten(1)
    mean = power.mean(dim=0)
    least = _LEAST_VARIANCE * float(mean.mean())
    start = power[torch.randperm(len(power), generator=generator)[:components].to(power.device)]
    variances = (0.3 * start + 0.7 * mean).clamp_min(least)
    weights = torch.full((components,), 1 / components, device=power.device)
    members = torch.zeros(0)
    for number in range(_ROUNDS if components > 1 else 1):
        likelihoods = weights.log() - power @ (1 / variances).T - variances.log().sum(1)
        # From next to nothing to all of the likelihood, by equal factors.
        temper = min(1.0, 0.01 ** (1 - number / _SOFT_ROUNDS)) if number < _SOFT_ROUNDS else 1.0
        before, members = members, torch.softmax(temper * likelihoods, dim=1)
        sums = members.sum(dim=0)
        variances = (members.T @ power + _SHARED_CHANNELS * mean) / (sums[:, None] + _SHARED_CHANNELS)
        variances, weights = variances.clamp_min(least), (sums + 1) / (len(power) + components)
        if number > _SOFT_ROUNDS and float((members - before).abs().mean()) < 1e-4 / components:
            break
    return variances, members.argmax(dim=1)


def _own_axes(csi: Tensor, labels: Tensor, components: int, covariance: Covariance) -> Mixture:
    """Axes and variances of components from the channels that belong to them, and a share of all."""
    fit = _full if covariance == "full" else _separable
    of_all = _moments(csi, covariance)
    parts = []
    for component in range(components):
        own = csi[labels == component]
        weight = len(own) / (len(own) + _SHARED_CHANNELS) if len(own) else 0.0
        moments = _moments(own, covariance) if len(own) else of_all
        blended = [weight * mine + (1 - weight) * all_ for mine, all_ in zip(moments, of_all, strict=True)]
        parts.append(fit(blended, own, csi, weight))
    axes = [torch.stack(columns) for columns in zip(*(part[:-1] for part in parts), strict=True)]
    shape = (csi.shape[1], csi.shape[2])
    made: Axes = FullAxes(axes[0], shape) if covariance == "full" else SeparableAxes(*axes)
    return Mixture(made, torch.stack([part[-1] for part in parts]).float(), labels)


def _moments(csi: Tensor, covariance: Covariance) -> list[Tensor]:
    """Second moment of whole matrices, or of their columns and of their rows, complex128."""
    if covariance == "full":
        return [second_moment(csi) * (csi.shape[1] * csi.shape[2])]
    columns = sum(torch.einsum("nat,nbt->ab", part, part.conj()).to(torch.complex128) for part in csi.split(_PART))
    rows = sum(torch.einsum("nat,nau->tu", part, part.conj()).to(torch.complex128) for part in csi.split(_PART))
    assert isinstance(columns, Tensor)
    assert isinstance(rows, Tensor)
    return [columns / len(csi), rows / len(csi)]


def _full(moments: list[Tensor], own: Tensor, csi: Tensor, weight: float) -> tuple[Tensor, Tensor]:
    dtype = torch.complex64 if len(moments[0]) > _PART else torch.complex128
    values, vectors = torch.linalg.eigh(moments[0].to(dtype))
    return vectors.flip(1).to(torch.complex64), _bounded(values.flip(0).double())


def _separable(moments: list[Tensor], own: Tensor, csi: Tensor, weight: float) -> tuple[Tensor, Tensor, Tensor]:
    delays, ports = (torch.linalg.eigh(moment)[1].flip(1).to(torch.complex64) for moment in moments)
    axes = SeparableAxes(delays[None], ports[None])
    powers = [_powers(axes, part) for part in (own, csi[:: max(1, len(csi) // _PART)])]
    variances = weight * powers[0] + (1 - weight) * powers[1] if len(own) else powers[1]
    return delays, ports, _bounded(variances)


def _powers(axes: Axes, csi: Tensor) -> Tensor:
    if len(csi) == 0:
        return torch.zeros(csi.shape[1] * csi.shape[2], dtype=torch.float64)
    total = sum(axes.coefficients(part)[:, 0].abs().square().sum(0).double() for part in csi.split(_PART))
    assert isinstance(total, Tensor)
    return total / len(csi)


def _bounded(variances: Tensor) -> Tensor:
    return variances.clamp_min(_LEAST_VARIANCE * float(variances.mean()))


def _likeliest(csi: Tensor, mixture: Mixture) -> Tensor:
    counts = torch.bincount(mixture.labels, minlength=len(mixture.variances)).to(csi.device)
    offset = (counts + 1).log() - mixture.variances.log().sum(1)
    labels = []
    for part in csi.split(_PART):
        power = mixture.axes.coefficients(part).abs().square()
        labels.append((offset - (power / mixture.variances).sum(2)).argmax(dim=1))
    return torch.cat(labels)


def _require_memory(components: int, shape: tuple[int, int]) -> None:
    """Passes axes that fit into memory.

    Raises:
        FeedbackInputError: if they take more than is free.
    """
    dimensions = math.prod(shape)
    # Axes in complex64, twice while they are put together, and moments and eigenvectors in complex128.
    needed = (2 * 8 * components + 4 * 16) * dimensions**2
    free = psutil.virtual_memory().available
    if needed > free:
        raise FeedbackInputError(
            f"components: got {components} with axes over {dimensions} dimensions, which take {needed / 1e9:.1f} GB of "
            f"memory, expected at most the {free / 1e9:.1f} GB that are free: fewer components, or another covariance"
        )
