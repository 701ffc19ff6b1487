"""``linksim reproduce``: complexity to the digit, ranks, budgets, and one table all the way."""

import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from linksim.report.reproduction import performance_lines
from linksim.scenario.sweep import points_of
from linksim.scenario.training_section import BudgetSection
from linksim.studies.published import UNAVAILABLE, published
from linksim.studies.reproduction import (
    complexities,
    load_reproduction,
    performance,
    rank_correlations,
    spearman_interval,
)

Command = Callable[..., tuple[int, str, str]]

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(file.stem for file in (ROOT / "scenarios" / "reproduce").glob("*.yaml"))


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_every_table_has_a_mirror() -> None:
    assert set(NAMES) == {value.name for value in published()} | set(UNAVAILABLE)


@pytest.mark.parametrize("name", NAMES)
def test_mirrors_cover_what_is_built_here(name: str) -> None:
    reproduction = load_reproduction(name, [])
    assert reproduction.scenario.name == name
    points = points_of(reproduction.scenario)
    labels = {entry.label or entry.name for entry in reproduction.scenario.compressors}
    assert {"klt", "topk"} <= labels
    # Published methods that are not in the scenario are those that no plug-in implements.
    unbuilt = ("cllwcsinet fc", "bm3d-amp", "tval3", "cs-csinet")
    for value in reproduction.printed:
        known = value.method in labels
        assert known != value.method.startswith(unbuilt)
        if known and value.value is not None and value.scenario in ("indoor", "outdoor"):
            places = {(getattr(p.scenario.channel, "environment", ""), p.scenario.compression_ratio) for p in points}
            assert (value.scenario, value.cr) in places


