"""Workers that die: on a real Dask scheduler, and on this machine; a scheduler that dies."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dying_tasks
import pytest
import torch
from dask_cluster import Cluster, cluster
from distributed import Client
from threadpoolctl import threadpool_info

from linksim.errors import InputError
from linksim.execution.executor import default_workers, local_executor
from linksim.execution.worker_process import take_gpu

Command = Callable[..., tuple[int, str, str]]
ScenarioFile = Callable[[dict[str, Any]], Path]


@pytest.fixture
def two_workers(tmp_path: Path) -> Iterator[Cluster]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    with cluster(folder, workers=2) as running:
        with Client(running.address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=300)
        yield running


def kill_when(there: Callable[[], bool], process: Any) -> threading.Thread:
    """Kills a process as soon as something is there."""

    def watch() -> None:
        while not there():
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


@pytest.mark.validate
def test_dask_gives_the_same_table_though_a_worker_is_killed(
    tiny: dict[str, Any],
    two_workers: Cluster,
    run_folder: Callable[..., Path],
    scenario_file: ScenarioFile,
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = {"epochs": 1, "warmup": 0}
    # A relative folder of weights: it is where the run was started, wherever the workers were.
    tiny |= {
        "compressors": [{"name": "topk"}, {"name": "klt"}, {"name": "csinet"}],
        "monte_carlo": {"samples": 410, "batch_size": 50},
        "training": tiny["training"] | {"recipe": recipe},
        "zoo": "zoo",
    }
    file = scenario_file(tiny)

    def shards() -> int:
        return len(list(tmp_path.glob("dask/tiny/points/*/*.json")))

    left_at_death = []

    def four_shards() -> bool:
        done = shards() >= 4
        if done:
            left_at_death.append(18 - shards())
        return done

    killer = kill_when(four_shards, two_workers.workers[0])
    on_cluster = ("--executor", "dask", "--scheduler", two_workers.address, "--train", "--out", "dask")
    code, _, err = command("run", file, *on_cluster, "--log", "run.log")
    assert code == 0, err
    killer.join()
    assert two_workers.workers[0].wait() == -signal.SIGKILL
    assert left_at_death[0] > 0
    assert shards() == 18
    assert f"Dask scheduler {two_workers.address}: 2 workers" in err
    log = (tmp_path / "run.log").read_text()
    assert "point 2 of 2: snr snr_db = " in log
    # What a worker of the cluster said of its training.
    assert "csinet at CR 4: start, " in log
    # The networks were trained on the cluster; these are the weights of that training.
    assert len(list(tmp_path.glob("zoo/csinet-*.safetensors"))) == 1
    local = run_folder(tiny, "local")
    (clustered,) = tmp_path.glob("dask/tiny/*/results.csv")
    assert clustered.read_bytes() == (local / "results.csv").read_bytes()

    # And without the scheduler: one line, and what is finished stays.
    tiny["sweeps"] = {"snr": {"snr_db": [0, 5, 10, 15, 20, 25, 30]}}
    killer = kill_when(lambda: shards() >= 20, two_workers.scheduler)
    code, _, err = command("run", scenario_file(tiny), *on_cluster, "--quiet")
    assert code == 2
    killer.join()
    assert len(err.strip().splitlines()) == 1
    assert f"lost the connection to {two_workers.address}" in err
    assert 20 <= shards() < 7 * 9


def test_work_in_this_process_takes_one_thread() -> None:
    """PyTorch's, and those of NumPy's and SciPy's BLAS."""
    before = [torch.get_num_threads(), *(pool["num_threads"] for pool in threadpool_info())]
    with local_executor(1):
        assert torch.get_num_threads() == 1
        assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {1}
    assert [torch.get_num_threads(), *(pool["num_threads"] for pool in threadpool_info())] == before


def test_workers_share_out_the_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(6), raising=False)
    started = multiprocessing.get_context("spawn").Value("i", 0)
    for _ in range(3):
        take_gpu(started)
    assert taken == [0, 1, 0]
    gpu, cpu = torch.device("cuda"), torch.device("cpu")
    assert [default_workers(gpu), default_workers(gpu, 2), default_workers(gpu, 4), default_workers(cpu, 4)] == [
        1,
        4,
        6,
        6,
    ]


def test_tasks_of_a_dead_process_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Eight processes start, without PyTorch.
    monkeypatch.setattr("linksim.execution.fork_server.IMPORTED", ())
    monkeypatch.setattr("linksim.execution.executor.start_worker", dying_tasks.start)
    monkeypatch.setattr("linksim.execution.executor.run_in_worker", dying_tasks.run)
    monkeypatch.setattr("linksim.execution.executor._MAX_DEATHS", 2)
    names = ["a", "fatal", "ccc"]
    tasks = [(tmp_path / name,) for name in names]
    with local_executor(2) as executor:
        results = {}
        for number, result in executor.run(dying_tasks.length_of_name, tasks):
            results[number] = result
            if len(tasks) == 3:
                # Whoever takes results may add tasks.
                tasks.append((tmp_path / "dddd",))
        assert results == {0: 1, 1: 5, 2: 3, 3: 4}
        with pytest.raises(InputError, match="died 2 times"):
            list(executor.run(dying_tasks.die, [(1,)]))
