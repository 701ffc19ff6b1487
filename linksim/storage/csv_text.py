"""Tables as CSV text that spreadsheets do not run: a text that looks like a formula gets an apostrophe in front.

The rule can be undone: where apostrophes and then one of ``= + - @``, a tab or a carriage return begin a text that is
no number, one apostrophe more stands in the file (https://owasp.org/www-community/attacks/CSV_Injection).
"""

import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# Far more than a point's row: its labels, texts and numbers.
MAX_LINE_BYTES = 100_000

_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def guarded(text: str) -> str:
    """A text as a cell of a CSV file."""
    return f"'{text}" if _FORMULA.match(text) and not _is_number(text) else text


def unguarded(cell: str) -> str:
    """The text of a cell of a CSV file."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def csv_text(table: "pd.DataFrame", float_format: str | None = "%.9g") -> str:
    """A table as CSV, its texts guarded.

    Args:
        table: any; the index is left out.
        float_format: of numbers; ``None`` for all their digits.
    """
    from pandas.api.types import is_numeric_dtype

    guarded_table = table.rename(columns=lambda name: guarded(str(name)))
    for number, (_, column) in enumerate(table.items()):
        if not is_numeric_dtype(column):
            guarded_table.isetitem(number, [_guarded_cell(value) for value in column])
    text: str = guarded_table.to_csv(index=False, float_format=float_format, lineterminator="\n")
    return text


def read_csv(path: Path) -> "pd.DataFrame":
    """A CSV file's table, every cell the text that was meant.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is no CSV in UTF-8, or has a line of more than ``MAX_LINE_BYTES``.
    """
    with path.open("rb") as file:
        for number in itertools.count(1):
            line = file.readline(MAX_LINE_BYTES + 1)
            if len(line) > MAX_LINE_BYTES:
                raise ValueError(f"line {number}: more than {MAX_LINE_BYTES} bytes, expected at most that")
            if not line:
                break
    import pandas as pd

    table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8", index_col=False)
    return table.rename(columns=lambda name: unguarded(str(name))).map(unguarded)


def _guarded_cell(value: Any) -> Any:
    return guarded(value) if isinstance(value, str) else value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