def test_what_is_printed_and_not_built_here_stands_in_the_table(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """CsiNet, arXiv:1712.08919, Table I: sparse recovery that is published only, with no figure of ours."""
    monkeypatch.setattr("linksim.studies.reproduction._our_figures", lambda *_: [])
    _, lines = performance_lines(performance(load_reproduction("csinet-table1", []), tmp_path))
    shown = {(ratio, method, where): (printed, ours) for ratio, method, where, printed, ours, _ in lines}
    assert shown["1/4", "tval3", "indoor"] == ("\N{MINUS SIGN}14.87", "not here")
    assert shown["1/16", "bm3d-amp", "outdoor"] == ("0.55", "not here")
    assert shown["1/4", "lasso", "indoor"] == ("\N{MINUS SIGN}7.59", "not here")


# Where the printed complexity is not what the layers of the same paper give: see the notes in published.csv, and
# the tolerance that the table of the equilibrium network has for widths that its paper leaves open.
DIFFERENT = {
    "acrnet-table1": {("crnet", 32, "macs")}
    | {("ds-nlcsinet", cr, quantity) for cr in (4, 8, 16, 32, 64) for quantity in ("macs", "params")},
    "acrnet-table3": set(),
    "acrnet-table4": set(),
    "bcsinet-table4": set(),
    "clnet-readme": set(),
    "cm-table1": set(),
    "transnet-readme": {("transnet", 8, "macs_without_attention")},
    "cllwcsinet-table5": {
        ("bcsinet-a2", 4, "words"),
        ("bcsinet-a2", 8, "words"),
        ("bacrnet-1x both", 16, "words"),
        ("bacrnet-10x both", 16, "words"),
        # What a count of parameters in PyTorch finds, which leaves layers of 8 bits out.
        *((f"qacrnet-{k}x", cr, "words") for k in (1, 10) for cr in (4, 8, 16)),
    },
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_complexity_is_exact(name: str) -> None:
    reproduction = load_reproduction(name, [])
    table = complexities(reproduction)
    wrong = table[table["agrees"] == "no"]
    assert set(zip(wrong["method"], wrong["cr"], wrong["quantity"], strict=True)) == DIFFERENT[name]
    labels = {entry.label or entry.name for entry in reproduction.scenario.compressors}
    printed = [v for v in reproduction.printed if v.metric != "nmse_db" and v.method in labels and v.value is not None]
    assert len(table) == len(printed)


def test_complexity_of_the_equilibrium_network_is_close() -> None:
    table = complexities(load_reproduction("deq-table1", []))
    deq = table[table["method"] == "deq"]
    assert len(deq) == 4
    # The specification of its layers asks for 5 %.
    assert (deq["ours"] / deq["published"]).tolist() == pytest.approx([1] * 4, rel=0.05)
    # What is printed of these counts norms and means as well.
    others = table[table["method"].isin(["convcsinet", "shufflecsinet"]) & (table["quantity"] == "ue_macs")]
    assert (others["ours"] / others["published"]).tolist() == pytest.approx([0.975] * 8, rel=0.03)


def test_complexity_alone_runs_nothing(command: Command, tmp_path: Path) -> None:
    code, out, err = command("reproduce", "bcsinet-table4", "--complexity", "--out", tmp_path)
    assert code == 0, err
    assert "ue_multiplications" in out
    assert not list(tmp_path.iterdir())


def test_ranks_of_known_orderings() -> None:
    def rows(scenario: str, ours: list[float]) -> pd.DataFrame:
        table = pd.DataFrame({"published": [-20.0, -15.0, -10.0, -5.0][: len(ours)], "ours": ours})
        return table.assign(scenario=scenario, cr=4.0, condition="", relation="=", method="x")

    tables = [rows("same", [-4, -3, -2, -1]), rows("turned", [1, 2, 3, 4][::-1]), rows("one", [-4, -3, -1, -2])]
    tables += [rows("two", [-1, -2]), rows("equal", [-1, -1, -1]), rows("bounds", [-1, -2, -3]).assign(relation="<")]
    ranks = rank_correlations(pd.concat(tables)).set_index("scenario")
    assert list(ranks.index) == ["same", "turned", "one"]
    # One exchange of neighbours among four: 1 - 6 x 2 / 60, and (5 - 1) / 6.
    assert ranks["spearman"].tolist() == pytest.approx([1, -1, 0.8])
    assert ranks["kendall"].tolist() == pytest.approx([1, -1, 2 / 3])
    assert set(ranks["n"]) == {4}


def test_budget_bounds_the_channels_made() -> None:
    few = load_reproduction("acrnet-table1", ["training.budget={samples: 5000}"]).scenario.training
    assert (few.network_samples, few.budget) == (5000, BudgetSection(samples=5000))
    many = load_reproduction("acrnet-table1", ["training.budget={samples: 300000}"]).scenario.training
    assert many.network_samples == 100_000
    timed = load_reproduction("acrnet-table1", ["training.budget={minutes: 5}"]).scenario.training
    assert timed.network_samples == 100_000


def test_what_the_zoo_holds_is_not_trained_again(command: Command, tmp_path: Path) -> None:
    settings = [
        "--set", "sweeps={}", "--set", "compressors=[{name: klt}, {name: csinet}]", "--set", f"zoo={tmp_path / 'zoo'}",
        "--set", "training.samples=60", "--set", "training.validation_samples=20", "--set", "monte_carlo.samples=50",
        "--set", "transform.n_delay=8", "--set", "channel.n_columns=8", "--out", str(tmp_path), "--workers", "1",
    ]  # fmt: skip
    code, out, err = command("reproduce", "deq-table1", "--budget", "200samples", *settings)
    assert code == 0, err
    assert "1 networks to train, 200samples each" in out + err
    (weights,) = (tmp_path / "zoo").glob("*.safetensors")
    written = weights.stat().st_mtime_ns
    code, out, err = command("reproduce", "deq-table1", "--budget", "900samples", *settings)
    assert code == 0, err
    assert "to train" not in out + err
    assert weights.stat().st_mtime_ns == written
    tables = [pd.read_csv(file) for file in tmp_path.glob("deq-table1/*/reproduction.csv")]
    assert {table.set_index("method").loc["csinet", "samples_seen"].max() for table in tables} == {200}


@pytest.mark.usefixtures("without_figures")
def test_a_table_all_the_way(command: Command, tmp_path: Path) -> None:
    code, out, err = command(
        "reproduce", "deq-figure4", "--smoke", "--out", tmp_path, "--workers", "1",
        "--set", "compressors=[{name: klt}, {name: csinet}, {name: deq, label: deq te=10}]",
        "--set", "transform.n_delay=8", "--set", "channel.n_columns=8",
    )  # fmt: skip
    assert code == 0, err
    assert "The figure has no numbers" in " ".join(out.split())
    assert "A smoke run: its figures mean nothing." in out
    (folder,) = tmp_path.glob("deq-figure4.smoke/*/results.csv")
    run = folder.parent
    table = pd.read_csv(run / "reproduction.csv").set_index("method")
    results = pd.read_csv(run / "results.csv").set_index("compressor")
    for method in ("csinet", "deq te=10", "klt"):
        assert table.loc[method, "ours"] == pytest.approx(results.loc[method, "value"], rel=1e-8)
    assert table.loc["csinet", "published"] == -8.65
    assert table.loc["deq te=2", "relation"] == "<"
    assert pd.isna(table.loc["convcsinet", "ours"])
    assert pd.isna(table.loc["klt", "published"])
    # 200 channels, once.
    assert table.loc["csinet", "samples_seen"] == 200
    text = (run / "reproduction.md").read_text()
    assert "| 1/16 | csinet | indoor | \N{MINUS SIGN}8.65 |" in text
    assert (run / "figures" / "reproduction.pdf").exists()
    assert len(pd.read_csv(run / "reproduction_ranks.csv")) == 0
    assert len(table) == len(load_reproduction("deq-figure4", []).printed) + len(["klt"])


def test_unknown_tables_are_refused(command: Command) -> None:
    code, _, err = command("reproduce", "acrnet-table1", "--budget", "5hours")
    assert code == 2
    assert "--budget: got '5hours', expected a positive number with its unit" in err
    code, _, err = command("reproduce", "acrnet-table9")
    assert code == 2
    assert "TABLE: got 'acrnet-table9', expected one of acrnet-table1, acrnet-table2" in err


def test_interval_of_a_rank_correlation() -> None:
    """Fisher's transform by hand; equal orderings of five: r = 1 - 6 / 120."""
    low, high = spearman_interval(0.5, 28)
    half = 1.959964 * math.sqrt(1.125 / 25)
    assert (low, high) == pytest.approx((math.tanh(math.atanh(0.5) - half), math.tanh(math.atanh(0.5) + half)))
    low, high = spearman_interval(1.0, 5)
    taken, half = math.atanh(0.95), 1.959964 * math.sqrt((1 + 0.95**2 / 2) / 2)
    assert low == pytest.approx(math.tanh(taken - half))
    assert high == 1
    assert spearman_interval(-1.0, 5) == (-1, -low)
    assert spearman_interval(1.0, 3) == (-1, 1)
