"""Importing this module leaves PyTorch one thread, and stops the collection of garbage.

The fork server imports it before all else: forks of a process with threads can hang, and what is imported later stays.
Workers collect garbage again.
"""

import gc

gc.disable()

import torch  # noqa: E402 - importing it makes the most objects

torch.set_num_threads(1)
