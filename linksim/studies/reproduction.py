"""Our figures beside a paper's: a scenario that mirrors a published table, run, and joined with what is printed."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from scipy import stats

from feedback.checkpoint_info import read_info
from feedback.complexity import count_stored_bytes
from feedback.compressor import Complexity, Compressor
from feedback.errors import FeedbackInputError
from feedback.neural import NeuralCompressor
from linksim.comparison.run_samples import point_rows
from linksim.errors import InputError
from linksim.preparation.prepare import weights_file
from linksim.preparation.scheme_spec import SchemeSpec, is_trained, schemes_of
from linksim.scenario.file import load_scenario
from linksim.scenario.model import Scenario
from linksim.scenario.sweep import Point, points_of
from linksim.shipped_files import shipped_scenarios
from linksim.storage.results_table import read_results
from linksim.studies.operations import count_macs_without_attention, count_operations
from linksim.studies.published import UNAVAILABLE, Published, published_table

FOLDER = shipped_scenarios() / "reproduce"
_WORD_BYTES = 4
# Codeword values that are not quantised, in the papers' words.
_FLOAT_BITS = "32"
_MIN_FOR_RANKS = 3
_RANK_COLUMNS = ["scenario", "cr", "condition", "n", "spearman", "ci_low", "ci_high", "kendall"]

# What makes two figures the same: method, compression ratio, scenario, bits or feedback SNR.
Key = tuple[str, float, str, str]


@dataclass(frozen=True)
class Reproduction:
    """A published table and the scenario that mirrors it.

    Attributes:
        name: paper and table, such as ``acrnet-table1``.
        scenario: what is run.
        printed: the published values; may be empty.
    """

    name: str
    scenario: Scenario
    printed: tuple[Published, ...]

    @property
    def unavailable(self) -> str | None:
        """Why there are no published values, if there are none."""
        return UNAVAILABLE.get(self.name)


def load_reproduction(name: str, overrides: list[str]) -> Reproduction:
    """The reproduction of a table by name.

    Raises:
        InputError: if there is none; one line names those that there are.
    """
    file = FOLDER / f"{name}.yaml"
    if not file.exists():
        known = ", ".join(sorted(path.stem for path in FOLDER.glob("*.yaml"))) or f"none in {FOLDER}"
        raise InputError(f"TABLE: got {name!r}, expected one of {known}")
    scenario = load_scenario(file, overrides)
    training = scenario.training
    if training.budget is not None and training.budget.samples:
        # Channels that no network would see need not be made.
        fewer = min(training.network_samples, training.budget.samples)
        update = {"network_samples": fewer, "samples": min(training.samples, fewer)}
        training = training.model_copy(update=update)
    return Reproduction(name, scenario.model_copy(update={"training": training}), published_table(name))


def missing_networks(scenario: Scenario) -> list[SchemeSpec]:
    """The networks of a scenario's points that its zoo does not hold, each once."""
    specs = {weights_file(s): s for point in points_of(scenario) for s in schemes_of(point) if is_trained(s)}
    return [spec for file, spec in specs.items() if not file.exists()]


def performance(reproduction: Reproduction, run: Path) -> pd.DataFrame:
    """NMSE of the run beside the published: first what is printed, in its order, then what only we have.

    Returns:
        Columns ``method, cr, scenario, condition, setting, relation, published, printed, ours, ci_low, ci_high, n,
        samples_seen, channel, note``; numbers are NaN where there is none. ``condition`` is what of the report is
        varied: bits of a codeword value, or the feedback SNR; ``setting`` is what else the paper's row fixes.
    """
    ours = dict(_our_figures(reproduction.scenario, run))
    with_bits = any("bits" in value.settings for value in reproduction.printed)
    rows, used = [], set()
    for value in reproduction.printed:
        if value.metric != "nmse_db":
            continue
        key = _key(value, with_bits)
        used.add(key)
        rows.append(_row(key, value, ours.get(key)))
    rows += [_row(key, None, row) for key, row in ours.items() if key not in used]
    return pd.DataFrame(rows)


def complexities(reproduction: Reproduction) -> pd.DataFrame:
    """Counters beside the published complexity, one row for each printed value of a network that is built here.

    Returns:
        Columns ``method, cr, quantity, unit, relation, published, printed, ours, agrees, note``.
    """
    networks = {
        (spec.label, float(spec.parameters.compression_ratio or 0)): spec
        for point in points_of(reproduction.scenario)
        for spec in schemes_of(point)
    }
    built: dict[tuple[str, float], tuple[Compressor, Complexity]] = {}
    rows = []
    for value in reproduction.printed:
        spec = networks.get((value.method, value.cr))
        if value.metric not in _COUNTERS or value.value is None or spec is None:
            continue
        if (value.method, value.cr) not in built:
            compressor = spec.build().compressor
            built[value.method, value.cr] = (compressor, compressor.complexity())
        ours = _COUNTERS[value.metric](*built[value.method, value.cr])
        rows.append(
            {
                "method": value.method,
                "cr": value.cr,
                "quantity": value.metric,
                "unit": value.unit,
                "relation": value.relation,
                "published": value.value,
                "printed": value.printed,
                "ours": ours,
                "agrees": "yes" if value.agrees(ours) else "no",
                "note": value.note,
            }
        )
    return pd.DataFrame(rows)


