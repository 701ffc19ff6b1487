"""Weights of a zoo beside what papers publish of the same networks: what is there, without training or running any."""

from collections.abc import Iterable

import pandas as pd

from linksim.studies.published import published_nmse_db
from linksim.zoo.entries import ZooEntry

_COLUMNS = (
    "method", "cr", "scenario", "condition", "relation", "published", "printed", "ours", "ci_low", "ci_high",
    "samples_seen",
)  # fmt: skip
_NAN = float("nan")


def zoo_figures(
    entries: Iterable[ZooEntry], table: str | None = None, least_seen: int = 0, most_seen: int | None = None
) -> pd.DataFrame:
    """The best weights of every network, compression ratio and scenario of the papers.

    Networks that learnt from a teacher are left out: their papers print them as others. So are weights that are of
    another channel than the papers', or were chosen through noise or few bits.

    Args:
        entries: of one or several zoos.
        table: what is published there alone, such as ``acrnet-table1``; by default in any paper, the best of it.
        least_seen: training channels that weights must have seen.
        most_seen: training channels that they may have seen; by default any number.

    Returns:
        Columns ``method, cr, scenario, condition, relation, published, printed, ours, ci_low, ci_high, samples_seen``,
        those of ``performance`` that hold here, by scenario, ratio and published figure. NMSE is in dB, ours that on
        validation channels, without an interval; where nothing is published it is NaN, and left out with ``table``.
    """
    best: dict[tuple[str, float, str], ZooEntry] = {}
    for entry in entries:
        key = (entry.network, entry.ratio, entry.papers_scenario)
        seen = entry.info.samples_seen
        taken = entry.papers_scenario and "distillation" not in entry.info.compressor
        taken = taken and least_seen <= seen and (most_seen is None or seen <= most_seen)
        if taken and (key not in best or _nmse(entry) < _nmse(best[key])):
            best[key] = entry
    rows = [
        (*key, "", "=", published_nmse_db(*key, table=table), "", _nmse(entry), _NAN, _NAN, entry.info.samples_seen)
        for key, entry in best.items()
    ]
    figures = pd.DataFrame(rows, columns=list(_COLUMNS)).astype({"published": float})
    found = figures if table is None else figures[figures["published"].notna()]
    return found.sort_values(["scenario", "cr", "published", "ours"], ignore_index=True)


def _nmse(entry: ZooEntry) -> float:
    return entry.info.stored_nmse_db
