"""Training of a reconstruction at the BS from reports of a codec: no UE, link or other codec is involved."""

import hashlib
import json
import math
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor

from feedback.context_codec import kernel, rotation, side_information
from feedback.context_codec.codec import Report, amplitude, values_of
from feedback.context_codec.kernel import LevelShape
from feedback.context_codec.tables import ContextTables
from feedback.enhancement.gated_filters import GatedFilters
from feedback.errors import FeedbackInputError
from feedback.files import write_whole
from feedback.state_file import kept_state, save_state_file

# Numbers of the steps that are learnt from: 0.14 to 4 times the root mean square of the entries.
_STEP_NUMBERS = (30, 89)
# Those that are validated at: about 1500 to 150 bits of a report of 32 x 32 entries.
_VALIDATED = (44, 56, 68, 80)
_CHUNK = 256
_STATE_CHUNKS = 8
# The largest filters that are read take 8.5 MB with two moments.
_MAX_STATE_BYTES = 2**25
# Scales lie anywhere in their cell.
_SCALE_DB = 1.0


@dataclass(frozen=True)
class Gain:
    """What a reconstruction gains at one step.

    Attributes:
        source: label of the channels.
        bits: mean bits of a report.
        before_db: NMSE of the reports as they are [dB].
        after_db: NMSE of what is made of them [dB].
    """

    source: str
    bits: float
    before_db: float
    after_db: float


@dataclass(frozen=True)
class Course:
    """How long a training takes, and how large its steps are.

    Attributes:
        reports: to learn from, each seen once.
        batch_size: of a step.
        learning_rate: Adam's after warm-up, falling to a fiftieth as a cosine.
        validations: over the whole training.
    """

    reports: int
    batch_size: int = 32
    learning_rate: float = 4e-3
    validations: int = 20


@dataclass(frozen=True)
class _Pairs:
    """Values at the BS and at the UE, in steps, ``[n, 2, rows, columns]``; steps and bits of each, ``[n]``."""

    decoded: Tensor
    true: Tensor
    steps: Tensor
    bits: NDArray[np.int64]


