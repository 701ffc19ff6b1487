"""Figures of merit as the papers print them, typed from their tables and texts: data to compare with, never computed.

Papers: ``acrnet`` (Lu and others, Binarized Aggregated Network With Quantization, 2022), ``bcsinet`` (Lu, Wang, Song,
2021), ``cm`` (Lu and others, Codeword Mimic), ``cllwcsinet`` (convolutional latent space and denoising), ``deq`` (deep
equilibrium learning), ``csinet`` (Wen, Shih and Jin, Deep Learning for Massive MIMO CSI Feedback, 2018,
arXiv:1712.08919; its Table I as the authors print it beside their code, github.com/sydney222/Python_CsiNet). Beside
their authors' code stand those of ``clnet`` (Ji and Li, CLNet, 2021, github.com/SIJIEJI/CLNet) and ``transnet`` (Cui,
Guo and Song, TransNet, 2022, github.com/Treedy2020/TransNet).
"""

import csv
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from feedback.errors import FeedbackInputError

Relation = Literal["=", "<", ">"]

# Settings that a method's name says already, or that are of its training; iterations of DEQ are those of its default.
_OF_THE_NETWORK = {"epochs", "fc", "latent", "te", "td", "weights"}

_FILE = Path(__file__).with_name("published.csv")

# Figures of which neither the picture's numbers nor the text's are at hand.
UNAVAILABLE = {
    "cllwcsinet-figure7": "the figure is drawn without numbers and the text has none",
}


@dataclass(frozen=True)
class Published:
    """One printed value.

    Attributes:
        paper: which paper.
        table: ``table1``, ``figure4`` and so on; ``readme`` for what stands beside the authors' code.
        row: head of its row as printed, the compression ratio first where rows are grouped by it.
        column: head of its column.
        method: network or variant, in the names of the compressors here where there is one.
        cr: compression ratio, 2 Na Nt over the codeword length.
        scenario: ``indoor`` or ``outdoor`` (COST 2100), ``uma_28ghz``, ``uma_300mhz``; empty where it depends on none.
        setting: ``key=value`` of whatever else the row or column fixes, such as ``bits=8``; may be empty.
        metric: ``nmse_db``; ``macs`` and ``params`` of both sides, ``ue_macs``, ``ue_params``, ``ue_multiplications``;
            ``words``, ``ue_words``, ``bs_words`` of 32 bits that are stored; ``operations``: multiply-adds with biases,
            activations and batch norm; ``macs_without_attention``: multiply-adds of all other layers;
            ``codeword_mse_mid`` and ``codeword_mse_end``.
        unit: of the value.
        relation: ``=``, or ``<`` and ``>`` where a text gives a bound.
        value: the number, ``None`` where the paper says that it is not reported.
        printed: as printed.
        note: what is odd about it, such as another value in another table.
    """

    paper: str
    table: str
    row: str
    column: str
    method: str
    cr: float
    scenario: str
    setting: str
    metric: str
    unit: str
    relation: Relation
    value: float | None
    printed: str
    note: str

    @property
    def name(self) -> str:
        """Paper and table, such as ``acrnet-table1``."""
        return f"{self.paper}-{self.table}"

    @property
    def settings(self) -> dict[str, str]:
        """``setting`` as a mapping."""
        return dict(part.split("=", 1) for part in self.setting.split(" ") if "=" in part)

    def agrees(self, value: float) -> bool:
        """Whether a number is this one, at the digits printed and with the printed thousands (K) or millions (M)."""
        if self.value is None or self.relation != "=":
            return self.value is not None and (value < self.value if self.relation == "<" else value > self.value)
        scale = {"K": 1e3, "M": 1e6}.get(self.printed[-1], 1.0)
        digits = len(self.printed.rstrip("KM").partition(".")[2])
        return round(value / scale, digits) == round(self.value / scale, digits)


@cache
def published() -> tuple[Published, ...]:
    """Everything that is typed in, in the order of the papers.

    Raises:
        FeedbackInputError: if the file is damaged; one line.
    """
    with _FILE.open(newline="", encoding="utf-8") as file:
        return tuple(_value(number, row) for number, row in enumerate(csv.DictReader(file), start=2))


def published_table(name: str) -> tuple[Published, ...]:
    """The values of one table or figure, such as ``acrnet-table1``; empty if there are none."""
    return tuple(value for value in published() if value.name == name)


def published_nmse_db(method: str, cr: float, scenario: str, table: str | None = None) -> float | None:
    """The best NMSE that a paper prints of a network as it is, float codewords over a perfect link, dB.

    Values that the file notes as printed otherwise elsewhere do not count.

    Args:
        method: name of the compressor.
        cr: compression ratio.
        scenario: ``indoor`` or ``outdoor``.
        table: what stands there alone, such as ``acrnet-table1``; by default in any paper.
    """
    plain = [
        value.value
        for value in (published() if table is None else published_table(table))
        if (value.method, value.cr, value.scenario, value.metric) == (method, cr, scenario, "nmse_db")
        and value.value is not None
        and value.relation == "="
        and not value.note
        and set(value.settings) <= _OF_THE_NETWORK
    ]
    return min(plain, default=None)


def _value(line: int, row: dict[str, str]) -> Published:
    try:
        number = float(row["value"]) if row["value"] else None
        relation = row["relation"]
        if relation not in get_args(Relation) or (number is not None and not math.isfinite(number)):
            raise ValueError(f"relation {relation!r} and value {row['value']!r}")
        texts = {key: row[key] for key in row if key not in ("cr", "relation", "value")}
        return Published(**texts, cr=float(row["cr"]), relation=relation, value=number)  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError) as error:
        raise FeedbackInputError(f"{_FILE}: line {line}: {error}, expected a published value") from None
