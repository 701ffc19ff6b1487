"""Work sent to workers is prepared: what is built, how often, and that nothing kept between tasks is out of date."""

import copy
import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from feedback.checkpoint_key import checkpoint_path
from feedback.compressor import COMPRESSORS, Compressor
from feedback.plugin_file import build_compressor
from linksim.errors import InputError
from linksim.execution.executor import InProcess
from linksim.execution.worker_context import WorkerContext, run_in, takes_context
from linksim.files import load_tensors, save_tensors
from linksim.preparation.prepare import Preparation, adaptation_of, weights_file
from linksim.preparation.prepared_point import PreparedPoint
from linksim.preparation.scheme_spec import scheme_specs
from linksim.scenario.file import validate_scenario
from linksim.scenario.outlines import csi_dimensions
from linksim.scenario.sweep import points_of
from linksim.simulation.worker import measure_shard
from linksim.storage.run_folder import RunFolder

RunTiny = Callable[..., Path]
NETWORKS = sorted(name for name in COMPRESSORS if COMPRESSORS.get_class(name).trained)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many compressors of each name have been built."""
    counts: Counter[str] = Counter()
    build = Compressor.__init__

    def counted(self: Compressor, parameters: Any, shape: Any) -> None:
        counts[parameters.name] += 1
        build(self, parameters, shape)

    monkeypatch.setattr(Compressor, "__init__", counted)
    return counts


@pytest.fixture
def fixed(tiny: dict[str, Any]) -> dict[str, Any]:
    """A tiny scenario without any training run."""
    network = {"name": "csinet", "untrained": True}
    return tiny | {"compressors": [{"name": "klt"}, network], "training": {"samples": 60}}


def test_shards_and_points_share_what_is_built(
    fixed: dict[str, Any], run_folder: RunTiny, built: Counter[str], without_report: None
) -> None:
    """Four shards of two points, and the example: one more build of each compressor."""
    run_folder(fixed | {"monte_carlo": {"samples": 100, "batch_size": 50}})
    # When it is fitted; where shards are measured; for its costs.
    assert built == {"klt": 3, "csinet": 3}


@pytest.mark.parametrize("name", NETWORKS)
def test_names_of_weights_are_those_of_the_built_network(name: str, tiny: dict[str, Any], built: Counter[str]) -> None:
    """No network is built for the name of its file, or to say how it is adapted."""
    entry: dict[str, Any] = {"name": name, "trained_on": copy.deepcopy(tiny["channel"])}
    # Networks that learn over time are not adapted.
    adapted = not COMPRESSORS.parameters(name).learns_over_time
    entry |= {"adaptation": {"samples": 50}} if adapted else {}
    document = tiny | {"compressors": [entry], "sweeps": {}, "transform": {"n_delay": 8}}
    scenario = validate_scenario(document, "here")
    (spec,) = scheme_specs(scenario)
    file, adaptation = weights_file(spec), adaptation_of(spec) if adapted else None
    assert not built
    network = build_compressor(spec.parameters, csi_dimensions(scenario))
    assert file.name == checkpoint_path(Path(), network, spec.trained_for).name
    assert adaptation == network.settings.adaptation


def prepared(document: dict[str, Any], folder: Path) -> list[PreparedPoint]:
    """The points of a scenario, fitted."""
    scenario = validate_scenario(copy.deepcopy(document), "here")
    points, run = points_of(scenario), RunFolder(folder, scenario)
    preparation = Preparation(run, InProcess(), torch.device("cpu"))
    preparation.prepare(points)
    return [preparation.prepared(point) for point in points]


def test_a_prepared_point_says_all_that_a_worker_needs(fixed: dict[str, Any], tmp_path: Path) -> None:
    points = prepared(fixed, tmp_path)
    sent = [pickle.loads(pickle.dumps(point)) for point in points]
    assert sent == points
    assert [point.fingerprint for point in sent] == [point.fingerprint for point in points]
    # Dask names tasks by what they print.
    assert str(sent) == str(points)
    assert len({point.fingerprint for point in points}) == len(points)
    first, second = ([scheme.fingerprint for scheme in point.schemes] for point in points)
    assert first == second


def test_a_changed_label_or_fit_is_not_taken_from_what_is_open(fixed: dict[str, Any], tmp_path: Path) -> None:
    """A worker that serves one run after the other, as those of a cluster do."""
    context = WorkerContext()
    (before, _), labels = prepared(fixed, tmp_path), []
    for label in ("a", "b"):
        fixed["compressors"][0]["label"] = label
        (point, _) = prepared(fixed, tmp_path)
        # The results that the other label has are no reason not to measure.
        for file in point.results.glob("*/*"):
            file.unlink()
        measured, _ = measure_shard(context, point, 0, 20)
        labels.append({name for name, _ in measured})
    assert [names - {"none", "csinet"} for names in labels] == [{"a"}, {"b"}]
    fitted = before.schemes[0].fitted
    assert fitted is not None
    kept = load_tensors(fitted.file)
    save_tensors(fitted.file, {name: tensor * 2 for name, tensor in kept.tensors.items()}, kept.metadata)
    with pytest.raises(InputError, match=r"fitted anew since the run began; run it again"):
        measure_shard(WorkerContext(), before, 40, 60)


def test_shards_measured_with_an_open_point_are_those_of_a_new_one(fixed: dict[str, Any], tmp_path: Path) -> None:
    (point, _) = prepared(fixed, tmp_path)
    context = WorkerContext()
    found = {}
    for start in (0, 50):
        measured, times = measure_shard(context, point, start, start + 50)
        found[start] = {key: accumulator.to_json() for key, accumulator in measured.items()}
        assert times.seconds["feedback"] > 0
    for file in point.results.glob("*/*"):
        file.unlink()
    for start in (50, 0):
        measured, _ = measure_shard(WorkerContext(), point, start, start + 50)
        assert {key: accumulator.to_json() for key, accumulator in measured.items()} == found[start]


def test_a_context_keeps_the_newest_within_its_bounds() -> None:
    context, made = WorkerContext(most_objects=2, most_bytes=100), Counter[str]()

    def get(key: str, n_bytes: int = 1) -> str:
        def make() -> str:
            made[key] += 1
            return key * 2

        return context.kept(key, make, n_bytes)

    assert [get(key) for key in ("a", "b", "a", "c", "a")] == ["aa", "bb", "aa", "cc", "aa"]
    assert made == {"a": 1, "b": 1, "c": 1}
    # The one used longest ago went.
    get("b")
    assert made["b"] == 2
    # One that takes more than all is kept by itself.
    get("large", 1000)
    get("large", 1000)
    get("b")
    assert (made["large"], made["b"]) == (1, 3)


def test_tasks_get_the_context_that_they_ask_for() -> None:
    @takes_context
    def with_context(context: WorkerContext, number: int) -> int:
        return context.kept("x", lambda: number)

    executor = InProcess()
    assert [result for _, result in executor.run(with_context, [(1,), (2,)])] == [1, 1]
    assert [result for _, result in executor.run(lambda number: number, [(1,), (2,)])] == [1, 2]
    assert run_in(WorkerContext(), with_context, (3,)) == 3
