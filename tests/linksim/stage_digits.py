"""Digits that each stage makes of the same small input, and the version that they are of.

``python -m tests.linksim.stage_digits`` in the repository's root writes ``stage_digits.json`` anew. It refuses stages
whose digits have changed while their version has not.
"""

import copy
import json
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from channels.channel_batch import ArrayShape, OfdmGrid
from channels.training_moments import TrainingMoments
from feedback.compressor import COMPRESSORS, Compressor
from feedback.conformance.candidate import channels
from feedback.conformance.network import candidate_of
from feedback.csi_report.codeword import Codeword
from feedback.predictor import ReportHistory
from linksim.chain.random_streams import normal_draw
from linksim.execution.options import ExecutionOptions
from linksim.scenario.file import validate_scenario
from linksim.scenario.results_versions import CHAIN, KINDS
from linksim.simulation.engine import RunOptions, run
from tests.channels import made_up_dataset, made_up_links, test_deepmimo_source, test_mat_source, test_response_source
from tests.feedback import test_link_contract, test_quantiser_contract
from tests.feedback.narrow_networks import NARROW
from tests.linksim import made_up_outcome

FILE = Path(__file__).with_suffix(".json")
CPU = torch.device("cpu")

# Of a stage's digits to their sum of moduli: rounding in float32 differs between processors and versions by the order
# of sums, a few 1e-7 of each term, some ten times more after a network's layers and a hundred times in the weakest
# of four eigenvectors.
TOLERANCE = 5e-5


def summary(values: Tensor) -> list[float]:
    """Sum of moduli, and weighted sums that see every entry and its place."""
    flat = torch.view_as_real(values).reshape(-1) if values.is_complex() else values.reshape(-1)
    flat = flat.to(torch.float64)
    weights = torch.cos(torch.arange(len(flat), dtype=torch.float64))
    return [float(flat.abs().sum()), float(flat @ weights), float(flat @ weights.flip(0).square())]


def same(a: list[float], b: list[float]) -> bool:
    """Whether digits agree but for rounding."""
    scale = max((abs(value) for value in [*a, *b] if math.isfinite(value)), default=0.0)
    return len(a) == len(b) and all(
        math.isclose(x, y, rel_tol=0, abs_tol=TOLERANCE * scale) for x, y in zip(a, b, strict=True)
    )


def stages() -> dict[str, Callable[[], list[float]]]:
    """What computes each stage's digits, by kind and name."""
    found: dict[str, Callable[[], list[float]]] = {"chain": chain}
    of_kind = {
        "source": source,
        "estimation": estimation,
        "quantiser": quantiser,
        "link": link,
        "denoiser": denoiser,
        "predictor": predictor,
        "precoder": precoder,
        "metric": metric,
    }
    for kind, registry in KINDS.items():
        for name in sorted(map(str, registry.keys())):
            found[f"{kind}.{name}"] = lambda kind=kind, name=name: of_kind[kind](name)
    for name in sorted(map(str, COMPRESSORS.keys())):
        found[f"compressor.{name}"] = lambda name=name: compressor(name)
    return found


def version(stage: str) -> int:
    """The version that a stage has in the code."""
    if stage == "chain":
        return CHAIN
    kind, name = stage.split(".", 1)
    return int((COMPRESSORS if kind == "compressor" else KINDS[kind]).get_class(name).results_version)


def hdf5_file(folder: Path) -> Path:
    """Matrices ``[60, 8, 4]`` with falling rows."""
    with h5py.File(folder / "x.h5", "w") as file:
        file["X"] = channels(60, (8, 4)).numpy()
        file.attrs.update({"fc": 5.3e9, "B": 20e6, "Nc": 16, "Nt": 4})
    return folder / "x.h5"


