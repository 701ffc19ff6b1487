"""Exported tables: structure of LaTeX and PGF without a TeX engine, values as in the results."""

import csv
import errno
import re
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from linksim.errors import InputError
from linksim.metrics import METRICS
from linksim.report import export
from linksim.report.export import export_figures, write_tables
from linksim.report.figures.of_a_run import EXAMPLE, Plan
from linksim.report.tables.sweep import with_companions
from linksim.report.view import style
from linksim.report.view.latex_text import latex
from tests.report.made_up_run import SWEEPS, write_run


def check_latex(text: str) -> None:
    """Braces, environments and formulas balance outside of comments and escapes."""
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    plain = re.sub(r"\\.", "", body.replace("\\\\", ""))
    depth = 0
    for character in plain:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    assert plain.count("$") % 2 == 0
    opened: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", body):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert not opened
    assert body.isascii()


def test_latex_has_booktabs_and_full_rows(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    files = write_tables(run, "latex", ("nmse_db", "rho"), None, tmp_path / "tables")
    assert len({file.name for file in files}) == len(files)
    for file in files:
        text = file.read_text()
        check_latex(text)
        for command in (r"\toprule", r"\bottomrule", r"\caption{", r"\label{tab:", r"\centering"):
            assert text.count(command) == 1
        # One under the head, and one between the truncated and the end-to-end error.
        assert text.count(r"\midrule") == (2 if "nmse" in file.name else 1)
        (columns,) = re.findall(r"\\begin\{tabular\}\{(l r*|lr*)\}", text)
        rows = [line for line in text.splitlines() if line.endswith(r" \\")]
        # A line over all columns names each of several metrics.
        assert {line.count(" & ") + 1 for line in rows} - {1} == {len(columns)}
        assert r"95 \% confidence intervals" in text
    text = (tmp_path / "tables" / "over_snr_nmse.tex").read_text()
    # -9.5 at the first value of the axis, half interval 0.25; the best compressor that is no reference.
    assert r"CsiNet & \textbf{$-$9.50} $\pm$ 0.25 &" in text
    assert "E[" in text


def test_errors_stand_beside_what_they_leave_out() -> None:
    companions = ["nmse_e2e_db", "undetected_error_rate"]
    assert with_companions(["rho", "nmse_db"]) == ["rho", "nmse_db", *companions]
    assert with_companions(["nmse_db", *companions]) == ["nmse_db", *companions]
    assert set(companions) <= set(METRICS.keys())


def test_axis_goes_across(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    files = write_tables(run, "csv", ("nmse_db",), "feedback_delay_s", tmp_path / "tables")
    # Only the mobility sweep has a delay; its three speeds become tables.
    assert [file.name for file in files] == [f"over_mobility_nmse_{i}.csv" for i in (1, 2, 3)]
    rows = list(csv.DictReader(files[0].open()))
    assert {row["Feedback delay [ms]"] for row in rows} == {"0", "4"}
    assert float(next(row["value"] for row in rows if row["compressor"] == "topk")) == pytest.approx(-6.25, abs=0.05)
    with pytest.raises(InputError, match="--axis: got 'bits', expected an axis of the run, such as snr_db"):
        write_tables(run, "csv", ("nmse_db",), "bits", tmp_path / "tables")
    with pytest.raises(InputError, match="--metric: got 'nmse', expected one of nmse_db"):
        write_tables(run, "csv", ("nmse",), None, tmp_path / "tables")


def test_markdown_rows_are_full(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", compressors=("identity", "topk", "a|b"))
    (file, *_) = write_tables(run, "markdown", ("nmse_db",), "snr_db", tmp_path / "tables")
    lines = [line for line in file.read_text().splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(SWEEPS["over_snr"]["snr_db"]) + 2}


@pytest.mark.parametrize("kind", ["pgf", "pdf"])
def test_figures_need_no_tex(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    sweeps, compressors = {"over_snr": SWEEPS["over_snr"]}, ("topk", "klt", "my_net & $2")
    run = write_run(tmp_path / "run", sweeps, compressors=compressors, metrics=("nmse_db",))
    files = export_figures(run, kind, None, tmp_path / "figures")
    assert all(file.suffix == f".{kind}" and file.stat().st_size > 2000 for file in files)
    if kind == "pgf":
        text = (tmp_path / "figures" / "over_snr_nmse.pgf").read_text()
        check_latex(text)
        assert r"my\_net \& \$2" in text
        assert text.count(r"\begin{pgfpicture}") == text.count(r"\end{pgfpicture}") == 1
        assert "SNR [dB]" in text
        assert text == export_figures(run, kind, None, tmp_path / "again")[0].read_text()


def test_images_are_pdf_where_pgf_cannot_hold_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = Figure()
    figure.subplots().imshow([[0, 1], [1, 0]])
    plan = Plan("example", EXAMPLE, "", figure)
    monkeypatch.setattr(export, "figure_layouts", lambda run: [plan])
    run = write_run(tmp_path / "run", {"over_snr": SWEEPS["over_snr"]}, metrics=("nmse_db",))
    (file,) = export_figures(run, "pgf", None, tmp_path / "figures")
    assert file.name == "example.pdf"
    assert file.read_bytes().startswith(b"%PDF")


def test_a_full_disk_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(style, "write_whole", full)
    with pytest.raises(OSError, match="No space left"):
        style.write_pdf(Figure(), tmp_path / "figure.pdf")


def test_tables_name_the_references_and_end_their_heads(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", {"over_snr": SWEEPS["over_snr"]}, metrics=("nmse_db",))
    (file,) = write_tables(run, "markdown", ("nmse_db",), None, tmp_path / "tables")
    assert "References, which are not compared: uncompressed.\n" in file.read_text()
    point = write_run(tmp_path / "point", {"point": {}}, metrics=("nmse_db",))
    for file in write_tables(point, "markdown", ("nmse_db",), None, tmp_path / "of_a_point"):
        (head,) = (line for line in file.read_text().splitlines() if line.startswith("| NMSE"))
        assert head.startswith("| NMSE [dB] | ")


def test_no_greek_letter_is_left(tmp_path: Path) -> None:
    assert latex("\u03bc-law, \u00b5s, \u03b7 = 1/16") == r"$\mu$-law, $\mu$s, $\eta$ = 1/16"
    assert latex("".join(map(chr, (*range(0x3B1, 0x3BF), *range(0x3C0, 0x3C2), *range(0x3C3, 0x3CA))))).isascii()


def test_every_special_character_is_escaped() -> None:
    assert latex("50 % of a_b & {c} ~ ^ # $ \\") == (
        r"50 \% of a\_b \& \{c\} \textasciitilde{} \textasciicircum{} \# \$ \textbackslash{}"
    )
    assert latex("\N{MINUS SIGN}\N{INFINITY}") == r"$-\infty$"
