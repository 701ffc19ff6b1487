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
_MOST_BATCH = 2048
# Starts, of which the best goes on after an eighth of the steps, and how often progress is told.
_STARTS = 4
_REPORTED = 500
_SPAN = torch.tensor([sizes.PRIMARY - 1.0, sizes.SECONDARY - 1.0])
# Of the two context numbers per unit of the last layer, so that all weights learn at like rates.
_GAIN = 4


@dataclass(frozen=True)
class Observations:
    """Entries of training reports.

    Attributes:
        inputs: logarithms of the activities around, of the row and of the step, sixteenths, ``[m, inputs + 2]``.
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
        steps: of Adam, with batches of 2048 entries at most and a learning rate that falls to 0; the best of four
            starts.
        seed: of weights and batches.
        tell: called with one progress line.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        trials = [_Trial(seen, hidden_units, steps) for _ in range(_STARTS)]
        for trial in trials:
            trial.run(max(steps // 8, 1))
        best = min(trials, key=lambda trial: trial.recent_bits)
        while best.done < steps:
            tell(f"context network: step {best.done} of {steps}, {best.recent_bits:.4f} bits an entry")
            best.run(min(_REPORTED, steps - best.done))
        tell(f"context network: step {best.done} of {steps}, {best.recent_bits:.4f} bits an entry")
    hidden, output = best.hidden, best.output
    return {
        # Inputs come in sixteenths, and hidden values leave in sixteenths.
        "hidden": _integers(64 * hidden.weight),
        "hidden_bias": _integers(64 * 16 * hidden.bias, most=2**15 - 1),
        "output": _integers(64 * _GAIN * output.weight),
        "output_bias": _integers(1024 * _GAIN * output.bias, most=2**15 - 1),
    }


class _Trial:
    """One start of the network, with the networks that predict levels from its two numbers."""

    def __init__(self, seen: Observations, hidden_units: int, steps: int) -> None:
        self.seen, self.done, self.recent_bits = seen, 0, float("inf")
        self.hidden, self.output = nn.Linear(seen.inputs.shape[1], hidden_units), nn.Linear(hidden_units, 2)
        self.heads = _head(3), _head(5)
        self._spread()
        modules = nn.ModuleList([self.hidden, self.output, *self.heads])
        self.optimiser = torch.optim.Adam(modules.parameters(), lr=4e-3)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, lambda step: 1 - step / steps + 0.005)

    @torch.no_grad()
    def _spread(self) -> None:
        """Hidden units begin active for most entries, and the numbers amid their range: elsewhere nothing is learnt."""
        inputs = torch.from_numpy(self.seen.inputs[:_MOST_BATCH].astype(np.float32) / 16)
        before = self.hidden(inputs)
        deviation = before.std(dim=0) + 1e-6
        self.hidden.weight /= deviation[:, None]
        self.hidden.bias.copy_((self.hidden.bias - before.mean(dim=0)) / deviation + 0.5)
        numbers = self.output(torch.relu(self.hidden(inputs)))
        gain = _SPAN / 4 / _GAIN / (numbers.std(dim=0) + 1e-6)
        self.output.weight *= gain[:, None]
        self.output.bias.copy_((self.output.bias - numbers.mean(dim=0)) * gain + _SPAN / 2 / _GAIN)

    def run(self, steps: int) -> None:
        """Some steps more; ``recent_bits`` is the mean over the second half of them."""
        losses, batch = [], min(_MOST_BATCH, len(self.seen.levels))
        for _ in range(steps):
            chosen = torch.randint(len(self.seen.levels), (batch,))
            loss = _loss(self.seen, chosen, self.hidden, self.output, self.heads)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            self.schedule.step()
            losses.append(float(loss.detach()))
        self.done += steps
        self.recent_bits = float(np.mean(losses[len(losses) // 2 :]) / np.log(2))


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


def _integers(weights: Tensor, most: int = 4096) -> NDArray[np.int16]:
    found: NDArray[np.int16] = weights.detach().round().clamp(-most, most).to(torch.int16).numpy()
    return found
