"""linksim from Python: run a scenario and look at its results, open and compare runs, train networks.

>>> import linksim
>>> result = linksim.run("cost2100_indoor", overrides={"monte_carlo.samples": 100})  # doctest: +SKIP
>>> result.table  # doctest: +SKIP

Bad input raises ``linksim.InputError``, ``channels.ChannelInputError`` or ``feedback.FeedbackInputError``, each with a
message of one line: where, found, expected.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linksim.errors import InputError
from linksim.logs import shown_logs
from linksim.result import Result, Weights
from linksim.scenario.messages import named_problems
from linksim.scenario.sweep import points_of
from linksim.scenario_like import Overrides, ScenarioLike, load_scenario, origin_of

if TYPE_CHECKING:
    import pandas as pd

    from feedback.codec import Codec


def run(
    scenario: ScenarioLike,
    overrides: Overrides | None = None,
    *,
    train: bool = False,
    workers: int | None = None,
    out: str | Path = "results",
    quiet: bool = True,
) -> Result:
    """Runs a scenario; what was run before is not run again.

    >>> result = run("uma_28ghz", {"snr_db": 5, "monte_carlo.samples": 200}, workers=1)  # doctest: +SKIP
    >>> result.table.query("metric == 'nmse_db'")  # doctest: +SKIP

    Args:
        scenario: as for ``load_scenario``.
        overrides: as for ``load_scenario``.
        train: whether to train networks whose weights are missing.
        workers: processes that work; by default one a core. Above 1, a script has to start its run below
            ``if __name__ == "__main__":``, as the processes import it; a notebook need not.
        out: folder of all results.
        quiet: whether to print no progress; it is logged to ``linksim`` (``logging``) in any case. Warnings are in the
            result's ``manifest`` too.

    Raises:
        InputError: if scenario or options cannot be used, or weights are missing.
        ChannelInputError: if channels cannot be read.
        FeedbackInputError: if weights cannot be read.
        OSError: if a file of the run cannot be written, such as in a folder that is read-only by now.
    """
    from linksim.execution.options import ExecutionOptions
    from linksim.simulation.engine import RunOptions
    from linksim.simulation.engine import run as run_scenario

    resolved = load_scenario(scenario, overrides)
    execution = ExecutionOptions(workers=_checked_workers(workers))
    options = RunOptions(train=train, command="linksim.run", execution=execution)
    with named_problems(origin_of(scenario)), _progress(quiet):
        return Result(run_scenario(resolved, Path(out), options).path)


def open_run(folder: str | Path) -> Result:
    """A run of earlier: its folder, or a scenario's folder of results for the newest run there.

    >>> open_run("results/uma_28ghz").scenario.seed  # doctest: +SKIP

    Raises:
        InputError: if there is none.
    """
    from linksim.storage.results_table import find_run

    return Result(find_run(Path(folder)))


def compare(
    result: Result | str | Path,
    other: Result | str | Path | None = None,
    against: str | None = None,
    metrics: str | Sequence[str] = (),
) -> "pd.DataFrame":
    """Differences with 95 % intervals, sample by sample where both saw the same channels.

    >>> compare(result, against="klt").query("metric == 'nmse_db'")  # doctest: +SKIP

    Args:
        result: a run, or its folder; what others are compared with.
        other: a second run; each of its compressors is compared with that of the same label, or with ``against``.
        against: label of a compressor of ``result`` that all others are compared with.
        metrics: which metrics, or one; by default all that are shared.

    Returns:
        One row per (sweep, point, pair, metric): ``sweep``, axes, ``run``, ``compressor``, ``reference_run``,
        ``reference``, ``metric``, ``unit``, ``value_run``, ``value_reference``, ``value`` (the difference), ``ci_low``,
        ``ci_high``, ``n``, ``paired``. What a reader has to know stands in ``.attrs["notes"]``.

    Raises:
        InputError: if the runs share no channels, points or compressors.
    """
    from linksim.comparison.run_samples import open_runs
    from linksim.comparison.runs import compare_runs

    runs = [run if isinstance(run, Result) else open_run(run) for run in (result, other) if run is not None]
    wanted = (metrics,) if isinstance(metrics, str) else metrics
    comparison = compare_runs(open_runs([run.folder for run in runs]), against, wanted)
    rows = comparison.rows
    rows.attrs["notes"] = list(comparison.notes)
    return rows


def train(
    scenario: ScenarioLike,
    overrides: Overrides | None = None,
    *,
    budget: str | None = None,
    again: bool = False,
    workers: int | None = None,
    out: str | Path = "results",
    quiet: bool = True,
) -> list[Weights]:
    """Trains the networks that a scenario needs and its zoo lacks.

    >>> weights = train("train/indoor_default", {"zoo": "my_zoo"}, budget="20000samples")  # doctest: +SKIP
    >>> weights[0].info.validation_nmse_db  # doctest: +SKIP

    Args:
        scenario: as for ``load_scenario``; its key ``zoo`` is the folder that weights go to.
        overrides: as for ``load_scenario``.
        budget: of every network: ``50epochs``, ``100000samples`` or ``5min``; by default the scenario's.
        again: whether to train also what the zoo has.
        workers: as for ``run``.
        out: folder of all results; logs go to ``training/`` below it.
        quiet: whether to print no progress; it is logged to ``linksim`` in any case.

    Returns:
        The weights of all networks of the scenario, also of those that were there.

    Raises:
        InputError: if scenario or options cannot be used.
    """
    from feedback.checkpoint_info import read_info
    from linksim.execution.options import ExecutionOptions
    from linksim.preparation.needed_weights import needed_weights
    from linksim.preparation.networks import TrainingRun, train_scenario
    from linksim.scenario.training_budget import with_budget

    resolved = load_scenario(scenario, overrides)
    resolved = resolved if budget is None else with_budget(resolved, budget)
    n_workers = _checked_workers(workers)
    with named_problems(origin_of(scenario)), _progress(quiet):
        train_scenario(resolved, Path(out), TrainingRun("linksim.train", again=again), ExecutionOptions(n_workers))
    return [Weights(file, read_info(file)) for file in needed_weights(points_of(resolved))]


def _progress(quiet: bool) -> AbstractContextManager[None]:
    return nullcontext() if quiet else shown_logs()


def load_codec(
    source: Result | ScenarioLike,
    label: str | None = None,
    *,
    at: Mapping[str, Any] | None = None,
    overrides: Overrides | None = None,
) -> "Codec":
    """A fitted codec: from channels at a UE to reports, and from what arrived of them to channels at the BS.

    >>> import channels
    >>> codec = load_codec("cost2100_indoor", "topk")
    >>> csi = channels.open_source("cost2100").read_truncated("test", 0, 5, n_delay=32)
    >>> report = codec.encode(csi)
    >>> codec.decode(report).shape
    torch.Size([5, 32, 32])

    Args:
        source: a run, its folder, or a scenario as for ``load_scenario``. What a run has fitted serves again; for a
            scenario it is fitted first. Trained weights come from the zoo.
        label: of the compressor; needed where there are several.
        at: swept keys and values that tell a point, such as ``{"compression_ratio": 16}``; by default the scenario's
            own, else in the middle of each axis.
        overrides: as for ``load_scenario``.

    Returns:
        The codec: ``encode`` takes channels, not normalised, in the form that ``codec.compressor.takes`` says, and
        gives a ``Codeword`` with its ``bits``; ``decode`` gives back the channel, or precoder. ``codec.ue`` and
        ``codec.bs`` are the halves, for reports that build on those before, or get lost.

    Raises:
        InputError: if there is no such run, compressor or point, or weights are missing.
    """
    from linksim.preparation.loaded_codec import load_codec as load

    if isinstance(source, Result):
        folder: Path | None = source.folder
    else:
        is_folder = isinstance(source, str | Path) and Path(source).is_dir()
        folder = open_run(source).folder if is_folder else None  # type: ignore[arg-type]
    scenario = load_scenario(source if folder is None else folder / "scenario.yaml", overrides)  # type: ignore[arg-type]
    asked = {key: str(value) for key, value in (at or {}).items()}
    return load(scenario, label, asked, None if folder is None else folder.parent / "fitted")


def _checked_workers(workers: int | None) -> int | None:
    if workers is not None and (not isinstance(workers, int) or workers < 1):
        raise InputError(f"workers: got {workers!r}, expected a whole number of at least 1, or None for one a core")
    return workers
