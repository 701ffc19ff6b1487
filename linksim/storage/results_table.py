"""Reads what a run left behind: the tidy results table, the resolved scenario and the manifest.

A run that was stopped half-way has fewer points and perhaps no manifest yet; that is no error here.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from channels.formats.yaml_text import read_yaml
from feedback.number_text import number_text
from linksim.errors import InputError
from linksim.scenario.axis import AXIS_COLUMNS
from linksim.scenario.paired_axes import axis_keys
from linksim.storage.csv_text import read_csv
from linksim.storage.percentiles import PERCENTILES

NAME_COLUMNS = ("sweep", "compressor", "metric", "unit")
NUMBER_COLUMNS = (*AXIS_COLUMNS, "value", "ci_low", "ci_high", "n")
# What else a row may say of its compressor and of its samples; no axis.
FACT_COLUMNS = ("compressor_ratio", "learnt_from", *PERCENTILES)

# Room for the decimal rounding of a written interval, relative to the value.
ROUNDING = 1e-6


def find_run(path: Path) -> Path:
    """A run's folder: the one given, or the newest run in a scenario's folder of results.

    Raises:
        InputError: if there is no run.
    """
    if (path / "results.csv").exists():
        return path
    runs = sorted(path.glob("*/results.csv"), key=lambda file: file.stat().st_mtime)
    if not runs:
        raise InputError(f"{path}: no results.csv there, expected a run folder such as results/<scenario>/<hash>")
    return runs[-1].parent


def read_results(run_folder: Path, scenario: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """The results of a run, one row per (sweep, point, compressor, metric), in the order they were written.

    Args:
        run_folder: folder of the run.
        scenario: its resolved scenario where that has been read already.

    Returns:
        Columns ``sweep, compressor, metric, unit`` (text), the axis columns, ``value``, ``ci_low``, ``ci_high``
        and ``n`` (float64), ``compressor_ratio`` (float64, NaN for a compressor without one), ``learnt_from`` (float64,
        distinct training channels) and the percentiles ``p5``, ``p50``, ``p95`` (float64) if the file has them, and a
        column for each other swept scenario key that the file has (float64, or text if it is not all numbers). Empty
        cells of axes, intervals and percentiles are NaN; an empty ``feedback_snr_db`` means a perfect link.
        ``value`` may be infinite (0 in dB), never NaN.

    Raises:
        InputError: if the file is missing, is no CSV, lacks a column, or holds something other than one number
            per (sweep, point, compressor, metric).
    """
    path = run_folder / "results.csv"
    try:
        table = read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as CSV ({_one_line(error)}), expected the results of a run") from None
    missing = [name for name in (*NAME_COLUMNS, *NUMBER_COLUMNS) if name not in table.columns]
    if missing:
        raise InputError(f"{path}: no column {', '.join(missing)}, expected the columns that `linksim run` writes")
    table[list(NUMBER_COLUMNS)] = table[list(NUMBER_COLUMNS)].apply(lambda column: _numbers(column, path))
    keys = _swept_keys(read_scenario(run_folder) if scenario is None else scenario)
    swept = [key for key in keys if key in table.columns and key not in AXIS_COLUMNS]
    for key in swept:
        numbers = pd.to_numeric(table[key].replace("", "nan"), errors="coerce")
        table[key] = table[key] if (numbers.isna() & (table[key] != "")).any() else numbers.astype(np.float64)
    _check_rows(table, path, [*AXIS_COLUMNS, *swept])
    facts = [name for name in FACT_COLUMNS if name in table.columns]
    table[facts] = table[facts].apply(lambda column: _numbers(column, path))
    return table[[*NAME_COLUMNS, *NUMBER_COLUMNS, *facts, *swept]]


def axis_column(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Values of an axis as a results table holds them: numbers, or texts of all as soon as one is a name."""
    if not values.map(lambda value: isinstance(value, str)).any():
        return values
    return values.map(lambda value: number_text(value) if isinstance(value, float) else str(value))


def read_scenario(run_folder: Path) -> dict[str, Any]:
    """The resolved scenario of a run, empty if the run has none.

    Raises:
        InputError: if the file is not a YAML mapping.
    """
    return _read_mapping(run_folder / "scenario.yaml")


def read_manifest(run_folder: Path) -> dict[str, Any]:
    """The manifest of a run, empty if the run has not got that far.

    Raises:
        InputError: if the file is not a JSON object.
    """
    return _read_mapping(run_folder / "manifest.json")


def _read_mapping(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else read_yaml(text)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read ({_one_line(error)}), expected a mapping") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: found {type(content).__name__}, expected a mapping")
    return content


def _numbers(column: pd.Series, path: Path) -> pd.Series:
    numbers = pd.to_numeric(column.replace("", "nan"), errors="coerce")
    wrong = numbers.isna() & (column != "")
    if column.name == "value":
        wrong |= numbers.isna()
    if wrong.any():
        _refuse(path, wrong, str(column.name), f"got {column[wrong].iloc[0]!r}, expected a number")
    return numbers.astype(np.float64)


def _swept_keys(scenario: Mapping[str, Any]) -> list[str]:
    sweeps = scenario.get("sweeps")
    axes = sweeps.values() if isinstance(sweeps, dict) else []
    reserved = (*NAME_COLUMNS, "value", "ci_low", "ci_high", "n", *FACT_COLUMNS)
    keys = [key for axis in axes if isinstance(axis, dict) for name in axis for key in axis_keys(str(name))]
    return [key for key in dict.fromkeys(keys) if key not in reserved]


def _check_rows(table: pd.DataFrame, path: Path, axes: list[str]) -> None:
    for name in ("sweep", "compressor", "metric"):
        if (table[name] == "").any():
            _refuse(path, table[name] == "", name, "empty, expected a name")
    repeated = table.duplicated(["sweep", *axes, "compressor", "metric"])
    if repeated.any():
        row = table[repeated].iloc[0]
        _refuse(path, repeated, "value", f"a second {row['metric']} of {row['compressor']} at this point, expected one")
    room = ROUNDING * (1.0 + table["value"].abs())
    outside = (table["ci_low"] > table["value"] + room) | (table["ci_high"] < table["value"] - room)
    if outside.any():
        _refuse(path, outside, "ci_low, ci_high", "the interval does not hold the value")


def _refuse(path: Path, rows: pd.Series, column: str, message: str) -> None:
    line = int(np.flatnonzero(rows.to_numpy())[0]) + 2
    raise InputError(f"{path}: line {line}: {column}: {message}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
