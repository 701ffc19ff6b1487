from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_run import write_run

from linksim.errors import InputError
from linksim.report import draw_figures, write_report
from linksim.report.tables.learning import learnt_from_line
from linksim.report.view.axes import sweep_axes
from linksim.report.view.metric_format import metric_text
from linksim.storage.results_table import read_manifest, read_results, read_scenario

SMALL = {"snr": {"snr_db": (0.0, 10.0)}}


def edited(folder: Path, old: str, new: str) -> Path:
    path = write_run(folder, SMALL) / "results.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_results(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert "results.csv" in message
    return message


def test_values_and_empty_cells_come_back(tmp_path):
    table = read_results(write_run(tmp_path, SMALL))
    row = table[(table["compressor"] == "csinet") & (table["metric"] == "rho") & (table["snr_db"] == 10)].iloc[0]
    assert (row["value"], row["ci_low"], row["n"]) == pytest.approx((0.9425, 0.9375, 1000))
    assert table["feedback_snr_db"].isna().all()
    assert table.loc[table["compressor"] == "none", "ci_low"].isna().all()


def test_an_error_of_zero_is_minus_infinity(tmp_path):
    table = read_results(edited(tmp_path, "nmse_db,-140.0,-140.25,-139.75", "nmse_db,-inf,,"))
    assert np.isneginf(table["value"]).sum() == 1
    assert metric_text("nmse_db").text(float(table["value"].min())) == "< \N{MINUS SIGN}90"


def test_a_label_that_reads_like_no_value_stays_a_label(tmp_path):
    table = read_results(write_run(tmp_path, SMALL, compressors=("identity", "NA", "null")))
    assert {"NA", "null"} <= set(table["compressor"])


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("value", "worth", "no column value"),
        ("rho,0.99,", "rho,high,", "line 8: value: got 'high', expected a number"),
        ("rho,0.99,", "rho,,", "line 8: value: got '', expected a number"),
        ("rho,0.99,", "rho,nan,", "line 8: value: got 'nan', expected a number"),
        ("rho,0.99,", "rho,0.5,", "line 8: ci_low, ci_high: the interval does not hold the value"),
        ("identity,rho,", "topk,rho,", "line 9: value: a second rho of topk"),
        ("identity,rho,", ",rho,", "line 8: compressor: empty"),
    ],
)
def test_a_wrong_table_gives_one_line(tmp_path, old, new, expected):
    assert expected in refusal(edited(tmp_path, old, new))


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe\x80binary", b'a,b\n"never closed', b"<html>\n</html>\n"])
def test_garbage_gives_one_line(tmp_path, content):
    write_run(tmp_path, SMALL)
    (tmp_path / "results.csv").write_bytes(content)
    refusal(tmp_path)
    for job in (draw_figures, write_report):
        with pytest.raises(InputError):
            job(tmp_path)


def test_a_missing_file_gives_one_line(tmp_path):
    refusal(tmp_path)


@pytest.mark.parametrize("content", ["{", "[1]", "[" * 100_000, "!!python/object/apply:os.getcwd []"])
def test_wrong_scenario_or_manifest_gives_one_line(tmp_path, content):
    for name, read in (("scenario.yaml", read_scenario), ("manifest.json", read_manifest)):
        assert read(tmp_path) == {}
        (tmp_path / name).write_text(content)
        with pytest.raises(InputError) as caught:
            read(tmp_path)
        assert "\n" not in str(caught.value)


def axes_of(points: list[dict[str, float]]) -> tuple[str | None, list[str]]:
    columns = ("snr_db", "feedback_snr_db", "compression_ratio", "speed_m_s", "feedback_delay_s")
    table = pd.DataFrame([{name: point.get(name, float("nan")) for name in columns} for point in points])
    axes = sweep_axes(table)
    return axes.x.column if axes.x else None, [axis.column for axis in axes.panels]


def test_the_columns_that_vary_are_the_axes():
    assert axes_of([{"snr_db": 1}]) == (None, [])
    assert axes_of([{"snr_db": 1}, {"snr_db": 2}]) == ("snr_db", [])
    grid = [{"speed_m_s": speed, "feedback_delay_s": delay} for speed in (1, 2) for delay in (0, 1)]
    assert axes_of(grid) == ("speed_m_s", ["feedback_delay_s"])
    # Two columns that move together are one axis.
    assert axes_of([{"snr_db": i, "feedback_snr_db": i + 5} for i in range(3)]) == ("snr_db", [])
    assert axes_of([{"feedback_snr_db": 3}, {}]) == ("feedback_snr_db", [])


def test_what_compressors_learnt_from_is_no_axis(tmp_path: Path) -> None:
    run = write_run(tmp_path, SMALL)
    table = pd.read_csv(run / "results.csv")
    table["learnt_from"] = table["compressor"].map({"identity": 0, "topk": 0, "csinet": 32_000})
    table.to_csv(run / "results.csv", index=False)
    found = read_results(run)
    assert found["learnt_from"].max() == 32_000
    axes = sweep_axes(found)
    assert "learnt_from" not in [axis.column for axis in (*axes.panels, axes.x) if axis is not None]
    assert learnt_from_line(found) == (
        "learnt from, in distinct training channels: identity, topk: 0; csinet: 32\N{NARROW NO-BREAK SPACE}000"
    )
