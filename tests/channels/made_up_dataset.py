"""Small data sets of random matrices, written without any channel source."""

from pathlib import Path

import numpy as np

from channels.channel_batch import ArrayShape, OfdmGrid
from channels.dataset.manifest import SPLITS, DatasetPlan
from channels.dataset.writer import Shard, StagingFolder, write_shard

COUNTS = (7, 3, 5)
N_DELAY, ARRAY = 6, ArrayShape(1, 1, 4)


def made_up_plan(**changes: object) -> DatasetPlan:
    plan = {
        "source": "cost2100",
        "parameters": {"source": "cost2100", "environment": "indoor"},
        "inputs": {},
        "seed": 7,
        "device": "cpu",
        "n_delay": N_DELAY,
        "samples": dict(zip(SPLITS, COUNTS, strict=True)),
        "grid": OfdmGrid(64, 20e6, 5.3e9),
        "array": ARRAY,
        "hf_all": True,
        "command": "linksim dataset build",
        "versions": {"torch": "2.0"},
    }
    return DatasetPlan(**(plan | changes))


def made_up_arrays(plan: DatasetPlan, seed: int = 1) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    parts = {name: random.standard_normal((2, *shape), dtype=np.float32) for name, shape in plan.shapes.items()}
    return {name: (real + np.complex64(1j) * imag).astype(np.complex64) for name, (real, imag) in parts.items()}


def write_dataset(path: Path, plan: DatasetPlan, arrays: dict[str, np.ndarray], shard_size: int = 2) -> Path:
    staging = StagingFolder(path, plan)
    with staging.opened():
        shards = [
            Shard(name, start, min(start + shard_size, count))
            for name, (count, *_) in plan.shapes.items()
            for start in range(0, count, shard_size)
        ]
        sha256 = {s.file_name: write_shard(staging.path, s, arrays[s.array][s.start : s.stop]) for s in shards}
        staging.assemble(shards, sha256)
    return path
