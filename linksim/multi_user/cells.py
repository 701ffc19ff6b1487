"""Which samples are users of the same cell."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from channels.source import BLOCK_SIZE


def cells(indices: NDArray[np.int64], users: int) -> Tensor:
    """Consecutive samples of a block are the users of a cell; a block's last ones, too few for a cell, are in none.

    A sample has the same neighbours whatever batch it is in, as batches begin at blocks. A cell that lacks a user, left
    out or not measured, is left out.

    Args:
        indices: index of each sample in its split, ascending, ``[batch]``.
        users: users of a cell.

    Returns:
        Places in the batch, ``[n_cells, users]``, int64.
    """
    block, place = np.divmod(indices, BLOCK_SIZE)
    per_block = BLOCK_SIZE // users
    cell = np.where(place < per_block * users, block * per_block + place // users, -1)
    numbers, first, counts = np.unique(cell, return_index=True, return_counts=True)
    begins = first[(numbers >= 0) & (counts == users)]
    return torch.from_numpy(begins.astype(np.int64)[:, None] + np.arange(users, dtype=np.int64))
