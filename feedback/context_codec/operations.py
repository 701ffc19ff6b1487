"""Arithmetic operations of one report at either side."""

import math
from dataclasses import dataclass

from feedback.context_codec.kernel import LevelShape
from feedback.context_codec.rotation import ROTATIONS
from feedback.context_codec.tables import ContextTables


@dataclass(frozen=True)
class Operations:
    """Multiply-adds of one report.

    Attributes:
        model: of the context model for all entries once, integers.
        ue: at the UE, the search of a rotation and of the step that fits among them.
        bs: at the BS.
    """

    model: int
    ue: int
    bs: int


def operations(shape: LevelShape, tables: ContextTables, passes: int) -> Operations:
    """What a report of that shape takes.

    The context model costs network and prediction of every entry. The UE scales the matrix and makes every rotation,
    with FFTs of ``2 N log2 N`` real multiply-adds for ``N`` columns, and squares moduli. Additions, comparisons and
    table look-ups are not counted.

    Args:
        shape: of the matrix.
        tables: of the context model.
        passes: how often the UE codes the matrix, in search of a step or of a predecessor.
    """
    model = shape.entries * tables.macs_per_entry(shape.layers > 1, shape.tilts > 1)
    transform = math.ceil(shape.entries * 2 * math.log2(shape.columns)) if shape.columns > 1 else 0
    ramp = 4 * shape.entries if shape.columns > 1 else 0
    rotations = ROTATIONS if shape.columns > 1 else 1
    search = transform + rotations * (ramp + transform + 2 * shape.entries)
    scaling = 4 * shape.entries
    return Operations(model, scaling + search + passes * (model + 2 * shape.entries), model + 2 * transform + 2 * ramp)
