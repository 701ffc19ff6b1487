r"""Rounded weights whose fully connected layers keep the mean of their outputs.

Where a layer's inputs have a mean far beyond their deviation, rounding its weights moves all its outputs together,
which may cost many dB. The mean is made up for in the bias, which is stored in full:

.. math:: \hat b = b + (W - \hat W) \, \overline{x}

as in M. Nagel et al., Data-free quantization through weight equalization and bias correction, 2019, section 4.2
(arXiv:1906.04721), with the mean measured on channels.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack

import torch
from torch import Tensor, nn

from feedback.coded_weights import rounded
from feedback.layers.basic import CentredLinear
from feedback.weight_storage import is_coded

# Layers that are the product and the bias, nothing else.
_PLAIN = (nn.Linear, CentredLinear)


@torch.no_grad()
def mean_inputs(network: nn.Module, run: Callable[[], object]) -> dict[str, Tensor]:
    """Means of what the fully connected layers of a network multiply, ``[in]`` each, float64, by the layers' names.

    Args:
        network: whose layers are looked at.
        run: puts channels through it.
    """
    sums: dict[str, tuple[Tensor, int]] = {}

    def watch(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def add(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            x = inputs[0] - layer.centre if isinstance(layer, CentredLinear) else inputs[0]
            x = x.detach().flatten(0, -2)
            total, count = sums.get(name, (0, 0))
            sums[name] = (total + x.sum(0, dtype=torch.float64), count + len(x))

        return add

    with ExitStack() as hooks:
        for name, layer in network.named_modules():
            if type(layer) in _PLAIN and layer.bias is not None:
                hooks.callback(layer.register_forward_pre_hook(watch(name)).remove)
        run()
    return {name: total / count for name, (total, count) in sums.items()}


def rounded_state(
    state: Mapping[str, Tensor], step: float, binary: frozenset[str], means: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """A state whose coded weights are at their levels, and whose biases keep the means of the layers' outputs.

    Args:
        state: float32 tensors by name.
        step: distance of levels over the root mean square of a tensor.
        binary: weights of which only signs and one scale work, which stay as they are.
        means: that ``mean_inputs`` found.
    """
    made = {name: rounded(w, step) if is_coded(name, w, binary) else w for name, w in state.items()}
    for layer, mean in means.items():
        weight, bias = f"{layer}.weight", f"{layer}.bias"
        # A tensor of several layers has the name that it has in the first.
        if weight in made and bias in made and made[weight] is not state[weight]:
            shift = (state[weight].to(torch.float64) - made[weight].to(torch.float64)) @ mean
            made[bias] = (state[bias].to(torch.float64) + shift).to(torch.float32)
    return made
