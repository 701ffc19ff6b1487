"""The integer tables of the context model: what UE and BS share, as they ship or from a user's own training."""

import hashlib
from dataclasses import dataclass, fields
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path

import numpy as np
import safetensors
from numpy.typing import NDArray
from safetensors.numpy import load, save

from feedback.bounded_file import read_parsed
from feedback.context_codec import sizes
from feedback.errors import FeedbackInputError

# Inputs that a network may have beside row and step.
_INPUTS = (
    sizes.INPUTS,
    sizes.INPUTS + sizes.MORE_INPUTS,
    sizes.INPUTS + sizes.MORE_INPUTS + sizes.BASE_INPUTS,
)
# Largest magnitude of a weight of the network: sums stay far below 2^31 (34 x 4096 x 160; 16 x 4096 x 4096).
_MAX_WEIGHT = 4096
_MAX_PREDICTOR = 256
_MAX_FILE_BYTES = 2**20

# Hidden units that the compiled kernel sums at once; a divisor of MAX_HIDDEN.
KERNEL_LANES = 8

BS_ONLY = frozenset({"centroid"})


@dataclass(frozen=True, eq=False)
class ContextTables:
    """Everything that decides a probability, and where the BS puts the values of a level.

    ``H`` is the number of hidden units of the network; the other sizes are those of ``sizes``.

    Attributes:
        hidden: weights of activities, row and step, ``[H, inputs + 2]``, int16, in 1/64; a network may see
            ``MORE_INPUTS`` more than ``INPUTS``, and ``BASE_INPUTS`` more again of the report that is built on.
        hidden_bias: ``[H]``, int16, in 1/1024.
        output: weights of the two context numbers, ``[2, H]``, int16, in 1/64.
        output_bias: ``[2]``, int16, in 1/1024.
        predictor: weights of neighbouring levels, ``[NEIGHBOURS]``, int16, in 1/64.
        size_bounds: ascending bounds of the predicted level's sizes, ``[PREDICTED - 1]``, int16, in 1/64.
        zero: probability numbers that a part is zero, ``[PRIMARY, SECONDARY, PREDICTED, SEEN]``, uint8.
        agrees: that its sign is the predicted one, ``[PRIMARY, PREDICTED, 2]``, uint8.
        larger: that its size exceeds 1 .. SIZES, ``[PRIMARY, SECONDARY, 2, PREDICTED / 2, SIZES]``, uint8.
        centroid: mean of the values of a level, along its sign from its middle, in 1/256 step,
            ``[CENTROIDS + 1, 2, PREDICTED, PRIMARY, SEEN]``, int16; only the BS has it.
        probability: of probability numbers, ``[256]``, uint16, in 1/65536.
        price: bits of the decisions 0 and 1, ``[2, 256]``, uint16, in 1/256 bit; only the UE has it.
        logarithm: ``round(16 log2(1 + v))``, ``[LOGARITHMS]``, uint8.

    Raises:
        FeedbackInputError: if a table has another dtype or shape, or a number that no sum has room for.
    """

    hidden: NDArray[np.int16]
    hidden_bias: NDArray[np.int16]
    output: NDArray[np.int16]
    output_bias: NDArray[np.int16]
    predictor: NDArray[np.int16]
    size_bounds: NDArray[np.int16]
    zero: NDArray[np.uint8]
    agrees: NDArray[np.uint8]
    larger: NDArray[np.uint8]
    centroid: NDArray[np.int16]
    probability: NDArray[np.uint16]
    price: NDArray[np.uint16]
    logarithm: NDArray[np.uint8]

    def __post_init__(self) -> None:
        units = len(self.hidden_bias) if self.hidden_bias.ndim == 1 else 0
        if not 1 <= units <= sizes.MAX_HIDDEN:
            raise FeedbackInputError(f"tables: got {units} hidden units, expected 1 to {sizes.MAX_HIDDEN}")
        columns = self.hidden.shape[1] if self.hidden.ndim == 2 else 0
        inputs = next((known for known in _INPUTS if columns <= known + 2), _INPUTS[-1])
        for name, (dtype, shape) in _layout(units, inputs).items():
            found = getattr(self, name)
            if found.dtype != dtype or found.shape != shape:
                raise FeedbackInputError(
                    f"tables: {name}: got {found.dtype} of shape {list(found.shape)}, expected {np.dtype(dtype)} of "
                    f"shape {list(shape)}"
                )
        for name, most in (("hidden", _MAX_WEIGHT), ("output", _MAX_WEIGHT), ("predictor", _MAX_PREDICTOR)):
            if np.abs(getattr(self, name).astype(np.int32)).max() > most:
                raise FeedbackInputError(f"tables: {name}: got a weight beyond {most}, expected none")
        if (np.diff(self.size_bounds.astype(np.int32)) <= 0).any():
            raise FeedbackInputError("tables: size_bounds: got some that do not ascend, expected ascending ones")
        if (self.probability == 0).any():
            raise FeedbackInputError("tables: probability: got 0, expected 1 to 65535")

    @property
    def hidden_units(self) -> int:
        """Hidden units of the network."""
        return len(self.hidden_bias)

    @property
    def inputs(self) -> int:
        """Inputs of the network beside row and step."""
        return self.hidden.shape[1] - 2

    def network(self, lanes: int = 1) -> dict[str, NDArray[np.int16]]:
        """The network's tables as the kernel takes them.

        Args:
            lanes: hidden units are filled up with zeros to a multiple of it.

        Returns:
            ``hidden``, ``[inputs + 2, width]``, ``hidden_bias``, ``[width]``, and ``output``, ``[2, width]``.
        """
        zeros = -self.hidden_units % lanes
        of_units = {"hidden": self.hidden.T, "hidden_bias": self.hidden_bias, "output": self.output}
        return {
            name: np.ascontiguousarray(np.pad(table, [*[(0, 0)] * (table.ndim - 1), (0, zeros)]))
            for name, table in of_units.items()
        }

    @cached_property
    def kernel_network(self) -> dict[str, NDArray[np.int16]]:
        """``network`` for the compiled kernel."""
        return self.network(KERNEL_LANES)

    @property
    def ue_bytes(self) -> int:
        """Stored bytes at the UE: all but what only the BS has."""
        return sum(getattr(self, field.name).nbytes for field in fields(self) if field.name not in BS_ONLY)

    @property
    def ue_numbers(self) -> int:
        """Stored numbers at the UE."""
        return sum(getattr(self, field.name).size for field in fields(self) if field.name not in BS_ONLY)

    def macs_per_entry(self, with_layers: bool = False, with_tilts: bool = False) -> int:
        """Integer multiply-adds an entry: network and prediction; inputs that an array does not have are left out."""
        # Of the activities around, of what networks may see beside them, and of a report that is built on.
        each = 2 + 2 * (self.inputs > sizes.INPUTS) + (self.inputs > sizes.INPUTS + sizes.MORE_INPUTS)
        missing = each * (not with_layers) + each * (not with_tilts)
        network = self.hidden_units * (self.inputs - missing) + 2 * self.hidden_units
        return network + 2 * (sizes.NEIGHBOURS - (not with_tilts))

    @cached_property
    def digest(self) -> str:
        """Hash of all numbers: UE and BS must have the same."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def to_bytes(self) -> bytes:
        """The tables as a safetensors file."""
        return save({field.name: np.ascontiguousarray(getattr(self, field.name)) for field in fields(self)})


def read_tables(file: Path) -> ContextTables:
    """Tables from a file that ``training`` has written.

    Raises:
        FeedbackInputError: if it cannot be read, or does not hold such tables.
    """
    return read_parsed(file, _MAX_FILE_BYTES, "a readable file of tables", tables_of)


@cache
def shipped_tables() -> ContextTables:
    """The tables that ship; ``data/tables.json`` beside them says what they were trained on."""
    return tables_of(files("feedback.context_codec").joinpath("data/tables.safetensors").read_bytes())


@cache
def shipped_eigenvector_tables() -> ContextTables:
    """The tables for eigenvectors that ship; ``data/eigenvectors.json`` beside them says the same of them."""
    return tables_of(files("feedback.context_codec").joinpath("data/eigenvectors.safetensors").read_bytes())


@cache
def shipped_following_tables() -> ContextTables:
    """Those for eigenvectors' reports that build on the one before; ``data/following.json`` says the same of them."""
    return tables_of(files("feedback.context_codec").joinpath("data/following.safetensors").read_bytes())


