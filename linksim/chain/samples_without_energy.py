"""Samples without energy, such as blocked users of a ray tracer: errors relative to nothing are no numbers.

One rule for all stages, the scenario's ``samples_without_energy``: they are left out, counted and told of once, or they
are refused by file and index; and where none is left, there is no result.
"""

import torch
from torch import Tensor

from linksim.errors import InputError
from linksim.scenario.model import Scenario

# Real numbers of a matrix that are looked at first.
_FEW = 64


def has_energy(matrices: Tensor) -> Tensor:
    """Which of the complex matrices ``[n, rows, columns]`` are not all zero, ``[n]``, bool."""
    values = torch.view_as_real(matrices.resolve_conj()).flatten(1)
    # Nearly always the first few tell.
    found = values[:, :_FEW].any(dim=1)
    return found if found.all() else values.any(dim=1)


def require_energy(kept: Tensor, scenario: Scenario, split: str, start: int) -> None:
    """Refuses samples without energy where the scenario says so.

    Args:
        kept: which samples have energy, ``[n]``, bool.
        scenario: the scenario.
        split: split that they are of.
        start: index of the first in its split.

    Raises:
        InputError: for the first without; the line names file and index.
    """
    if scenario.samples_without_energy == "refuse" and not kept.all():
        index = start + int(kept.logical_not().nonzero()[0])
        raise InputError(
            f"{_origin(scenario, split)}: {split} channel {index} has no energy, expected some "
            "(samples_without_energy: leave_out goes on without such channels)"
        )


def channels_with_energy(csi: Tensor, scenario: Scenario, split: str) -> Tensor:
    """The channels of a split ``[n, Na, n_ports]`` that have energy.

    Raises:
        InputError: if none has, or the scenario refuses those without.
    """
    kept = has_energy(csi)
    require_energy(kept, scenario, split, 0)
    require_some(int(kept.sum()), len(kept), scenario, split)
    return csi if kept.all() else csi[kept]


def require_some(kept: int, of: int, scenario: Scenario, split: str) -> None:
    """Refuses a split of which nothing is left.

    Args:
        kept: samples with energy.
        of: samples looked at.
        scenario: the scenario.
        split: split that they are of.

    Raises:
        InputError: if there were samples, and none has energy.
    """
    if of and not kept:
        raise InputError(
            f"{_origin(scenario, split)}: got {of} {split} channels, all without energy, expected some with energy"
        )


def left_out_warning(left_out: int, of: int, split: str) -> str:
    """What a reader of the results should know."""
    return f"channel: {left_out} of {of} {split} channels have no energy and are left out"


def _origin(scenario: Scenario, split: str) -> str:
    for key in (f"{split}_file", "file", "folder"):
        path = getattr(scenario.channel, key, None)
        if path is not None:
            return f"channel.{key}: {path}"
    return "channel"
