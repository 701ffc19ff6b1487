"""What each compressor costs at either side: of a scenario, or of the registry at the papers' ratios."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from feedback.compressor import COMPRESSORS, Complexity
from feedback.errors import FeedbackInputError
from feedback.number_text import number_text
from feedback.observation import CsiDimensions
from feedback.plugin_file import build_compressor
from linksim.files import write_whole
from linksim.preparation.dimension_check import none_takes_part
from linksim.preparation.scheme_spec import SchemeSpec, schemes_of
from linksim.scenario.chosen_point import chosen_point
from linksim.scenario.model import Scenario
from linksim.scenario.outlines import csi_dimensions
from linksim.scenario.plugin_sections import compressor_label
from linksim.scenario.sweep import Point, points_of
from linksim.storage.csv_text import csv_text

COLUMNS = (
    "compressor",
    "compression_ratio",
    "ue_macs",
    "ue_multiplications",
    "bs_macs",
    "ue_parameters",
    "parameters",
    "ue_bytes",
)
RATIOS = (4, 8, 16, 32, 64)
# Na = Nt = 32: two polarisations of two rows and eight columns, 13 subbands of four points.
DIMENSIONS = CsiDimensions(
    32, 32, n_polarizations=2, n_rows=2, bands=tuple((4 * index, 4 * index + 4) for index in range(13))
)


def write_complexity(scenario: Scenario, points: Sequence[Point], folder: Path) -> None:
    """Writes ``complexity.csv``: multiply-adds and stored parameters per report, a row for each compressor of a run.

    At the point that stands for the first sweep in which it takes part, or at its first point otherwise; the column
    ``compression_ratio`` says at which ratio that is.

    Args:
        scenario: the run's.
        points: all of them.
        folder: of the run.
    """
    document = scenario.model_dump(mode="json")
    sweeps = [[point for point in points if point.sweep == name] for name in dict.fromkeys(one.sweep for one in points)]
    leading = [point for sweep in sweeps if (point := chosen_point(sweep, document, {})) is not None]
    found: dict[str, dict[str, object]] = {}
    for point in [*leading, *points]:
        for spec in schemes_of(point):
            if spec.label not in found:
                at = {"compressor": spec.label, "compression_ratio": spec.parameters.compression_ratio}
                found[spec.label] = at | vars(_cost(spec, point.scenario))
    known = [compressor_label(entry) for entry in scenario.compressors]
    in_order = sorted(found, key=lambda label: known.index(label) if label in known else len(known))
    write_whole(folder / "complexity.csv", csv_text(pd.DataFrame([found[label] for label in in_order]), None))


def scenario_costs(scenario: Scenario) -> pd.DataFrame:
    """Costs of a scenario's compressors at every compression ratio of its points; columns ``COLUMNS``.

    Raises:
        InputError: if none takes part at any point.
    """
    wanted = {
        (spec.label, spec.parameters.model_dump_json(), csi_dimensions(point.scenario)): (spec, point.scenario)
        for point in points_of(scenario)
        for spec in schemes_of(point)
    }
    if not wanted:
        raise none_takes_part()
    rows = [
        _row(spec.label, spec.parameters.compression_ratio, _cost(spec, tested)) for spec, tested in wanted.values()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def registry_costs() -> pd.DataFrame:
    """Costs of every compressor by default, Na = Nt = 32, at the ratios of 4 to 64 that it knows, if it has any."""
    return pd.DataFrame(list(_registry_rows()), columns=list(COLUMNS))


def cost_text(costs: pd.DataFrame) -> str:
    """Costs as a table of text, thousands set apart."""
    grouped = {column: lambda count: f"{count:,}".replace(",", " ") for column in COLUMNS[2:]}
    return costs.fillna({"compression_ratio": "-"}).to_string(index=False, formatters=grouped)


def _registry_rows() -> Iterator[tuple[object, ...]]:
    for name in sorted(map(str, COMPRESSORS.keys())):
        kind = COMPRESSORS.get_class(name)
        for ratio in RATIOS if kind.has_ratio else (None,):
            try:
                section = {"name": name, "compression_ratio": ratio, **kind.Parameters.example}
                parameters = kind.Parameters.model_validate(section)
                cost = build_compressor(parameters, DIMENSIONS).complexity()
            except FeedbackInputError:
                continue
            yield _row(name, ratio, cost)


def _cost(spec: SchemeSpec, tested: Scenario) -> Complexity:
    """Of reports of the channel that is tested, whatever channel a compressor has learnt from."""
    return build_compressor(spec.parameters, csi_dimensions(tested)).complexity()


def _row(name: str, ratio: float | None, cost: Complexity) -> tuple[object, ...]:
    counts = (cost.ue_macs, cost.ue_multiplications, cost.bs_macs, cost.ue_parameters, cost.parameters, cost.ue_bytes)
    return (name, None if ratio is None else number_text(ratio), *counts)
