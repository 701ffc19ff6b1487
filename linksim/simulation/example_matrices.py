"""One test channel of a run as an example: its true angular-delay matrix, and what the BS rebuilt of each report."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor

from channels.source import BLOCK_SIZE
from linksim.errors import InputError
from linksim.execution.executor import Executor
from linksim.execution.worker_context import WorkerContext, takes_context
from linksim.metrics.metric import Metric
from linksim.metrics.outcome import LinkOutcome
from linksim.preparation.prepared_point import PreparedPoint
from linksim.scenario.chosen_point import chosen_point
from linksim.scenario.model import Scenario
from linksim.scenario.sweep import Point
from linksim.simulation.worker import open_point
from linksim.statistics.accumulators import MeanAccumulator
from linksim.storage.run_folder import RunFolder

EXAMPLE_FILE = "example.safetensors"
_MAX_COMPRESSORS = 64


@dataclass(frozen=True)
class ExampleMatrices:
    """One test channel at one point.

    Attributes:
        sweep: sweep of the point.
        axes: its swept keys and values.
        true: truncated angular-delay matrix when the report was made, ``[Na, n_ports]``, complex64.
        rebuilt: what the BS rebuilt of the newest report that it has, by label, each as ``true``.
    """

    sweep: str
    axes: Mapping[str, float | str | bool]
    true: NDArray[np.complex64]
    rebuilt: Mapping[str, NDArray[np.complex64]]


class _Watch(Metric[MeanAccumulator]):
    """No figure of merit: keeps what the metrics of a point see."""

    name = "watch"
    unit = "1"
    needs_channel = True

    def __init__(self) -> None:
        self.seen: list[LinkOutcome] = []

    def accumulator(self) -> MeanAccumulator:
        """One that stays empty."""
        return MeanAccumulator(self.name)

    def update(self, accumulator: MeanAccumulator, outcome: LinkOutcome) -> tuple[Tensor, ...]:
        """Notes the outcome."""
        self.seen.append(outcome)
        return ()


def write_example(
    scenario: Scenario,
    points: Sequence[Point],
    prepared: Mapping[str, PreparedPoint],
    folder: RunFolder,
    executor: Executor,
) -> None:
    """Reports the first channel with energy at the point that stands for the first sweep; what is kept stays."""
    first = [point for point in points if point.sweep == points[0].sweep]
    point = chosen_point(first, scenario.model_dump(mode="json"), {})
    assert point is not None
    chosen, file = prepared[point.key], folder.path / EXAMPLE_FILE
    kept_of = f"{point.key}-{chosen.content.fitted}"
    if file.exists() and _document(file).get("of") == kept_of:
        return
    ((_, matrices),) = executor.run(example_of, [(chosen,)])
    if matrices is None:
        return
    true, rebuilt = matrices
    tensors = {str(number): matrix for number, matrix in enumerate(rebuilt.values())}
    document = {"of": kept_of, "sweep": point.sweep, "axes": dict(point.axes), "labels": list(rebuilt)}
    temporary = file.with_name(f".{file.name}")
    save_file({"true": true, **tensors}, temporary, {"example": json.dumps(document)})
    temporary.replace(file)


@takes_context
def example_of(
    context: WorkerContext, point: PreparedPoint
) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]] | None:
    """The first test channel with energy, and what the BS rebuilds of it by label; ``None`` where there is neither."""
    chain, read = open_point(context, point)
    channels = [label for label, codec in chain.codecs.items() if codec.compressor.gives == "channel"]
    labels = channels[:_MAX_COMPRESSORS]
    if not labels:
        return None
    watch = _Watch()
    chain.metrics = {watch.name: watch}
    # The block that was measured, as that may be kept.
    batch = read(0, min(BLOCK_SIZE, point.scenario.monte_carlo.samples))
    for number in range(len(batch.response)):
        # A channel without energy is left out, and tells nothing.
        if not watch.seen:
            chain.measure(batch.only(slice(number, number + 1)), number)
    if not watch.seen:
        return None
    rebuilt = {label: _complex64(outcome.rebuilt[0]) for label, outcome in zip(labels, watch.seen, strict=False)}
    return _complex64(watch.seen[0].csi_true[0]), rebuilt


def read_example(run: Path) -> ExampleMatrices | None:
    """The example of a run, ``None`` where there is none.

    Raises:
        InputError: if the file is damaged, or holds something else; one line.
    """
    file = run / EXAMPLE_FILE
    if not file.exists():
        return None
    try:
        with safe_open(file, framework="np") as content:
            document = json.loads((content.metadata() or {})["example"])
            true = content.get_tensor("true")
            rebuilt = {str(label): content.get_tensor(str(i)) for i, label in enumerate(document["labels"])}
        wrong = [matrix.shape for matrix in (true, *rebuilt.values()) if matrix.shape != (*true.shape[:2], 2)]
        if wrong or not all(np.isfinite(matrix).all() for matrix in (true, *rebuilt.values())):
            raise ValueError(f"matrices {wrong or 'with NaN or infinity'}, expected finite ones of one shape")
        axes = {str(key): value for key, value in document["axes"].items()}
        return ExampleMatrices(
            str(document["sweep"]), axes, _joined(true), {label: _joined(matrix) for label, matrix in rebuilt.items()}
        )
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file}: cannot be read ({error}), expected the matrices of a test channel") from None


def _document(file: Path) -> dict[str, object]:
    try:
        with safe_open(file, framework="np") as content:
            document = json.loads((content.metadata() or {})["example"])
    except (OSError, SafetensorError, ValueError, KeyError):
        return {}
    return document if isinstance(document, dict) else {}


def _complex64(matrix: Tensor) -> NDArray[np.float32]:
    """Real and imaginary parts, ``[Na, n_ports, 2]``, which every format knows."""
    values = matrix.detach().cpu().numpy()
    return np.ascontiguousarray(np.stack([values.real, values.imag], axis=-1), dtype=np.float32)


def _joined(parts: NDArray[np.float32]) -> NDArray[np.complex64]:
    joined: NDArray[np.complex64] = parts[..., 0] + 1j * parts[..., 1]
    return joined
