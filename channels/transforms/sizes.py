"""Sizes of matrices that channels are transformed to; without PyTorch."""

from typing import Final

from channels.bounds import require_memory
from channels.dimensions import ArrayShape, OfdmGrid
from channels.errors import ChannelInputError

# Points over the band of the public ``HF_all``, and those of them that its files hold.
HF_POINTS: Final = 257
HF_BINS: Final = 125


def check_truncation(grid: OfdmGrid, array: ArrayShape, n_delay: int) -> None:
    """Refuses truncated angular-delay matrices that there are none of.

    Raises:
        ChannelInputError: if ``n_delay`` is not between 1 and the number of subcarriers, or if the matrices of the
            transform do not fit into memory.
    """
    if not 1 <= n_delay <= grid.n_subcarriers:
        raise ChannelInputError(f"n_delay: got {n_delay}, expected 1 to {grid.n_subcarriers} (n_subcarriers)")
    # complex128; the Kronecker product has one temporary of the same size.
    n_entries = 2 * array.n_ports**2 + grid.n_subcarriers * n_delay
    require_memory(16 * n_entries, f"matrices of {array.n_ports} ports, {grid.n_subcarriers} subcarriers")
