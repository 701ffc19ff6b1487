"""``linksim study`` of tables of the context codec: losses in closed form, kept results, the shipped document."""

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from linksim.errors import InputError
from linksim.execution.executor import InProcess
from linksim.execution.options import ExecutionOptions
from linksim.studies.model import TableStudy, load_study
from linksim.studies.run import run_study
from linksim.studies.smoke import small_tables
from linksim.studies.table_generalisation import (
    Mixture,
    TableCell,
    TablePlan,
    by_channel,
    mixtures_of,
    run_tables,
    table_losses,
    table_points,
)

Command = Callable[..., tuple[int, str, str]]

SHIPPED = Path(__file__).resolve().parents[2] / "scenarios" / "studies" / "table_generalization.yaml"
TINY = """
study: table_generalization
name: tiny
samples: 3
test_samples: 20
n_delay: 4
network_steps: 3
steps: [0.5, 1, 2]
sources:
  indoor: {source: cost2100, environment: indoor, n_subcarriers: 32, n_columns: 4}
  outdoor: {source: cost2100, environment: outdoor, n_subcarriers: 32, n_columns: 4}
"""


def study_of(folder: Path, *overrides: str) -> TableStudy:
    (folder / "tiny.yaml").write_text(TINY)
    study = load_study(folder / "tiny.yaml", overrides)
    assert isinstance(study, TableStudy)
    return study


def curves(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Bits and errors of reports at three steps: half the bits, four times the error."""
    generator = np.random.default_rng(seed)
    bits = 600 * generator.lognormal(0, 0.5, n) * np.array([1, 0.5, 0.25])[:, None]
    return bits, 0.01 * generator.lognormal(0, 1, n) * np.array([1, 4, 16])[:, None]


def cell(trained_on: tuple[str, ...], bits: np.ndarray, error: np.ndarray) -> TableCell:
    return TableCell(Mixture(" and ".join(trained_on), trained_on), "a", bits, error, 100)


def test_what_is_kept_is_of_what_files_hold(tmp_path: Path) -> None:
    """Other channels in a file of the same name: neither channels nor tables nor cells are those of before."""
    file = tmp_path / "own.npy"
    section = f"{{source: response, file: {file}, carrier_hz: 3.5e+9, bandwidth_hz: 1.0e+7, train_fraction: 0.5}}"

    def kept(more: int) -> set[Path]:
        np.save(file, np.random.default_rng(0).normal(size=(60 + more, 32, 4, 2)) @ [1, 1j])
        plan = TablePlan(study_of(tmp_path, f"sources.own={section}"), tmp_path / "tiny.yaml", tmp_path)
        own = Mixture("own", ("own",))
        return {plan.tables_file(own), plan.cell_file(Mixture("indoor", ("indoor",)), "own")}

    assert kept(0) == kept(0)
    assert kept(0).isdisjoint(kept(1))


def test_losses_of_a_tenth_and_of_half_a_decibel() -> None:
    """Every report with 1.1 times the bits, or 0.5 dB more error: exactly so much, whichever channels are left out."""
    bits, error = curves()
    table = table_losses(
        [cell(("a",), bits, error), cell(("b",), 1.1 * bits, error), cell(("a", "b"), bits, 10**0.05 * error)]
    )
    assert list(table.case) == ["same", "unseen", "mixed"]
    for end in ("", "_low", "_high"):
        assert table[f"bits_percent{end}"][0] == pytest.approx(0, abs=1e-9)
        assert table[f"bits_percent{end}"][1] == pytest.approx(10, abs=1e-6)
        assert table[f"loss_db{end}"][2] == pytest.approx(0.5, abs=1e-6)
    # 6.02 dB for each factor of 2, on a straight line: 0.5 dB are a factor of 2^(0.5 / 6.02).
    assert table.bits_percent[2] == pytest.approx(100 * (2 ** (0.5 / (20 * math.log10(2))) - 1), abs=1e-6)
    assert (table.n == 400).all()
    assert (table.samples_seen == 100).all()


def test_the_interval_is_that_of_the_mean() -> None:
    """Bits that are 1.1 (1 + e) of the own ones, e of standard deviation s: that of the ratio of the means is known.

    The variance of sum(b e) / sum(b) is s^2 sum(b^2) / sum(b)^2; 20 groups tell its root to 16 % each, 10 cells to 5 %.
    """
    halves, expected = [], []
    for seed in range(10):
        bits, error = curves(seed=seed)
        noise = 0.2 * np.random.default_rng(1000 + seed).standard_normal(400)
        table = table_losses([cell(("a",), bits, error), cell(("b",), 1.1 * bits * (1 + noise), error)])
        halves.append((table.bits_percent_high[1] - table.bits_percent_low[1]) / 2)
        # 97.5 % point of Student's distribution of 19 degrees of freedom.
        expected.append(2.093 * 110 * 0.2 * math.sqrt(np.square(bits[0]).sum()) / bits[0].sum())
    assert np.mean(halves) == pytest.approx(np.mean(expected), rel=0.15)


def test_layers_of_a_channel_count_once(tmp_path: Path) -> None:
    """21 channels of two layers are 21 for an interval, whose 20 groups would part layers of a channel otherwise."""
    section = "{source: sionna, model: CDL-A, n_subcarriers: 8, n_columns: 2, n_rx: 2}"
    overrides = ["csi=eigenvectors", "rank=2", "n_subbands=2", "test_samples=21", "steps=[1, 2]"]
    study = study_of(tmp_path, *overrides, f"sources.indoor={section}", f"sources.outdoor={section}")
    plan = TablePlan(study, tmp_path / "tiny.yaml", tmp_path / "out")
    cells = run_tables(plan, InProcess())
    assert all(each.bits.shape == each.error.shape == (2, 21) for each in cells)
    first, second = np.array([1.0, 2, 3]), np.array([5.0, 4, 9])
    assert by_channel([first, second]).tolist() == [3, 3, 6]
    assert by_channel([first, second[:2]]).tolist() == [1, 2, 3, 5, 4]


def test_studies_name_cases_alike() -> None:
    """A mixture that lacks the tested source is no single other source, in no study."""
    bits, error = curves()
    cells = [cell(names, bits, error) for names in (("a",), ("b",), ("a", "b"), ("b", "c"))]
    assert list(table_losses(cells).case) == ["same", "unseen", "mixed", "mixed_without"]


def test_curves_that_have_nothing_in_common_have_no_loss() -> None:
    bits, error = curves()
    table = table_losses([cell(("a",), bits, error), cell(("b",), bits, 1e3 * error)])
    assert math.isnan(table.bits_percent[1])


def test_every_mixture_of_three_sources(tmp_path: Path) -> None:
    study = study_of(tmp_path, "sources.UMa={source: sionna, model: UMa}")
    found = {mixture.label: mixture.sources for mixture in mixtures_of(study)}
    assert found == {
        **{label: (label,) for label in ("indoor", "outdoor", "UMa")},
        "mixed": ("indoor", "outdoor", "UMa"),
        "mixed without indoor": ("outdoor", "UMa"),
        "mixed without outdoor": ("indoor", "UMa"),
        "mixed without UMa": ("indoor", "outdoor"),
    }


@pytest.mark.parametrize("form", ["csi=matrix", "csi=eigenvectors"])
def test_what_is_kept_is_not_made_again(form: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Damaged files are; digits stay. Finer steps take more bits, and err less."""
    caplog.set_level("INFO")
    plan = TablePlan(study_of(tmp_path, form, "n_subbands=4"), tmp_path / "tiny.yaml", tmp_path / "out")
    first = run_tables(plan, InProcess())
    assert [message for message in caplog.messages if message.startswith("training")] == [
        f"training tables on {label}" for label in ("indoor", "outdoor", "mixed")
    ]
    points = table_points(plan.study, first)
    assert len(points) == 3 * 2 * 3
    for _, curve in points.groupby(["trained_on", "tested_on"]):
        assert all(a > b for a, b in pairwise(curve.bits))
        assert all(a < b for a, b in pairwise(curve.nmse_db))
    assert {one.samples_seen for one in first} == {3, 6}
    caplog.clear()
    lost, kept = (
        plan.cell_file(mixtures_of(plan.study)[2], "outdoor"),
        sorted((tmp_path / "out").rglob("*.safetensors")),
    )
    content = lost.read_bytes()[:-1]
    # Not in place, as what was read is mapped into memory.
    lost.unlink()
    lost.write_bytes(content)
    again = run_tables(plan, InProcess())
    assert len(caplog.messages) == 1
    assert "damaged" in caplog.messages[0]
    assert sorted((tmp_path / "out").rglob("*.safetensors")) == kept
    # Nothing made, nothing trained.
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.bits, other.bits)
        assert np.array_equal(one.error, other.error)