def source_section(name: str, folder: Path) -> dict[str, Any]:
    """A small section of a source, its files made."""
    match name:
        case "sionna":
            return {"model": "CDL-C", "n_subcarriers": 16, "n_columns": 2}
        case "cost2100":
            return {"n_subcarriers": 32, "n_columns": 4}
        case "hdf5":
            return {"file": str(hdf5_file(folder))}
        case "mat":
            test_mat_source.write_version_5(folder / "t.mat", HT=test_mat_source.images())
            return {"test_file": str(folder / "t.mat"), "n_delay": 3, "n_columns": 4, "n_subcarriers": 16}
        case "dataset":
            plan = made_up_dataset.made_up_plan()
            file = made_up_dataset.write_dataset(folder / "d.h5", plan, made_up_dataset.made_up_arrays(plan))
            return {"file": str(file)}
        case "quadriga":
            writer = next(iter(made_up_links.WRITERS.values()))
            writer(folder / "q.mat", made_up_links.made_up_links())
            return {"file": str(folder / "q.mat"), "n_subcarriers": 16}
        case "deepmimo":
            test_deepmimo_source.write(folder / "deepmimo")
            return {"folder": str(folder / "deepmimo"), "n_subcarriers": 16, "n_columns": 4}
        case "response":
            test_response_source.write_npy(folder / "h.npy", test_response_source.channels())
            axes = list(test_response_source.ORDER)
            return {"file": str(folder / "h.npy"), "axes": axes, "carrier_hz": 3.5e9, "bandwidth_hz": 20e6}
        case "mixture":
            part = {"source": "hdf5", "file": str(hdf5_file(folder))}
            return {"parts": [part, part | {"normalise": False}]}
        case _:
            raise KeyError(f"{name}: expected a small section of it here")


def source(name: str) -> list[float]:
    """Responses of two test channels, a second snapshot where there is motion."""
    registered = KINDS["source"].get_class(name)
    with TemporaryDirectory() as folder:
        section = {"source": name, **source_section(name, Path(folder))}
        opened = registered(registered.Parameters.model_validate(section), seed=1, device=CPU)
        return summary(opened.read_truncated("test", 0, 2, 3))