def tables_of(content: bytes) -> ContextTables:
    """Tables from the content of a safetensors file.

    Raises:
        FeedbackInputError: if it is none, or does not hold such tables.
    """
    try:
        tensors = load(content)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise FeedbackInputError(f"tables: got no safetensors file ({error}), expected one") from error
    names = [field.name for field in fields(ContextTables)]
    if set(tensors) != set(names):
        raise FeedbackInputError(f"tables: got {sorted(tensors)}, expected {sorted(names)}")
    return ContextTables(**tensors)


def _layout(units: int, inputs: int) -> dict[str, tuple[type[np.generic], tuple[int, ...]]]:
    s = sizes
    return {
        "hidden": (np.int16, (units, inputs + 2)),
        "hidden_bias": (np.int16, (units,)),
        "output": (np.int16, (2, units)),
        "output_bias": (np.int16, (2,)),
        "predictor": (np.int16, (s.NEIGHBOURS,)),
        "size_bounds": (np.int16, (s.PREDICTED - 1,)),
        "zero": (np.uint8, (s.PRIMARY, s.SECONDARY, s.PREDICTED, s.SEEN)),
        "agrees": (np.uint8, (s.PRIMARY, s.PREDICTED, 2)),
        "larger": (np.uint8, (s.PRIMARY, s.SECONDARY, 2, s.PREDICTED // 2, s.SIZES)),
        "centroid": (np.int16, (s.CENTROIDS + 1, 2, s.PREDICTED, s.PRIMARY, s.SEEN)),
        "probability": (np.uint16, (256,)),
        "price": (np.uint16, (2, 256)),
        "logarithm": (np.uint8, (s.LOGARITHMS,)),
    }
