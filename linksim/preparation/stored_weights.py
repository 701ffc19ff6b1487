"""In how many bits trained weights are kept: in 8 where that costs next to nothing on the validation channels."""

from torch import Tensor

from feedback.checkpoint_info import Storage
from feedback.neural import NeuralCompressor
from feedback.training.options import TrainingOptions
from feedback.training.validation import decibel, validation_error
from feedback.weight_storage import packed, unpacked

# Most that 8 bits may cost, dB.
MOST_COST_DB = 0.05


def cheapest_storage(trained: NeuralCompressor, csi: Tensor) -> tuple[Storage, float]:
    """The smallest storage that costs less than ``MOST_COST_DB``, and what 8 bits cost, dB.

    Args:
        trained: the network, as it is afterwards too.
        csi: validation matrices ``[n, Na, Nt]``, complex64.
    """
    before, state = _error_db(trained, csi), {name: tensor.clone() for name, tensor in trained.state().items()}
    try:
        trained.load_state(unpacked(packed(state, "int8"), "int8"))
        cost = _error_db(trained, csi) - before
    finally:
        trained.load_state(state)
    return ("int8" if cost < MOST_COST_DB else "float16_fc"), cost


def _error_db(trained: NeuralCompressor, csi: Tensor) -> float:
    errors = trained.suited(TrainingOptions()).errors
    return decibel(validation_error(trained.autoencoder(), csi, trained.settings.disturbance, errors=errors))
