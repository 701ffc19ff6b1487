"""``linksim zoo list``, ``verify``, ``eval``, ``store``: the trained weights that are kept."""

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linksim.cli.options import Workers
from linksim.terminal import say

if TYPE_CHECKING:
    from rich.table import Table

    from linksim.statistics.accumulator import Estimate
    from linksim.zoo.evaluation import Evaluation

zoo_app = typer.Typer(help="Trained weights: what there is, whether it is sound, how good it is.")

Folder = Annotated[
    Path | None,
    typer.Option("--zoo", metavar="DIR", help="folder of trained weights; by default LINKSIM_ZOO and those that ship"),
]
Csv = Annotated[bool, typer.Option("--csv", help="comma-separated values instead of a table")]


@zoo_app.command("list")
def list_weights(folder: Folder = None, csv: Csv = False) -> None:
    """Lists the weights of a zoo: network, ratio, channels, training, NMSE on validation channels, hash.

    The NMSE is through what codewords went through in training, before it and of the best step; where both are equal,
    training did not improve on the start, and a line says so. Beside it stands the best published one, as a rule after
    1e8 channels of the original COST 2100 files.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from linksim.storage.csv_text import csv_text
    from linksim.studies.published import published_nmse_db
    from linksim.terminal import Console
    from linksim.zoo.entries import read_zoo, zoo_table

    entries = read_zoo(*_folders(folder))
    found = zoo_table(entries)
    published = [published_nmse_db(entry.network, entry.ratio, entry.papers_scenario) for entry in entries]
    found.insert([*found].index("validation_nmse_db") + 1, "published_nmse_db", published)
    if csv:
        say(csv_text(found, None), end="")
        return
    table = Table(box=box.SIMPLE_HEAD, padding=0)
    left = ("name", "channel", "figures through")
    figures = ("start [dB]", "validation NMSE [dB]", "published [dB]", "MB")
    for column in (*left, "learnt from", "samples seen", "seed", *figures):
        table.add_column(Text(column), justify="left" if column in left else "right", overflow="fold")
    for row, printed in zip(found.itertuples(), published, strict=True):
        start, nmse, size = (
            f"{row.start_nmse_db:.2f}",
            f"{row.validation_nmse_db:.2f}",
            f"{float(str(row.bytes)) / 1e6:.2f}",
        )
        beside = "" if printed is None else f"{printed:.2f}"
        texts = (str(row.name), str(row.channel), str(row.measured_through))
        counts = (_count(row.learnt_from), f"{row.samples_seen}", f"{row.seed}")
        table.add_row(*texts, *counts, start, nmse if row.improved else f"{nmse} (start)", beside, size)
    # Whole names where nobody looks at a narrow terminal.
    console = Console(width=None if sys.stdout.isatty() else 170)
    console.print(table)
    if unimproved := ", ".join(found["name"][~found["improved"].astype(bool)]):
        say(f"WARNING: training did not improve on the start of {unimproved}")
    for command in found["command"].unique():
        console.print(f"trained with: {command}", soft_wrap=True, highlight=False, markup=False)


@zoo_app.command()
def verify(
    folder: Folder = None,
    max_mb: Annotated[float, typer.Option(min=0, max=1e9, help="what all files may take together")] = 60.0,
) -> None:
    """Checks hashes, names and sizes of a zoo, and that all weights load; exit code 2 if something is wrong."""
    from linksim.zoo.entries import zoo_files
    from linksim.zoo.problems import problems

    folders = _folders(folder)
    found = [problem for checked in folders for problem in problems(checked, round(max_mb * 1e6))]
    for problem in found:
        say(f"linksim: {' '.join(problem.split())}", file=sys.stderr)
    if found:
        raise typer.Exit(2)
    for checked in folders:
        size = sum(file.stat().st_size for file in checked.iterdir() if file.is_file())
        say(f"{checked}: valid, {len(zoo_files(checked))} networks, {size / 1e6:.1f} MB")


@zoo_app.command("eval")
def evaluate(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="network, or start of a file's name; by default all")
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="test channels")] = 1000,
    training_samples: Annotated[
        int | None,
        typer.Option(
            min=1, help="channels that the KLT is fitted to; by default as many as the network's, up to 20 000"
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**63 - 1, help="seed of the channels; by default that of the training")
    ] = None,
    workers: Workers = None,
    folder: Folder = None,
    csv: Csv = False,
) -> None:
    """Evaluates stored weights on test channels of the channel that they were trained for.

    Perfect channel estimates; codewords over a perfect link, and those of networks that were trained through noise or
    few bits through these as well, as on the validation channels. Test channels come from a random stream of their own;
    no weights were trained or chosen on them.
    """
    import pandas as pd
    import torch

    from linksim.execution.executor import default_workers, local_executor
    from linksim.storage.csv_text import csv_text
    from linksim.terminal import Console
    from linksim.zoo.entries import find_entries
    from linksim.zoo.evaluation import evaluate as evaluate_entries

    entries = find_entries(_folders(folder), name)
    with local_executor(workers or default_workers(torch.device("cpu"))) as executor:
        found = list(evaluate_entries(entries, samples, training_samples, executor, seed))
    if csv:
        say(csv_text(pd.DataFrame(map(_record, found)), "%.6g"), end="")
    else:
        Console(width=None if sys.stdout.isatty() else 150).print(_table(found))


@zoo_app.command("store")
def store_anew(
    out: Annotated[Path, typer.Option(metavar="DIR", help="folder that they are written to")],
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="network, or start of a file's name; by default all")
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="validation channels that the cost is measured on")] = 1000,
    workers: Workers = None,
    folder: Folder = None,
) -> None:
    """Stores weights anew in as few bits as cost less than 0.02 dB on validation channels, in another folder.

    Their names stay. One line each says how they are stored, what that costs, and both sizes.
    """
    import torch

    from linksim.execution.executor import default_workers, local_executor
    from linksim.zoo.entries import find_entries
    from linksim.zoo.storing import store

    entries, before, after = find_entries(_folders(folder), name), 0, 0
    with local_executor(workers or default_workers(torch.device("cpu"))) as executor:
        for found in store(entries, out, samples, executor):
            sizes = f"{found.bytes_before / 1e6:.2f} MB before, {found.bytes_after / 1e6:.2f} MB"
            say(f"{found.name}: {found.storage}, costs {found.cost_db:.3f} dB, {sizes}")
            before, after = before + found.bytes_before, after + found.bytes_after
    say(f"{out}: {len(entries)} networks, {before / 1e6:.1f} MB before, {after / 1e6:.1f} MB")


def _folders(named: Path | None) -> list[Path]:
    """The folder that was named, or those where weights are looked for; the user's own may not be there yet."""
    from linksim.zoo_folders import default_zoos

    return [folder for folder in default_zoos() if folder.is_dir()] if named is None else [named]