def rank_correlations(table: pd.DataFrame) -> pd.DataFrame:
    """Agreement of the orderings, ours and published, for every scenario, compression ratio and condition.

    Returns:
        Columns ``scenario, cr, condition, n, spearman, ci_low, ci_high, kendall``, with ``spearman_interval``; groups
        of fewer than three methods, or of equal values only, are left out.
    """
    rows = []
    both = table[table["published"].notna() & table["ours"].notna() & (table["relation"] == "=")]
    for (scenario, cr, condition), group in both.groupby(["scenario", "cr", "condition"], sort=False):
        # Ranks of equal values only have no correlation.
        if len(group) >= _MIN_FOR_RANKS and min(group["published"].nunique(), group["ours"].nunique()) > 1:
            spearman = float(stats.spearmanr(group["published"], group["ours"]).statistic)
            kendall = float(stats.kendalltau(group["published"], group["ours"]).statistic)
            place = {"scenario": scenario, "cr": cr, "condition": condition, "n": len(group)}
            low, high = spearman_interval(spearman, len(group))
            rows.append({**place, "spearman": spearman, "ci_low": low, "ci_high": high, "kendall": kendall})
    return pd.DataFrame(rows, columns=_RANK_COLUMNS)


def spearman_interval(correlation: float, n: int) -> tuple[float, float]:
    r"""95 % interval of a rank correlation, of networks as a sample of those that might have been compared.

    .. math:: \tanh\left( \operatorname{artanh} r \pm 1.96 \sqrt{\frac{1 + r^2 / 2}{n - 3}} \right)

    (D. G. Bonett, T. A. Wright, 2000, DOI 10.1007/BF02294183). Equal orderings, whose correlation has no logarithm, are
    taken half way to the next less equal ones, :math:`r = 1 - 6 / (n (n^2 - 1))`. Three networks say nothing: -1 to 1.

    Args:
        correlation: Spearman's.
        n: networks.
    """
    if n <= _MIN_FOR_RANKS:
        return -1.0, 1.0
    most = 1 - 6 / (n * (n**2 - 1))
    taken = min(max(correlation, -most), most)
    half = float(stats.norm.ppf(0.975)) * math.sqrt((1 + taken**2 / 2) / (n - 3))
    low, high = math.tanh(math.atanh(taken) - half), math.tanh(math.atanh(taken) + half)
    return min(low, correlation), max(high, correlation)


def _key(value: Published, with_bits: bool) -> Key:
    return value.method, value.cr, value.scenario, f"bits={value.settings.get('bits', '')}" if with_bits else ""


def _our_figures(scenario: Scenario, run: Path) -> Iterator[tuple[Key, dict[str, Any]]]:
    results = read_results(run)
    for point in points_of(scenario):
        rows = point_rows(results[results["metric"] == "nmse_db"], point)
        for spec in schemes_of(point):
            for _, row in rows[rows["compressor"] == spec.label].iterrows():
                ratio = float(spec.parameters.compression_ratio or 0)
                key = (spec.label, ratio, _place(point.scenario), _setting(scenario, point))
                yield (
                    key,
                    {
                        "ours": row["value"],
                        "ci_low": row["ci_low"],
                        "ci_high": row["ci_high"],
                        "n": row["n"],
                        "samples_seen": _samples_seen(spec),
                        "channel": f"{point.scenario.channel.source} {_place(point.scenario)}, regenerated",
                    },
                )


def _place(scenario: Scenario) -> str:
    return str(getattr(scenario.channel, "environment", scenario.channel.source))


def _setting(scenario: Scenario, point: Point) -> str:
    swept = {key for axes in scenario.sweeps.values() for key in axes}
    if "feedback.quantiser.bits" in swept:
        return f"bits={getattr(point.scenario.feedback.quantiser, 'bits', _FLOAT_BITS)}"
    if "feedback_snr_db" in swept:
        return f"feedback_snr_db={getattr(point.scenario.feedback.link, 'snr_db', '')}"
    return ""


def _samples_seen(spec: SchemeSpec) -> float:
    if is_trained(spec):
        return float(read_info(weights_file(spec)).samples_seen)
    return float(spec.scenario.training.samples) if spec.learns else 0.0


def _row(key: Key, value: Published | None, ours: Mapping[str, Any] | None) -> dict[str, Any]:
    missing = dict.fromkeys(("ours", "ci_low", "ci_high", "n", "samples_seen"), float("nan")) | {"channel": ""}
    return {
        "method": key[0],
        "cr": key[1],
        "scenario": key[2],
        "condition": key[3],
        "setting": "" if value is None else value.setting,
        "relation": "" if value is None else value.relation,
        "published": float("nan") if value is None or value.value is None else value.value,
        "printed": "" if value is None else value.printed,
        **(missing if ours is None else ours),
        "note": "" if value is None else value.note,
    }


def _ue_words(cost: Complexity) -> float:
    return cost.ue_bytes / _WORD_BYTES


def _bs_words(compressor: Compressor) -> float:
    return count_stored_bytes(_network(compressor).decoder) / _WORD_BYTES


def _network(compressor: Compressor) -> NeuralCompressor:
    if not isinstance(compressor, NeuralCompressor):
        raise FeedbackInputError(f"{compressor.settings.name}: got no network, expected one with published figures")
    return compressor


_COUNTERS: dict[str, Callable[[Compressor, Complexity], float]] = {
    "macs": lambda _, cost: cost.ue_macs + cost.bs_macs,
    "ue_macs": lambda _, cost: cost.ue_macs,
    "ue_multiplications": lambda _, cost: cost.ue_multiplications,
    "params": lambda _, cost: cost.parameters,
    "ue_params": lambda _, cost: cost.ue_parameters,
    "words": lambda compressor, cost: _ue_words(cost) + _bs_words(compressor),
    "ue_words": lambda _, cost: _ue_words(cost),
    "bs_words": lambda compressor, _: _bs_words(compressor),
    "operations": lambda compressor, _: count_operations(_network(compressor)),
    "macs_without_attention": lambda compressor, _: count_macs_without_attention(_network(compressor)),
}
