"""Options of figures, which ``linksim plot`` and ``linksim export-tables`` share."""

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from linksim.report.view.figure_options import FigureOptions

Limits = Annotated[
    list[str] | None,
    typer.Option(
        metavar="METRIC=LOW:HIGH",
        help="ends of a metric's axis, such as nmse_db=-20:0; may be given often; by default all but far curves, which "
        "are marked at the end of the axis",
    ),
]
Order = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LABEL", help="compressor to draw and list first; may be given often; by default the scenario's"
    ),
]
Size = Annotated[
    str | None,
    typer.Option(
        metavar="WIDTHxHEIGHT", help="of every figure in inches, such as 3.5x2.5; by default one or two paper columns"
    ),
]
Columns = Annotated[int | None, typer.Option(min=1, max=12, help="panels side by side; by default as many as fit")]
Palette = Annotated[
    str | None, typer.Option(help="colours: okabe-ito (default), muted or grey; markers and lines stay the same")
]
Only = Annotated[list[str] | None, typer.Option(metavar="LABEL", help="draw this compressor only; may be given often")]
Without = Annotated[list[str] | None, typer.Option(metavar="LABEL", help="leave this one out; may be given often")]
At = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE",
        help="point whose distributions (CDFs) are drawn, such as snr_db=10; may be given often; by default the "
        "scenario's own value of a swept key, or that in the middle",
    ),
]


def figure_options(
    limits: Limits = None,
    order: Order = None,
    size: Size = None,
    columns: Columns = None,
    palette: Palette = None,
    only: Only = None,
    without: Without = None,
    at: At = None,
) -> "FigureOptions":
    """Options of the command line as the report takes them.

    Raises:
        InputError: if one is not of its form; one line.
    """
    from linksim.report.view.figure_options import FigureOptions, parse_limits, parse_palette, parse_size, parse_values

    options = FigureOptions(
        limits=parse_limits(limits or ()),
        order=tuple(order or ()),
        size_in=parse_size(size),
        columns=columns,
        only=tuple(only or ()),
        without=tuple(without or ()),
        at=parse_values(at or ()),
    )
    return options if palette is None else options.with_palette(parse_palette(palette))


def takes_figure_options(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options of ``figure_options`` in place of its last parameter, which gets what they say."""
    shared = inspect.signature(figure_options).parameters
    *own, chosen = inspect.signature(command).parameters.values()

    @functools.wraps(command)
    def shown(**arguments: Any) -> None:
        options = figure_options(**{name: arguments.pop(name) for name in shared})
        command(**arguments, **{chosen.name: options})

    # What Typer reads the options from.
    parameters = [*own, *shared.values()]
    shown.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    shown.__annotations__ = {each.name: each.annotation for each in parameters}
    return shown
