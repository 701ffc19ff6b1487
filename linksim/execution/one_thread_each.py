"""Importing this module leaves PyTorch one thread.

The fork server imports it first: forks of a process with threads can hang.
"""

import torch

torch.set_num_threads(1)
