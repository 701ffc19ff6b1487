"""``linksim compare``: paired differences between runs, or between the compressors of one."""

from pathlib import Path
from typing import Annotated

import typer

from linksim.errors import InputError
from linksim.terminal import Console

_DEFAULT_METRICS = ("nmse_db", "nmse_e2e_db", "rho", "rate_bps_hz")


def compare_runs(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="run folders; the first is what others are compared with")
    ],
    against: Annotated[
        str | None, typer.Option(metavar="COMPRESSOR", help="compare every compressor with this one of the first run")
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="metric to show instead of the usual ones; may be given often")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="folder for figures and CSV; by default in the first run")
    ] = None,
) -> None:
    """Compares runs on the channels that they share, sample by sample: differences with 95 % intervals."""
    from linksim.comparison.run_samples import open_runs
    from linksim.comparison.runs import compare_runs as compare
    from linksim.report.figures.difference import draw_differences
    from linksim.report.tables.difference import difference_tables, reference_name, write_differences
    from linksim.report.tables.terminal import print_table
    from linksim.report.view.names import compressor_labels
    from linksim.storage.results_table import find_run

    if out is not None and out.exists() and not out.is_dir():
        raise InputError(f"--out: got the file {out}, expected a folder")
    opened = open_runs([find_run(path) for path in runs])
    comparison = compare(opened, against, ())
    known = set(comparison.rows["metric"])
    pairs = {name: set(rows["compressor"]) for name, rows in comparison.rows.groupby("metric")}
    # Precoders have no error of a channel to be compared.
    precoders = pairs.get("sgcs", set()) - pairs.get("nmse_db", set())
    default = [*_DEFAULT_METRICS, "sgcs"] if precoders else _DEFAULT_METRICS
    shown = tuple(metric or [name for name in default if name in known] or sorted(known))
    for name in shown:
        if name not in known:
            raise InputError(f"--metric: got {name!r}, expected one of {', '.join(sorted(known))}")
    console = Console()
    for note in comparison.notes:
        console.print(note, style="dim", highlight=False, markup=False, soft_wrap=True)
    paired = ", ".join(sorted({"paired" if flag == "yes" else "not paired" for flag in comparison.rows["paired"]}))
    title = f"difference to {reference_name(comparison)}, 95 % intervals, {paired}; bold: the interval does not hold 0"
    console.print(title, highlight=False, markup=False, soft_wrap=True)
    for table in difference_tables(comparison, shown):
        print_table(table, console)
    folder = out or opened[0].folder / "comparison"
    write_differences(comparison, folder / "comparison.csv")
    names = {
        label: name for run in opened for label, name in compressor_labels(run.scenario.model_dump(mode="json")).items()
    }
    draw_differences(comparison, shown, folder, names)
    console.print(f"figures and comparison.csv: {folder}", soft_wrap=True, highlight=False)
