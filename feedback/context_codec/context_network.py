"""Training of the small network that turns the activities around an entry into two context numbers.

It is trained through the levels' distribution: a larger network, which nobody ships, predicts the level from the two
numbers, and its cross entropy is minimised. Uniform noise of one unit stands for their rounding. What is kept are
integers.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from feedback.context_codec import sizes

# Levels that the distribution tells apart; larger ones count as the largest.
_REACH = 15
_MOST_BATCH = 4096
_SPAN = torch.tensor([sizes.PRIMARY - 1.0, sizes.SECONDARY - 1.0])
# Of the two context numbers per unit of the last layer, so that all weights learn at like rates.
_GAIN = 4


@dataclass(frozen=True)
class Observations:
    """Entries of training reports.

    Attributes:
        inputs: logarithms of the activities around, of the row and of the step, sixteenths, ``[m, INPUTS + 2]``.
        levels: real and imaginary level, ``[m, 2]``.
        sizes: numbers of the predicted sizes, ``[m, 2]``.
        negative: whether the prediction is negative, ``[m, 2]``, bool.
    """

    inputs: NDArray[np.int16]
    levels: NDArray[np.int16]
    sizes: NDArray[np.uint8]
    negative: NDArray[np.bool_]


def train_network(
    seen: Observations, hidden_units: int, steps: int, seed: int, tell: Callable[[str], None]
) -> dict[str, NDArray[np.int16]]:
    """The tables ``hidden``, ``hidden_bias``, ``output`` and ``output_bias``.

    Args:
        seen: entries to learn from.
        hidden_units: of the network.
        steps: of Adam, with batches of 4096 entries at most, and a learning rate that falls to 0.
        seed: of weights and batches.
        tell: called with one progress line.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        hidden, output = nn.Linear(sizes.INPUTS + 2, hidden_units), nn.Linear(hidden_units, 2)
        with torch.no_grad():
            # Numbers begin amid their range, outside of which nothing is learnt.
            output.bias.copy_(_SPAN / 2 / _GAIN)
        heads = _head(3), _head(5)
        modules = nn.ModuleList([hidden, output, *heads])
        optimiser = torch.optim.Adam(modules.parameters(), lr=4e-3)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / steps + 0.005)
        mean, since, batch = 0.0, 0, min(_MOST_BATCH, len(seen.levels))
        for step in range(steps):
            chosen = torch.randint(len(seen.levels), (batch,))
            loss = _loss(seen, chosen, hidden, output, heads)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            mean, since = mean + float(loss.detach()), since + 1
            if (step + 1) % 500 == 0:
                tell(f"context network: step {step + 1} of {steps}, {mean / since / np.log(2):.4f} bits an entry")
                mean, since = 0.0, 0
    return {
        # Inputs come in sixteenths, and hidden values leave in sixteenths.
        "hidden": _integers(64 * hidden.weight),
        "hidden_bias": _integers(64 * 16 * hidden.bias),
        "output": _integers(64 * _GAIN * output.weight),
        "output_bias": _integers(1024 * _GAIN * output.bias),
    }


def _loss(
    seen: Observations, chosen: Tensor, hidden: nn.Linear, output: nn.Linear, heads: tuple[nn.Module, ...]
) -> Tensor:
    index = chosen.numpy()
    inputs = torch.from_numpy(seen.inputs[index].astype(np.float32) / 16)
    along = np.where(seen.negative[index], -seen.levels[index], seen.levels[index]).astype(np.int64)
    levels = torch.from_numpy(along).clamp(-_REACH, _REACH)
    predicted = torch.from_numpy(seen.sizes[index].astype(np.float32) / 4)
    raw = _GAIN * output(torch.relu(hidden(inputs)))
    numbers = torch.minimum(torch.relu(raw), _SPAN) + torch.rand(len(index), 2) - 0.5
    context = numbers / _SPAN * 4 - 2
    real = levels[:, :1].clamp(-2, 2).float()
    about_real = torch.cat([context, predicted[:, :1]], dim=1)
    about_imaginary = torch.cat([context, predicted[:, 1:], real, real.abs()], dim=1)
    loss = nn.functional.cross_entropy(heads[0](about_real), levels[:, 0] + _REACH)
    loss = loss + nn.functional.cross_entropy(heads[1](about_imaginary), levels[:, 1] + _REACH)
    # Numbers outside their range would stop learning.
    return loss + 1e-3 * (torch.relu(-raw).mean() + torch.relu(raw - _SPAN).mean())


def _head(n_inputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(n_inputs, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 2 * _REACH + 1)
    )


def _integers(weights: Tensor) -> NDArray[np.int16]:
    found: NDArray[np.int16] = weights.detach().round().clamp(-4096, 4096).to(torch.int16).numpy()
    return found
