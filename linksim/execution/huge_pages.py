"""Memory of large tensors in pages of 2 MiB instead of 4 KiB, where Linux has them on request."""

import os

# PyTorch reads it when it first allocates.
_VARIABLE = "THP_MEM_ALLOC_ENABLE"


def use_huge_pages() -> None:
    """Lets PyTorch ask for them in this process and those that it starts, unless the user has decided.

    Before PyTorch allocates. Channels of a batch are tens of megabytes: with small pages a run spends a tenth of its
    time on page faults and address translation. Training does without: its tensors are so small, and live so
    shortly, that clearing huge pages takes longer.
    """
    os.environ.setdefault(_VARIABLE, "1")
