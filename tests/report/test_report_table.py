import io
import re
from pathlib import Path

import pandas as pd
import pytest
from made_up_run import SWEEPS, write_run
from rich.console import Console

from linksim.errors import InputError
from linksim.report import show


def shown(folder: Path, metric: str | None = None, width: int = 120) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    show(folder, console, metric)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().replace("\N{MINUS SIGN}", "-").splitlines()
    assert max(map(len, lines)) <= width
    return lines


def row(lines: list[str], label: str) -> list[str]:
    return next(line.split()[len(label.split()) :] for line in lines if line.strip().startswith(label))


def test_rows_hold_the_numbers_of_the_csv(tmp_path):
    lines = shown(write_run(tmp_path, {"over_snr": SWEEPS["over_snr"]}), "rho")
    assert row(lines, "SNR [dB]") == ["-10", "0", "10", "20"]
    assert row(lines, "csinet") == ["0.9325±0.0050", "0.9425±0.0050", "0.9525±0.0050", "0.9625±0.0050"]


def test_three_metrics_by_default_with_their_bounds(tmp_path):
    lines = shown(write_run(tmp_path, {"over_snr": SWEEPS["over_snr"]}))
    text = "\n".join(lines)
    assert [name for name in ("NMSE [dB]", "Cosine similarity", "Rate [bit/s/Hz]", "SGCS") if name in text] == [
        "NMSE [dB]",
        "Cosine similarity",
        "Rate [bit/s/Hz]",
    ]
    assert row(lines, "topk")[0] == "-6.25±0.25"
    assert row(lines, "identity")[:2] == ["<", "-90"]
    assert row(lines, "perfect CSI") == ["8.312"] * 4


def test_a_run_without_the_usual_metrics_shows_those_that_it_has(tmp_path):
    folder = write_run(tmp_path, {"over_snr": SWEEPS["over_snr"]})
    results = pd.read_csv(folder / "results.csv")
    for metric in ("sgcs", "rate_perfect_bps_hz"):
        results[results["metric"] == metric].to_csv(folder / "results.csv", index=False)
        text = "\n".join(shown(folder))
        assert ("SGCS" if metric == "sgcs" else "Rate with perfect CSI") in text
        assert "learnt from, in distinct training channels: \n" not in text + "\n"


def test_a_second_axis_makes_a_table_per_value(tmp_path):
    text = "\n".join(shown(write_run(tmp_path, {"over_mobility": SWEEPS["over_mobility"]})))
    assert "over_mobility | Feedback delay 0 ms" in text
    assert "over_mobility | Feedback delay 4 ms" in text


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_columns_that_do_not_fit_go_into_further_tables(tmp_path, width):
    values = tuple(float(value) for value in range(0, 24, 2))
    lines = shown(write_run(tmp_path, {"long": {"snr_db": values}}), "rate_bps_hz", width)
    numbers = [number for line in lines if line.strip().startswith("topk") for number in line.split()[1:]]
    # The made-up rates rise by 0.01 from point to point.
    assert [float(re.sub("±.*", "", number)) for number in numbers] == pytest.approx(
        [7.5 + place / 100 for place in range(12)]
    )


def test_an_unknown_metric_gives_one_line(tmp_path):
    with pytest.raises(InputError, match="metric: got 'ber', expected one of nmse_db, "):
        shown(write_run(tmp_path, {"over_snr": SWEEPS["over_snr"]}), "ber")


def test_markup_in_names_is_shown_as_it_is(tmp_path):
    folder = write_run(tmp_path, {"[red]x[/]": {"snr_db": (0.0, 1.0)}}, compressors=("identity", "[bold]", "[/]"))
    text = "\n".join(shown(folder, "rho"))
    assert all(name in text for name in ("[red]x[/]", "[bold]", "[/]"))


def test_what_an_axis_does_not_change_is_told_once(tmp_path):
    folder = write_run(tmp_path, {"over_mobility": SWEEPS["over_mobility"]}, metrics=("rho", "rate_bps_hz"))
    table = pd.read_csv(folder / "results.csv")
    slow = table[(table["metric"] == "rho") & (table["speed_m_s"] == 1)].set_index(["compressor", "feedback_delay_s"])
    rho = table["metric"] == "rho"
    for name in ("value", "ci_low", "ci_high"):
        table.loc[rho, name] = [
            slow.at[key, name]
            for key in zip(table.loc[rho, "compressor"], table.loc[rho, "feedback_delay_s"], strict=True)
        ]
    table.to_csv(folder / "results.csv", index=False)
    # Two delays across, no speed: 0.8750 and 0.02 more.
    lines = shown(folder, "rho")
    assert any("the same whatever the speed" in line for line in lines)
    assert [line.split()[1:] for line in lines if line.strip().startswith("topk")] == [
        ["0.8750±0.0050", "0.8950±0.0050"]
    ]
    # The rate depends on both.
    assert "the same" not in "\n".join(shown(folder, "rate_bps_hz"))
