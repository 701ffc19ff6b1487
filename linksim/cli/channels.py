"""``linksim dataset compare`` and ``linksim show-channel``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from linksim.terminal import Console

_CHANNELS = "scenario or channel section (.yaml), data set or QuaDRiGa file (.h5), CsiNet file (.mat)"

SplitOption = Annotated[Literal["train", "validation", "test"], typer.Option(help="split to look at")]
SeedOption = Annotated[
    int | None, typer.Option(min=0, max=2**63 - 1, help="seed of generators; by default the scenario's, or 1")
]


def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help=_CHANNELS)],
    b: Annotated[Path, typer.Argument(metavar="B", help="the same")],
    samples: Annotated[int, typer.Option(min=1, help="samples of each, at most")] = 1000,
    seed: SeedOption = None,
    split: SplitOption = "test",
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="folder for figures and comparison.csv")] = None,
) -> None:
    """Compares the statistics of two sets of channels, and says how far apart they are as distributions."""
    from linksim.datasets.comparison import compare as compare_channels
    from linksim.datasets.input import open_channel, with_distinct_labels
    from linksim.report.figures.channel_comparison import draw_comparison
    from linksim.report.tables.channel_comparison import show, write_csv

    first, second = with_distinct_labels(open_channel(a, split, seed=seed), open_channel(b, split, seed=seed))
    comparison = compare_channels(first, second, samples, 1 if seed is None else seed)
    console = Console()
    show(comparison, console)
    if out is not None:
        write_csv(comparison, out / "comparison.csv")
        draw_comparison(comparison, out)
        console.print(f"figures and comparison.csv: {out}", soft_wrap=True, highlight=False)


def show_channel(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help=_CHANNELS)],
    sample: Annotated[int, typer.Option(min=0, help="which sample of the split")] = 0,
    split: SplitOption = "test",
    out: Annotated[Path, typer.Option(metavar="DIR", help="folder for the figure")] = Path("results/channels"),
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="key of the YAML file, or of a data file's source"),
    ] = None,
    seed: SeedOption = None,
    speed: Annotated[
        float | None, typer.Option(min=0, help="speed of a generator's terminals [m/s]; by default its own")
    ] = None,
) -> None:
    """Draws one channel: response, angular-delay matrix, paths, and how it changes with time."""
    from linksim.datasets.input import open_channel
    from linksim.datasets.view import view_channel
    from linksim.report.figures.channel import draw_channel

    channels = open_channel(source, split, seed=seed, overrides=overrides or (), speed_m_s=speed)
    view = view_channel(channels, sample)
    for file in draw_channel(view, out / f"{source.stem}_{split}_{sample}"):
        Console().print(file, soft_wrap=True, highlight=False)
