"""What a transform code learns beside its axes: spreads, how often components are chosen, and the tables of levels."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from feedback.context_codec import side_information
from feedback.errors import FeedbackInputError
from feedback.transform_coding import kernel
from feedback.transform_coding.axes import Axes
from feedback.transform_coding.codec import RATE_WEIGHT
from feedback.transform_coding.kernel import LevelCode
from feedback.transform_coding.level_tables import LevelCounts, LevelTables, code_of, label_table

# Steps that the tables are learnt at, relative to the root mean square of the entries: two an octave.
_STEPS = np.exp2(np.arange(-12, 10) / 2)
# Channels of each pass, fewer where there are more than 16 components; tables of one choose the levels of the next.
_PASSES = (100, 500)
_COMPONENTS = 16
_MAX_SPREAD = 400
# Axes of about equal variance, whose powers are averaged over.
_ALIKE = 16
_PART = 500
# Coefficients that are in memory at once.
_MAX_COEFFICIENTS = 2**21


def unit_power(csi: Tensor) -> Tensor:
    """Matrices ``[n, Na, Nt]`` over the root mean square of their entries; those that are all zero are left out.

    Raises:
        FeedbackInputError: if all are zero.
    """
    power = csi.abs().square().mean(dim=(1, 2))
    used = power > 0
    if not used.any():
        raise FeedbackInputError(f"transform coding: got {len(csi)} training channels, all zero, expected others")
    return csi[used] / power[used].sqrt()[:, None, None]


def spread_of(variances: Tensor) -> NDArray[np.int16]:
    """``round(16 log2)`` of the standard deviation of a part, from variances of complex coefficients."""
    with np.errstate(divide="ignore"):
        spread = np.rint(8 * np.log2(variances.double().cpu().numpy() / 2))
    return np.clip(spread, -_MAX_SPREAD, _MAX_SPREAD).astype(np.int16)


def mean_powers(axes: Axes, csi: Tensor) -> Tensor:
    """Mean powers of the coefficients of channels ``[n, Na, Nt]``, ``[sets, Na Nt]``, float64."""
    total = torch.zeros(axes.sets, csi.shape[1] * csi.shape[2], dtype=torch.float64)
    for part in csi.split(_PART):
        total += axes.coefficients(part).abs().double().square().sum(dim=0)
    return total / len(csi)


def corrected(variances: Tensor, powers: Tensor) -> Tensor:
    """Variances on learnt axes, as channels that these were not learnt from have them.

    Axes fit the channels that they come from: others have less power on the strong ones and more on the weak ones, also
    on those beyond the rank of the training channels. What is right on average over axes of about equal variance comes
    from the others, what tells these apart from the training.

    Args:
        variances: on the training channels, ``[Na Nt]``.
        powers: mean powers of other channels, ``[Na Nt]``.
    """
    found, least = variances.clone(), 1e-6 * variances.mean()
    for alike in variances.argsort(descending=True, stable=True).split(_ALIKE):
        own = variances[alike] + least
        found[alike] = own * (powers[alike].sum() / own.sum())
    return found


def learn_code(axes: Axes, variances: Tensor, csi: Tensor) -> tuple[LevelCode, LevelTables]:
    """The code of levels on given axes.

    Args:
        axes: transforms of the components.
        variances: of the coefficients of each component, ``[components, Na Nt]``.
        csi: channels of unit power to count levels of, ``[n, Na, Nt]``; others than the axes come from, or tables
            would not know how far variances are off.

    Returns:
        The code, and the tables that it is made of.
    """
    spread, components = spread_of(variances), len(variances)
    chosen, tables = np.ones(components), LevelCounts().tables()
    for channels in _PASSES:
        counts, before = LevelCounts(), code_of(spread, label_table(chosen)[0], tables.decision)
        chosen = np.zeros(components)
        some = csi[: max(channels * _COMPONENTS // max(components, _COMPONENTS), 50)]
        for part in some.split(max(1, _MAX_COEFFICIENTS // (axes.sets * spread.shape[1]))):
            coefficients = axes.coefficients(part.to(torch.complex128))
            chosen += _count(counts, before, torch.view_as_real(coefficients).numpy())
        tables = counts.tables()
    return code_of(spread, label_table(chosen)[0], tables.decision), tables


def _count(counts: LevelCounts, code: LevelCode, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Counts the levels of coefficients ``[n, sets, entries, 2]``; how often each component was chosen."""
    chosen, rows = np.zeros(code.components), np.arange(len(values))
    for step in _STEPS:
        steps = np.full(len(values), step)
        numbers = np.full(len(values), side_information.step_number(float(step)), np.int32)
        coded = kernel.encode_levels(code, values, steps, numbers, RATE_WEIGHT)
        own = values[rows, coded.labels if values.shape[1] > 1 else 0]
        classes = kernel.classes_of(code.spread[coded.labels], numbers)[..., None]
        places = np.broadcast_to(classes, coded.levels.shape)
        counts.add(coded.levels, places, kernel.seen_of(coded.levels), np.abs(own) / step)
        chosen += np.bincount(coded.labels, minlength=code.components)
    return chosen