def train_filters(
    network: GatedFilters,
    tables: ContextTables,
    channels: Mapping[str, NDArray[np.complexfloating]],
    held_out: Mapping[str, NDArray[np.complexfloating]],
    course: Course,
    seed: int,
    state_file: Path | None = None,
    tell: Callable[[int, list[Gain]], None] = lambda reports, gains: None,
) -> list[Gain]:
    """Trains in place on reports of the context codec, at steps and carrier phases that are new in every report.

    What is made least is the mean ratio of a report's error to the error that it has as it is, so that every step and
    channel counts the same.

    Args:
        network: to train.
        tables: of the codec.
        channels: matrices of each source by its name, ``[n, rows, columns]``, scaled in any way; each counts the same.
        held_out: others of each source, to validate on.
        course: length and learning rate.
        seed: of weights, steps, phases and order; the same gives the same on one thread.
        state_file: kept while it trains, so that the same call goes on after a kill; it stays, for the caller to remove
            once what came of it is kept.
        tell: called after every validation with the reports seen and what they gain.

    Returns:
        What is gained on the channels held out, in the end.

    Raises:
        FeedbackInputError: if there are no channels, or a state file is of another training.
    """
    if not channels or not all(len(matrices) for matrices in channels.values()):
        raise FeedbackInputError("enhancer: got no channels to learn from, expected some of every source")
    network.initialise(torch.Generator().manual_seed(seed))
    optimiser = torch.optim.Adam(network.parameters(), lr=course.learning_rate)
    sources = {name: hashlib.sha256(np.ascontiguousarray(csi).data).hexdigest() for name, csi in channels.items()}
    signature = {"seed": seed, "tables": tables.digest, "sources": sources, **asdict(course)}
    seen = _taken_up(state_file, signature, network, optimiser)
    validation = [
        (name, _pairs(tables, matrices, np.full(len(matrices), number), np.random.default_rng(seed)))
        for name, matrices in held_out.items()
        for number in _VALIDATED
    ]
    chunks, every = -(-course.reports // _CHUNK), max(course.reports // course.validations, 1)
    for chunk in range(seen // _CHUNK, chunks):
        generator = np.random.default_rng([seed, chunk])
        pairs = _drawn(tables, channels, generator)
        for rows in torch.arange(_CHUNK).split(course.batch_size):
            _set_rate(optimiser, course, seen)
            optimiser.zero_grad()
            _mean_ratio(network, pairs, rows).backward()
            optimiser.step()
            seen += len(rows)
        if seen // every > (seen - _CHUNK) // every:
            tell(seen, [_gain(network, name, part) for name, part in validation])
        if state_file is not None and (chunk + 1) % _STATE_CHUNKS == 0:
            state = {"seen": seen, "network": network.state_dict(), "optimiser": optimiser.state_dict()}
            save_state_file(state_file, state, signature)
    return [_gain(network, name, part) for name, part in validation]


def save_filters(file: Path, network: GatedFilters, provenance: Mapping[str, object]) -> None:
    """Writes weights, and a JSON document beside them that says what they are, each whole or not at all."""
    content = save({name: tensor.contiguous() for name, tensor in network.state_dict().items()})
    document = {
        **provenance,
        "sha256": hashlib.sha256(content).hexdigest(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, content)
    write_whole(file.with_suffix(".json"), (json.dumps(document, indent=2) + "\n").encode())


def _drawn(
    tables: ContextTables, channels: Mapping[str, NDArray[np.complexfloating]], generator: np.random.Generator
) -> _Pairs:
    """Reports of all sources alike, in any order; all of the shape of the first."""
    sources = list(channels.values())
    chosen = [sources[i] for i in generator.integers(len(sources), size=_CHUNK)]
    matrices = np.stack([matrices[generator.integers(len(matrices))] for matrices in chosen])
    turned = matrices * np.exp(2j * np.pi * generator.random(_CHUNK))[:, None, None]
    return _pairs(tables, turned, generator.integers(*_STEP_NUMBERS, size=_CHUNK), generator)


def _pairs(
    tables: ContextTables,
    matrices: NDArray[np.complexfloating],
    numbers: NDArray[np.int64],
    generator: np.random.Generator,
) -> _Pairs:
    n, rows, columns = matrices.shape
    shape = LevelShape(rows, 1, 1, columns)
    exact = matrices.astype(np.complex128)
    off = 10 ** (_SCALE_DB * (generator.random(n) - 0.5) / 20)
    exact = (exact * (off / amplitude(exact))[:, None, None])[:, :, None, None, :]
    steps, context_steps = side_information.steps(numbers), side_information.context_steps(numbers)
    report = Report(tables, shape, rotation.all_rotations(exact))
    turned, bits, lengths = report.coded(steps, context_steps)
    decoded, _ = kernel.decode_values(tables, shape, bits, lengths, context_steps)
    true = values_of(report.rotated[np.arange(n), turned], steps)
    decoded_maps, true_maps = (
        torch.from_numpy(part.reshape(n, rows, columns, 2).astype(np.float32) / 256).permute(0, 3, 1, 2).contiguous()
        for part in (decoded, true)
    )
    return _Pairs(decoded_maps, true_maps, torch.from_numpy(steps.astype(np.float32)), lengths)


def _set_rate(optimiser: torch.optim.Optimizer, course: Course, seen: int) -> None:
    share = min(seen / course.reports, 1)
    rate = course.learning_rate * min(1, share / 0.02 + 0.01) * (0.02 + 0.49 * (1 + math.cos(math.pi * share)))
    for group in optimiser.param_groups:
        group["lr"] = rate


def _mean_ratio(network: GatedFilters, pairs: _Pairs, rows: Tensor) -> Tensor:
    """Mean ratio of the error of some reports to the error that they have as they are."""
    error = _error(network(pairs.decoded[rows], pairs.steps[rows]), pairs.true[rows])
    return (error / _error(pairs.decoded[rows], pairs.true[rows]).clamp_min(1e-6)).mean()


def _error(estimate: Tensor, true: Tensor) -> Tensor:
    return (estimate - true).square().sum(dim=(1, 2, 3))


@torch.no_grad()
def _gain(network: GatedFilters, name: str, pairs: _Pairs) -> Gain:
    power = pairs.true.square().sum(dim=(1, 2, 3))
    before, after = (
        10 * math.log10(float((_error(estimate, pairs.true) / power).double().mean()))
        for estimate in (pairs.decoded, network(pairs.decoded, pairs.steps))
    )
    return Gain(name, float(pairs.bits.mean()), before, after)


def _taken_up(
    file: Path | None, signature: dict[str, object], network: GatedFilters, optimiser: torch.optim.Optimizer
) -> int:
    """Reports seen by the training that a state file is of; 0 where there is none."""
    state = None if file is None else kept_state(file, signature, _MAX_STATE_BYTES)
    if state is None:
        return 0
    try:
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        return int(state["seen"])
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FeedbackInputError(f"{file}: is the state of other filters; without it training starts anew") from error