def estimation(name: str) -> list[float]:
    """Estimates of three responses ``[3, 24, 4]`` of two paths at 10 dB."""
    registered = KINDS["estimation"].get_class(name)
    delays = torch.tensor([0.0, 3.0])[:, None] * torch.arange(24) / 24
    paths = torch.polar(torch.ones(2, 24), -2 * torch.pi * delays)
    gains = torch.randn(3, 2, 4, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
    made = registered(registered.Parameters(name=name), OfdmGrid(24, 20e6, 28e9), ArrayShape(1, 1, 4))
    response = torch.einsum("bpt,pk->bkt", gains, paths)
    made.fit(TrainingMoments.of(response, made.pilot_spacing))
    return summary(made.estimate(response, 10.0, normal_draw(1, "pilot noise", 0, 3, CPU)))


def compressor(name: str) -> list[float]:
    """Codewords and rebuilt matrices of seven channels: after a quick fit, or as built and as training starts."""
    candidate = candidate_of(COMPRESSORS.get_class(name), {"name": name, **NARROW.get(name, {})})
    if not candidate.compressor.trained:
        return of_compressor(candidate.fit(), candidate.csi)
    started = replace(candidate, quick={"untrained": True}).fit()
    return of_compressor(candidate.build(), candidate.csi) + of_compressor(started, candidate.csi)


@torch.no_grad()
def of_compressor(made: Compressor, csi: Tensor) -> list[float]:
    """Of codewords, up to the signs of axes, and of what is rebuilt of them."""
    sent = made.encode(csi)
    return summary(sent.values.abs()) + summary(made.decode(sent))


def quantiser(name: str) -> list[float]:
    """Codewords after quantiser and dequantiser."""
    made = test_quantiser_contract.build(name)
    made.fit(test_quantiser_contract.codewords(600))
    return summary(made.dequantise(made.quantise(Codeword(test_quantiser_contract.codewords(9, seed=1)))).values)


def link(name: str) -> list[float]:
    """What arrives of each signal that it carries."""
    made = test_link_contract.build(name)
    digits = []
    for signal in sorted(made.carries):
        received = made.transmit(test_link_contract.SIGNALS[signal], test_link_contract.draws(0, 6))
        erased = torch.zeros(6) if received.erased is None else received.erased
        digits += summary(torch.where(erased.bool()[:, None], 0.0, received.values)) + summary(erased)
    return digits


def denoiser(name: str) -> list[float]:
    """Noisy codewords after the denoiser."""
    made, generator = test_link_contract.build_denoiser(name), torch.Generator().manual_seed(1)
    clean = torch.randn(200, 8, generator=generator) @ torch.randn(8, 8, generator=generator)
    made.fit(clean)
    return summary(made.denoise(Codeword(clean[:6] + torch.randn(6, 8, generator=generator)), 0.5).values)


def predictor(name: str) -> list[float]:
    """Predictions from histories with a lost report."""
    registered = KINDS["predictor"].get_class(name)
    made = registered(registered.Parameters(name=name))
    n_reports = made.parameters.default_reports
    generator = torch.Generator().manual_seed(1)
    turns = torch.rand(5, 1, 4, 2, generator=generator) * torch.arange(n_reports)[:, None, None]
    csi = torch.polar(torch.ones_like(turns), turns)
    erased = torch.zeros(5, n_reports, dtype=torch.bool)
    erased[1, n_reports // 2] = True
    mean = torch.full((4, 2), 0.5 - 0.25j, dtype=torch.complex64)
    return summary(
        made.predict(ReportHistory(csi.masked_fill(erased[:, :, None, None], 0), erased, mean, 1e-3, 1.5e-3))
    )


def precoder(name: str) -> list[float]:
    """Gains with one and with two UE antennas."""
    registered = KINDS["precoder"].get_class(name)
    digits = []
    for n_rx in (1, 2):
        response = torch.randn(3, 26, n_rx, 4, dtype=torch.complex64, generator=torch.Generator().manual_seed(n_rx))
        weights = registered(registered.Parameters(name=name)).weights(response)
        digits += summary((response * weights[..., None, :]).sum(-1).abs())
    return digits


def metric(name: str) -> list[float]:
    """Value over seven channels."""
    registered = KINDS["metric"].get_class(name)
    outcome = copy.copy(made_up_outcome.made_up_outcome())
    object.__setattr__(
        outcome, "hf_all", made_up_outcome.random_tensor(made_up_outcome.BATCH, 125, made_up_outcome.NT, seed=12)
    )
    made = registered()
    accumulator = made.accumulator()
    made.update(accumulator, outcome)
    estimate = accumulator.estimate()
    return [] if estimate is None else [estimate.value]


def chain() -> list[float]:
    """NMSE and bits of a small run, over a perfect link and from perfect estimates, with a quantised scale."""
    with TemporaryDirectory() as folder:
        document = {
            "name": "chain",
            "channel": {"source": "hdf5", "file": str(hdf5_file(Path(folder))), "train_fraction": 0.5},
            "estimation": {"name": "perfect"},
            "transform": {"n_delay": 6, "scale_bits": 4},
            "compressors": [{"name": "identity"}],
            "metrics": ["nmse_db", "nmse_e2e_db"],
            "monte_carlo": {"samples": 30},
            "device": "cpu",
        }
        options = RunOptions(execution=ExecutionOptions(workers=1))
        made = run(validate_scenario(document, "chain"), Path(folder), options)
        return [float(value) for value in pd.read_csv(made.path / "results.csv")["value"]]


def kept() -> dict[str, dict[str, Any]]:
    """What is in the file."""
    found: dict[str, dict[str, Any]] = json.loads(FILE.read_text()) if FILE.exists() else {}
    return found


def refresh() -> Iterator[str]:
    """Writes the file anew; stages whose digits have changed under the same version stay as they are, and are named."""
    before, after = kept(), {}
    for stage, compute in sorted(stages().items()):
        digits = [float(np.format_float_scientific(value, precision=9)) for value in compute()]
        old = before.get(stage)
        if old is not None and old["version"] == version(stage):
            after[stage] = old
            if not same(old["digits"], digits):
                yield stage
        else:
            after[stage] = {"version": version(stage), "digits": digits}
    lines = [f"{json.dumps(stage)}: {json.dumps(entry)}" for stage, entry in after.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    unchanged = list(refresh())
    for stage in unchanged:
        print(f"{stage}: digits changed, version still {version(stage)}: raise it first", file=sys.stderr)
    sys.exit(2 if unchanged else 0)