def _record(evaluation: "Evaluation") -> dict[str, object]:
    from feedback.number_text import number_text

    test = evaluation.test
    return {
        "scenario": evaluation.scenario,
        "compressor": evaluation.compressor,
        "cr": number_text(evaluation.ratio),
        "through": evaluation.through,
        "nmse_db": test.value,
        "ci_low": test.low,
        "ci_high": test.high,
        "n": test.n,
        "learnt_from": evaluation.learnt_from,
        "validation_nmse_db": evaluation.validation_nmse_db,
        "samples_seen": evaluation.samples_seen,
        "name": evaluation.name,
    }


def _table(found: "list[Evaluation]") -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    columns = (
        "scenario", "CR", "through", "compressor", "test NMSE [dB]", "n", "validation NMSE [dB]", "learnt from",
        "samples seen",
    )  # fmt: skip
    table = Table(box=box.SIMPLE_HEAD, padding=0)
    for number, column in enumerate(columns):
        table.add_column(Text(column), justify="left" if number in (0, 2, 3) else "right", overflow="fold")
    before = None
    alike = Counter((row.scenario, row.ratio, row.through, row.compressor) for row in found)
    for row in found:
        here = (row.scenario, row.ratio, row.through)
        if before not in (None, here):
            table.add_section()
        before = here
        validation = "-" if row.validation_nmse_db is None else f"{row.validation_nmse_db:.2f}"
        seen = "-" if row.samples_seen is None else str(row.samples_seen)
        # Several weights of one network here are told apart by their files.
        network = row.name if row.name and alike[(*here, row.compressor)] > 1 else row.compressor
        place = (row.scenario, f"{row.ratio:g}", row.through, network)
        table.add_row(*place, _interval(row.test), str(row.test.n), validation, _count(row.learnt_from), seen)
    return table


def _count(number: object) -> str:
    return "unknown" if number is None or number != number else f"{float(str(number)):.0f}"


def _interval(estimate: "Estimate") -> str:
    half = "" if estimate.high is None else f"\N{PLUS-MINUS SIGN}{estimate.high - estimate.value:.2f}"
    return f"{estimate.value:.2f}{half}"
