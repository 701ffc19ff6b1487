"""Text of any origin on any terminal, and in CSV files that spreadsheets open."""

import ast
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import linksim
from linksim.report.view.latex_text import latex
from linksim.storage.csv_text import MAX_LINE_BYTES, csv_text, guarded, read_csv, unguarded
from linksim.storage.results_table import read_results
from linksim.terminal import Console, prepare_streams, say, shown

ESCAPES = "\x1b]0;title\x07\x1b[31mred\x9b2J\u202egnp\x85"
SIGNS = "\N{MINUS SIGN}3 \N{PLUS-MINUS SIGN} \N{INFINITY} \N{GRINNING FACE} \N{LATIN SMALL LETTER E WITH ACUTE} \udcff"


def _stream(encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "cp1252", "koi8-r"])
def test_any_encoding_takes_any_text(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = _stream(encoding)
    monkeypatch.setattr("sys.stdout", stream)
    prepare_streams()
    say(SIGNS)
    Console(file=stream).print(SIGNS)
    stream.flush()
    text = stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    assert "\\udcff" in text
    if encoding == "ascii":
        assert text.splitlines()[0] == "-3 ~ inf ?? e \\udcff"


def test_no_text_is_obeyed() -> None:
    for terminal in (True, False):
        stream = io.StringIO()
        console = Console(file=stream, force_terminal=terminal, width=200)
        console.print(f"{ESCAPES}[bold]:smile:[/x]", style="red", highlight=False)
        say(ESCAPES, file=stream)
        # rich's own colours are all that is left.
        text = stream.getvalue().replace("\x1b[31m", "", 1).replace("\x1b[0m", "", 1)
        assert not any(sign in text for sign in "\x1b\x07\x9b\x85\u202e")
        assert "[bold]:smile:[/x]" in text
    assert shown("a\tb\nc \N{GRINNING FACE}") == "a\tb\nc \N{GRINNING FACE}"


# What a command was asked for goes to standard output; everything else is logged.
_PRINTING = ("cli", "report")


def _nodes_of_files_with(*words: str) -> Iterator[tuple[Path, ast.AST]]:
    """What files of the package consist of that have one of some words in them."""
    for file in Path(linksim.__file__).parent.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        if any(word in text for word in words):
            yield from ((file, node) for node in ast.walk(ast.parse(text)))


def test_only_commands_and_their_tables_print() -> None:
    root, found = Path(linksim.__file__).parent, 0
    for file, node in _nodes_of_files_with("linksim.terminal"):
        if isinstance(node, ast.ImportFrom) and node.module == "linksim.terminal":
            names = {name.name for name in node.names} - {"shown", "prepare_streams"}
            room = file.relative_to(root).parts[0]
            assert not names or room in (*_PRINTING, "logs.py"), f"{file}: {names}, expected a logger"
            found += bool(names)
    assert found > 5


def test_nothing_is_printed_by_another_way() -> None:
    for file, node in _nodes_of_files_with("print", "rich.console"):
        if file.name in ("terminal.py", "__main__.py"):
            continue
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        assert not called, f"{file}: print, expected linksim.terminal.say"
        if isinstance(node, ast.ImportFrom) and node.module == "rich.console":
            assert "Console" not in [name.name for name in node.names], f"{file}: expected linksim.terminal.Console"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+2", "'=1+2"),
        ("+x", "'+x"),
        ("-x", "'-x"),
        ("@x", "'@x"),
        ("'=x", "''=x"),
        ("\t=x", "'\t=x"),
        ("-3.5", "-3.5"),
        ("+1e3", "+1e3"),
        ("csinet", "csinet"),
        ("'x", "'x"),
        ("", ""),
    ],
)
def test_formulas(text: str, cell: str) -> None:
    assert guarded(text) == cell
    assert unguarded(cell) == text


@given(st.text(alphabet=st.sampled_from("'=+-@\t\rx1."), max_size=6) | st.text(max_size=6))
def test_guarding_can_be_undone(text: str) -> None:
    cell = guarded(text)
    assert unguarded(cell) == text
    try:
        float(cell)
    except ValueError:
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_tables_come_back(tmp_path: Path) -> None:
    table = pd.DataFrame({"=label": ["=1", "'=1", "-x", '\N{GRINNING FACE}, "q"\n'], "value": [-1.5, 2.0, -0.25, 3.0]})
    file = tmp_path / "t.csv"
    file.write_text(csv_text(table), encoding="utf-8", newline="")
    found = read_csv(file)
    assert list(found.columns) == list(table.columns)
    assert list(found["=label"]) == list(table["=label"])
    assert list(found["value"]) == ["-1.5", "2", "-0.25", "3"]


def test_long_lines_are_refused_at_once(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("a,b\n" + "1," * 200_000 + "1\n")
    with pytest.raises(ValueError, match=f"line 2: more than {MAX_LINE_BYTES} bytes"):
        read_csv(file)


def test_symbols_in_latex() -> None:
    assert latex("\N{GRINNING FACE} \N{MINUS SIGN}3 \u00e9 \u2603") == "(U+1F600) $-$3 \u00e9 (U+2603)"


@pytest.mark.usefixtures("without_layout")
def test_labels_of_all_kinds_go_through_a_run(
    tiny: dict[str, Any], run_folder: Callable[..., Path], command: Callable[..., tuple[int, str, str]]
) -> None:
    labels = ["=cmd|'/C x'!A0", "\N{GRINNING FACE} [red]x[/y] \N{MINUS SIGN}3 & 100% _a", "-x"]
    tiny["compressors"] = [{"name": "topk", "label": label} for label in labels]
    tiny["monte_carlo"] = {"samples": 4}
    tiny["metrics"] = ["nmse_db", "bits", "rho"]
    tiny["sweeps"] = {"=s \N{GRINNING FACE}": {"snr_db": [0, 20]}}
    folder = run_folder(tiny)
    assert "\n'=s" in (folder / "results.csv").read_text(encoding="utf-8")
    results = read_results(folder)
    assert set(labels) <= set(results["compressor"])
    assert set(results["sweep"]) == {"=s \N{GRINNING FACE}"}
    exports = [("export-tables", "--format", kind) for kind in ("latex", "csv")]
    for arguments in (("plot", "--metric", "nmse_db"), ("show",), *exports):
        code, out, err = command(arguments[0], folder, *arguments[1:])
        assert (code, err) == (0, ""), err
        assert "\x1b" not in out
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "\N{GRINNING FACE} [red]x[/y]" in html
    assert ",'=cmd" in (folder / "tables" / "s_nmse.csv").read_text(encoding="utf-8")


def test_escapes_in_files_of_others(
    tiny: dict[str, Any], run_folder: Callable[..., Path], command: Callable[..., tuple[int, str, str]]
) -> None:
    tiny["compressors"], tiny["monte_carlo"] = [{"name": "topk"}], {"samples": 4}
    folder = run_folder(tiny)
    table = folder / "results.csv"
    table.write_text(table.read_text().replace("topk", "to\x1b[2Jpk"))
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"command": ESCAPES}))
    code, out, err = command("show", folder)
    assert code == 0, err
    assert "\x1b" not in out + err
    assert "to\\x1b[2Jpk" in out
