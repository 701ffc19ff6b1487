"""Arithmetic operations of one report at either side."""

import math
from dataclasses import dataclass

from feedback.context_codec.kernel import LevelShape
from feedback.context_codec.rotation import ROTATIONS, axis_rotations, panel_rotations
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


def layer_operations(
    shape: LevelShape, tables: ContextTables, n_layers: int, passes: int, alignments: int
) -> Operations:
    """What a report of layers of eigenvectors takes.

    The UE makes, for every rotation along one axis and then along the other, the beams and delays and their moduli; for
    every alignment the delays twice, the moduli, and an inner product. FFTs and the context model are counted as in
    ``operations``.

    Args:
        shape: delays, polarisations, rows and columns of a layer.
        tables: of the context model.
        n_layers: of them.
        passes: how often the UE codes them.
        alignments: how often phases follow the strong coefficients.
    """
    entries = shape.entries
    model = entries * tables.macs_per_entry(shape.layers > 1, shape.tilts > 1)
    delays = math.ceil(entries * 2 * math.log2(shape.rows))
    beams = math.ceil(entries * 2 * math.log2(shape.tilts * shape.columns))
    turned = 4 * entries if panel_rotations(shape.tilts, shape.columns) > 1 else 0
    phases = 4 * entries
    tried = axis_rotations(shape.tilts) + axis_rotations(shape.columns) + 1
    search = tried * (turned + beams + phases + delays + 2 * entries)
    alignment = alignments * (2 * delays + phases + 4 * entries + 4 * entries)
    ue = search + alignment + passes * (model + 2 * entries)
    return Operations(n_layers * model, n_layers * ue, n_layers * (model + delays + beams + turned))


def following_operations(shape: LevelShape, tables: ContextTables, n_layers: int) -> int:
    """What the UE of a report with memory takes beside that of one that stands alone.

    For each layer the beams under one more rotation, those of what it remembers, an inner product, the phases and the
    delays; then the context model and the price of its levels.

    Args:
        shape: delays, polarisations, rows and columns of a layer.
        tables: of reports that build on the one before.
        n_layers: of them.
    """
    entries = shape.entries
    model = entries * tables.macs_per_entry(shape.layers > 1, shape.tilts > 1)
    delays = math.ceil(entries * 2 * math.log2(shape.rows))
    beams = math.ceil(entries * 2 * math.log2(shape.tilts * shape.columns))
    turned = 4 * entries if panel_rotations(shape.tilts, shape.columns) > 1 else 0
    in_phase = turned + beams + 2 * delays + 4 * entries + 4 * entries
    return n_layers * (in_phase + model + 2 * entries)


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
