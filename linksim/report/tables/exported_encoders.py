"""Exported encoders side by side in the terminal."""

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from linksim.deployment.measurement import EncoderFigures
from linksim.terminal import Console

_HEADINGS = (
    "encoder", "NMSE [dB]", "codeword\ndifference", "1 thread\n[\N{MICRO SIGN}s]", "PyTorch's\nover it",
    "float32\nnumbers", "weights\n[kB]", "file\n[kB]",
)  # fmt: skip
_KB = 1000


def show(figures: Sequence[EncoderFigures], console: Console) -> None:
    """Prints what ``export`` returned, and where the files are."""
    first = figures[0]
    printed = Table(box=box.SIMPLE_HEAD, padding=0)
    for heading in _HEADINGS:
        printed.add_column(Text(heading), justify="left" if heading == _HEADINGS[0] else "right", no_wrap=True)
    for row in figures:
        half = "" if row.ci_high is None else f"\N{PLUS-MINUS SIGN}{row.ci_high - row.nmse_db:.2f}"
        printed.add_row(
            row.format,
            f"{row.nmse_db:.3f}{half}",
            f"{row.codeword_difference:.1e}" if row.file else "",
            f"{row.latency_us:.0f}",
            f"{first.latency_us / row.latency_us:.1f}",
            _grouped(row.float_parameters),
            f"{row.weight_bytes / _KB:.1f}",
            f"{row.file_bytes / _KB:.1f}" if row.file else "",
        )
    console.print(printed)
    console.print(
        f"{first.n} test channels, codeword values up to {first.codeword_largest:.3g}, one report at a time, "
        f"{_grouped(first.parameters)} learnt numbers",
        highlight=False,
        soft_wrap=True,
    )
    for row in figures[1:]:
        console.print(row.file, highlight=False, soft_wrap=True)


def _grouped(count: int) -> str:
    return f"{count:,}".replace(",", " ")
