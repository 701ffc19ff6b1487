"""In how few bits trained weights are kept: in as few as cost next to nothing on the validation channels."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from feedback.layers.binary import binary_weights
from feedback.neural import NeuralCompressor
from feedback.training.options import TrainingOptions
from feedback.training.validation import decibel, validation_error
from feedback.weight_rounding import mean_inputs, rounded_state
from feedback.weight_storage import StoredWeights, packed, unpacked

# Most that the storage may cost, dB: what shows in no figure of two decimals but its last.
MOST_COST_DB = 0.02
# Distances of levels over the root mean square of a tensor, the widest first.
STEPS = tuple(2.0 ** (-half / 2) for half in range(21))
# Validation channels that the cost is measured on, at most.
_CHANNELS = 2000


def cheapest_storage(trained: NeuralCompressor, csi: Tensor, kept: frozenset[str] = frozenset()) -> StoredWeights:
    """Weights as levels of the widest step that costs less than ``MOST_COST_DB``; in half precision if none does.

    Where some of them have to come back to the last bit, in full if these would not.

    The cost is taken to grow with the step, so that the steps are halved, not tried one by one.

    Args:
        trained: the network, as it is afterwards too.
        csi: validation matrices ``[n, Na, Nt]``, or sequences of them, complex64.
        kept: tensors that stay as they are, by name: those of the UE where only the BS has learnt.
    """
    csi = csi[:_CHANNELS]
    state = {name: tensor.clone() for name, tensor in trained.state().items()}
    binary = binary_weights(trained)
    found: list[float] = []
    means = mean_inputs(trained, lambda: found.append(_error_db(trained, csi)))

    def cost_db(other: dict[str, Tensor]) -> float:
        trained.load_state(other)
        return _error_db(trained, csi) - found[0]

    try:
        fine, wide = len(STEPS), -1
        costs: dict[int, float] = {}
        while fine - wide > 1:
            tried = (fine + wide) // 2
            costs[tried] = cost_db(rounded_state(state, STEPS[tried], binary, means))
            fine, wide = (tried, wide) if costs[tried] < MOST_COST_DB else (fine, tried)
        if fine < len(STEPS):
            chosen = rounded_state(state, STEPS[fine], binary, means)
            biases = {name: tensor for name, tensor in chosen.items() if tensor.dim() < 2}
            tensors = packed(state | biases, "coded", binary, STEPS[fine])
            if _are_kept(unpacked(tensors, "coded", state, binary), state, kept):
                return StoredWeights(tensors, "coded", costs[fine])
        halved = StoredWeights(packed(state, "float16_fc"), "float16_fc")
        if not _are_kept(unpacked(halved.tensors, "float16_fc", state), state, kept):
            return StoredWeights(packed(state, "float32"), "float32", 0.0)
        return replace(halved, cost_db=cost_db(unpacked(halved.tensors, "float16_fc", state)))
    finally:
        trained.load_state(state)


def _are_kept(read: Mapping[str, Tensor], state: Mapping[str, Tensor], kept: frozenset[str]) -> bool:
    return all(torch.equal(read[name].to(state[name]), state[name]) for name in kept)


def _error_db(trained: NeuralCompressor, csi: Tensor) -> float:
    errors = trained.suited(TrainingOptions()).errors
    return decibel(validation_error(trained.autoencoder(), csi, trained.settings.disturbance, errors=errors))