def test_the_shipped_study_runs_small(command: Command, tmp_path: Path) -> None:
    code, out, err = command(
        "study", SHIPPED, "--smoke", "--out", tmp_path, "--workers", "1",
        "--set", "sources.indoor.n_columns=4", "--set", "sources.outdoor.n_columns=4", "--set", "n_delay=4",
    )  # fmt: skip
    assert code == 0, err
    assert "| one other source | 2 |" in out
    folder = tmp_path / "table_generalization.smoke"
    table = pd.read_csv(folder / "losses.csv")
    assert set(table.trained_on) == {"indoor", "outdoor", "mixed"}
    assert (table.bits_percent_low <= table.bits_percent).all()
    assert out.startswith((folder / "losses.md").read_text("utf-8"))
    assert (folder / "figures" / "more_bits.png").stat().st_size > 2000


def test_no_network_is_trained_within_a_budget(command: Command) -> None:
    code, out, err = command("study", SHIPPED, "--budget", "5min")
    assert (code, out) == (2, "")
    assert err.startswith("linksim: --budget: got it for a study of tables")


def test_the_shipped_study_is_of_the_sources_of_the_networks() -> None:
    networks = load_study(SHIPPED.with_name("generalization.yaml"))
    study = load_study(SHIPPED)
    assert isinstance(study, TableStudy)
    assert study.sources == networks.sources
    assert len(mixtures_of(study)) == 13


@pytest.mark.validate
def test_digits_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    study = small_tables(study_of(tmp_path))
    for workers in (1, 2):
        run_study(study, tmp_path / "tiny.yaml", tmp_path / f"{workers}", ExecutionOptions(workers), "")
    first, second = (tmp_path / f"{workers}" / study.name for workers in (1, 2))
    for name in ("losses.csv", "points.csv", "losses.md"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("study=tables", r"tiny\.yaml: study: got 'tables', expected generalization or table_generalization"),
        ("steps=[1, 1]", r"tiny\.yaml: steps: got \[1\.0, 1\.0\], expected rising numbers"),
        ("steps=[1]", r"tiny\.yaml: steps: got"),
        ("steps=[0, 1]", r"tiny\.yaml: steps.0: got 0"),
        ("sources.mixed={source: cost2100, environment: indoor}", "sources.mixed: is a mixture of the study"),
        ("test_samples=19", "test_samples: got 19, expected"),
        ("sources={a: {source: cost2100, environment: indoor}}", "sources: got"),
        ("base.seed=3", "base: unknown key"),
    ],
)
def test_documents_are_checked(override: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    with pytest.raises(InputError, match=message):
        load_study(tmp_path / "tiny.yaml", [override])
